"""The filter language of the console, the command line and the HTTP door: ``src:203.0.113.0/24 score>.5 !app:dns``."""

from __future__ import annotations

from engine.filter.completion import complete
from engine.filter.matching import Filter
from engine.filter.parser import parse
from engine.filter.vocabulary import HOST_FIELDS

__all__ = ["HOST_FIELDS", "Filter", "complete", "parse"]
