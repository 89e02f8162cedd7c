"""The playbooks: how to investigate each class of event."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from engine.ownership import read_own
from engine.types import Severity


class PlaybookStep(NamedTuple):
    """One step of an investigation."""

    tool: str
    """The name of the tool that does it, or empty where a person has to."""
    text: str


@dataclass(frozen=True, slots=True)
class Playbook:
    """How to investigate one class of event."""

    id: str
    event_class: str
    name: str
    name_zh: str
    attack_ids: tuple[str, ...]
    tools: tuple[str, ...]
    severity: Severity
    block: bool
    """Whether blocking the attacker is a sensible proposal for this class."""
    steps: tuple[PlaybookStep, ...]
    criteria: tuple[str, ...]
    actions: tuple[str, ...]


FIELDS = ("id", "class", "name", "name_zh", "attack", "tools", "severity", "block")
SECTIONS = ("Steps", "Verdict criteria", "Actions")


def read_playbooks(folder: Path, user_folder: Path | None = None) -> dict[str, Playbook]:
    """Return the playbooks by event class; a user's own replaces the shipped one."""
    own = sorted(user_folder.glob("*.md")) if user_folder and user_folder.is_dir() else []
    books = [parse_playbook(path) for path in sorted(folder.glob("*.md"))]
    books += [_parsed(path, read_own(path).decode("utf-8")) for path in own]
    return {book.event_class: book for book in books}


def parse_playbook(path: Path) -> Playbook:
    """Return the playbook in a file; raises ValueError with the path and what is wrong."""
    return _parsed(path, path.read_text(encoding="utf-8"))


def _parsed(path: Path, text: str) -> Playbook:
    _, front, body = [*text.split("---\n", 2), "", ""][:3]
    fields = dict(_field(line, path) for line in front.splitlines() if line.strip())
    parts = re.split(r"^## (.+)$", body, flags=re.MULTILINE)
    sections = {title.strip(): _items(text) for title, text in zip(parts[1::2], parts[2::2], strict=True)}
    missing = [name for name in FIELDS if name not in fields] + [name for name in SECTIONS if not sections.get(name)]
    if missing:
        raise ValueError(f"cannot use the playbook {path}: {', '.join(missing)} missing or empty")
    if fields["block"] not in ("yes", "no") or fields["severity"] not in set(Severity):
        raise ValueError(f"cannot use the playbook {path}: block is yes or no, severity {', '.join(Severity)}")
    return Playbook(
        id=fields["id"],
        event_class=fields["class"],
        name=fields["name"],
        name_zh=fields["name_zh"],
        attack_ids=_names(fields["attack"]),
        tools=_names(fields["tools"]),
        severity=Severity(fields["severity"]),
        block=fields["block"] == "yes",
        steps=tuple(_step(text) for text in sections["Steps"]),
        criteria=sections["Verdict criteria"],
        actions=sections["Actions"],
    )


def _field(line: str, path: Path) -> tuple[str, str]:
    key, colon, value = line.partition(":")
    if not colon:
        raise ValueError(f"cannot use the playbook {path}: {line!r} is not key: value")
    return key.strip(), value.strip()


def _names(value: str) -> tuple[str, ...]:
    """Return the names in ``[a, b]``."""
    return tuple(name.strip() for name in value.strip("[]").split(",") if name.strip())


def _items(text: str) -> tuple[str, ...]:
    """Return the list items of a section; a line that is none goes on with the item before it."""
    items: list[str] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        item = re.sub(r"^(\d+\.|-) ", "", line)
        if item != line or not items:
            items.append(item)
        else:
            items[-1] = f"{items[-1]} {line}"
    return tuple(items)


def _step(text: str) -> PlaybookStep:
    match = re.match(r"`(\w+)`:? *(.*)", text)
    return PlaybookStep(match[1], match[2]) if match else PlaybookStep("", text)
