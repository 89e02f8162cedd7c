"""``ask`` answers from what is stored, with sources, and says what it could not use."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import pytest

from aegis_tui.cli import main
from engine.agent.spending import day_of
from engine.store.database import open_store
from engine.store.rows import put_alert, put_incident, put_spending
from engine.store.tally import spent
from tests.aegis_tui.launching import launch
from tests.factories import alert, incident
from tests.model_server import Refuse, Say, in_order, serving

HOSTILE = "\x1b]0;pwned\x07\nforged"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the command a state folder of its own, without an endpoint."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "MODEL_NAME", "EMBEDDING_MODEL_NAME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return a database that holds one incident."""

    async def write() -> None:
        async with open_store(tmp_path / "a.db") as store:
            made = incident(id="INC-1", title=HOSTILE)
            await store.write([put_incident(made, "a.pcap"), put_alert(alert(incident_id="INC-1"))])

    asyncio.run(write())
    return tmp_path / "a.db"


def test_an_incident_is_asked_by_the_beginning_of_its_id(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "what happened?", "--incident", "INC", "--database", str(database)]) == 0
    text = capsys.readouterr().out
    assert "There is no verdict yet. [INC-1]" in text
    assert "[A-0123456789]" in text
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "\nforged" not in text


def test_the_knowledge_is_asked_with_its_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "how is ssh password brute force mitigated?", "--k", "3"]) == 0
    text = capsys.readouterr().out
    assert "[T1110" in text
    assert "https://attack.mitre.org/techniques/T1110" in text


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "web shell", "--json", "--k", "2"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"question", "claims", "passages", "analyst", "free_text"}
    assert all(one["supported"] and one["knowledge_ids"] for one in told["claims"])


@pytest.mark.parametrize(
    "words", [[""], ["x" * 1001], ["x", "--k", "0"], ["x", "--k", "21"], ["x", "--incident", "INC-9"]]
)
def test_what_cannot_be_asked_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", *words]) == 2
    assert capsys.readouterr().err.startswith("aegis-tui: ")


def test_a_models_own_words_stand_apart(
    database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    claims = [{"text": "It was the owner.", "evidence_ids": ["E-0"], "knowledge_ids": []}]
    with serving(in_order([Say(json.dumps({"claims": claims, "text": f"I guess {HOSTILE}"}))])) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("MODEL_NAME", "scripted")
        assert main(["ask", "who was it?", "--incident", "INC-1", "--database", str(database)]) == 0
    text = capsys.readouterr().out
    assert "- It was the owner. [E-0] UNSUPPORTED" in text
    assert "in its own words, not checked: I guess \\x1b]0;pwned" in text


def test_an_endpoint_that_fails_is_said(
    database: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(in_order([], then=Refuse(401))) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert main(["ask", "who was it?", "--incident", "INC-1", "--database", str(database)]) == 0
    printed = capsys.readouterr()
    assert "gave no usable answer; this one is made without it" in printed.err
    assert "The other end is 203.0.113.9" in printed.out


async def _spend(state: Path, tokens: int) -> None:
    (state / "state" / "aegis").mkdir(parents=True)
    async with open_store(state / "state" / "aegis" / "aegis.db") as store:
        await store.write([put_spending(day_of(time.time()), "scripted", tokens, 0)])


def test_over_the_tokens_of_the_day_no_model_is_asked(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(_spend(state, 500_000))
    with serving(in_order([])) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("MODEL_NAME", "scripted")
        assert main(["ask", "web shell", "--k", "2"]) == 0
        assert server.requests == []
    printed = capsys.readouterr()
    assert "the 500000 tokens of the day are spent" in printed.err
    assert "[T1505" in printed.out


def test_what_a_question_costs_is_added_to_the_day(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(_spend(state, 1))
    with serving(in_order([Say(json.dumps({"claims": [], "text": "Hm."}))])) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("MODEL_NAME", "scripted")
        assert main(["ask", "web shell", "--k", "2"]) == 0
    ((model, tokens_in, _, calls),) = spent(state / "state" / "aegis" / "aegis.db", day_of(time.time()))
    assert (model, calls) == ("scripted", 2)
    assert tokens_in > 200


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root has privileges to give up")
def test_root_gives_up_its_privileges_before_it_answers(database: Path, tmp_path: Path) -> None:
    done = launch(tmp_path / "live", "ask", "who?", "--incident", "INC-1", "--database", str(database))
    assert (done.returncode, done.stderr) == (0, "")
    assert "The other end is 203.0.113.9" in done.stdout
