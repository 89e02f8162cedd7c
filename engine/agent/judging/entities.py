"""Documents with types and entities: whether they read files, call out, or only spell letters."""

from __future__ import annotations

import re
from collections.abc import Iterator

_ENTITY_FILE = re.compile(
    r"<!entity[^>]*(?:system|public)[^>]*[\"'](?:file|php|expect|jar|netdoc|gopher|ftp)(?:://|:/)|xi:include[^>]+href=[\"'](?:file|php|/)"
)
_ENTITY_OUT = re.compile(r"<!(?:entity|doctype)[^>\[]*(?:system)\s*[\"']https?://(?:\d{1,3}(?:\.\d{1,3}){3}|\[)")
_ENTITY_DTD = re.compile(r"<!entity\s+(?:%\s*)?\w+\s+system\s*[\"']https?://[^\"']+")
_ENTITY_STANDARD = re.compile(r"system\s*[\"']https?://[^\"']+\.(?:ent|mod)[\"']")
_ENTITY_ANY = re.compile(r"<!entity[^>]*(?:system)|<!entity\s+\S+\s+[\"'](?:&\w+;){4,}|xinclude|<!doctype[^>\[]+system")
_ENTITY_BOMB = re.compile(r"<!entity\s+\S+\s+[\"'](?:&\w+;\s*){4,}")
_DTD_MARK = re.compile(r"<!doctype|<!entity|<xi:include")
_DOCUMENT_OUT = re.compile(r"<!doctype\s+\w+\s+system\s+[\"']https?://")
_DOCUMENT_OWN = re.compile(r"<!doctype\s+(\w+)\s+system\s+[\"']https?://[a-z][^\"'\s]*/\1\.dtd[\"']")
"""A vocabulary's own type, by the name of its own root, from a server with a name."""


def considerations(text: str) -> Iterator[str]:
    """Name what the entities of a lower-case text do."""
    if not _DTD_MARK.search(text):
        return
    if _ENTITY_FILE.search(text) or _ENTITY_BOMB.search(text):
        yield "entity_attack"
    elif _ENTITY_OUT.search(text) or (_ENTITY_DTD.search(text) and not _ENTITY_STANDARD.search(text)):
        yield "entity_calls_out"
    elif _DOCUMENT_OUT.search(text) and not _DOCUMENT_OWN.search(text):
        yield "document_calls_out"
    elif not _ENTITY_ANY.search(text) or _ENTITY_STANDARD.search(text):
        yield "entity_plain"


def declares(text: str) -> bool:
    """Return whether a text declares entities that are more than letters."""
    return bool(_ENTITY_ANY.search(text))


def loads(text: str) -> bool:
    """Return whether reading a text has a parser load something from elsewhere."""
    loading = any(pattern.search(text) for pattern in (_ENTITY_FILE, _ENTITY_OUT, _ENTITY_DTD))
    return loading and not _ENTITY_STANDARD.search(text)
