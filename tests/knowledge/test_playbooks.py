"""Every event class has a playbook whose tools and techniques exist."""

from __future__ import annotations

import pytest

from engine import paths
from engine.agent.tools import TOOLS
from engine.knowledge import Knowledge
from engine.playbooks import read_playbooks

CLASSES = {
    "trojan", "webshell", "web_exploit", "deserialisation", "sql_injection", "xss", "command_injection",
    "file_inclusion", "ssrf", "xxe", "brute_force", "weak_password", "scan", "dos", "c2_beacon", "dns_tunnel",
    "mining", "ransomware", "phishing_download", "exfiltration", "lateral_movement", "privilege_escalation",
    "vulnerability_exploit",
}  # fmt: skip
BOOKS = read_playbooks(paths.PLAYBOOKS)


def test_every_event_class_has_its_file() -> None:
    assert set(BOOKS) == CLASSES
    assert {path.stem for path in paths.PLAYBOOKS.glob("*.md")} == CLASSES


@pytest.mark.parametrize("event_class", sorted(CLASSES))
def test_a_playbook_names_the_tools_of_its_steps_and_judges_three_ways(event_class: str) -> None:
    book = BOOKS[event_class]
    used = {step.tool for step in book.steps} - {""}
    assert used == set(book.tools) <= set(TOOLS)
    assert sum(step.tool not in ("", "search_knowledge") for step in book.steps) <= 7
    assert [
        word for word in ("malicious", "suspicious", "benign") if any(c.startswith(word) for c in book.criteria)
    ] == [
        "malicious",
        "suspicious",
        "benign",
    ]
    assert any("raises no verdict" in criterion for criterion in book.criteria)
    assert book.name_zh and not book.name_zh.isascii()


def test_every_technique_of_a_playbook_exists() -> None:
    knowledge = Knowledge(embedding=False)
    assert [key for book in BOOKS.values() for key in book.attack_ids if knowledge.get(key) is None] == []
