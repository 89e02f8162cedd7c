"""Answers that need no model: from the incident's own records, and from sentences of the knowledge."""
