"""A console at the engine of a daemon."""
