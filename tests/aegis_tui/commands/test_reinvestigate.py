"""A stored incident before a fresh analyst: what changed is told, and nothing that was stored changes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from aegis_tui.cli import main
from aegis_tui.commands.reinvestigate import analyst_settings
from engine.config import Settings
from tests.engine.bench import attack, few_rules, knowledge_cache, stored
from tests.factories import pcap_file
from tests.model_server import Refuse, Say, in_order, serving

CALM = {"conclusion": "suspicious", "severity": "critical", "claims": [{"text": "It may be a scanner."}]}


@pytest.fixture
def incident_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the id of an incident that the playbook analyst judged."""
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "MODEL_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "aegis").mkdir()
    (tmp_path / "aegis" / "knowledge.db").hardlink_to(knowledge_cache())
    capture = pcap_file(tmp_path / "a.pcap", attack(at=1000))
    assert main(["replay", str(capture), "--headless", "--json", "--rules", str(few_rules())]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return str(next(line["id"] for line in lines if line["type"] == "incident"))


def again(incident_id: str, *words: str) -> int:
    return main(["replay", incident_id, "--reinvestigate", "--diff", "--rules", str(few_rules()), *words])


def test_the_playbook_analyst_comes_to_the_same(incident_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert again(incident_id) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["stored by playbook, now by playbook", "nothing changed"]


def test_another_model_is_compared_claim_by_claim_and_nothing_is_stored(
    incident_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def all_stored() -> Any:
        return await stored(tmp_path / "aegis")

    before = asyncio.run(all_stored())
    with serving(in_order([Say("Seen."), Say("T1190."), Say(json.dumps(CALM))])) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert again(incident_id, "--analyst", "scripted", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["changed"]["analyst"] == {"before": "playbook", "after": "scripted"}
    assert "conclusion" not in told["changed"]
    assert {"field": "claims", "text": "It may be a scanner. [no evidence named] UNSUPPORTED"} in told["added"]
    assert any(one["field"] == "tools" for one in told["removed"])
    assert told["faults"] == []
    assert asyncio.run(all_stored()) == before


def test_a_model_that_is_no_file_is_the_chat_model(
    incident_id: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda _: Refuse(500)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert again(incident_id, "--model", "other-model") == 0
        assert {request["model"] for request in server.requests} == {"other-model"}
    assert "! llm: cannot ask other-model" in capsys.readouterr().out


def test_a_difference_without_anything_that_differs_is_refused(
    incident_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", incident_id, "--diff"]) == 2
    assert "or --reinvestigate, for another analyst" in capsys.readouterr().err


def test_a_model_without_an_endpoint_is_refused() -> None:
    with pytest.raises(LookupError, match="no endpoint is configured for scripted"):
        analyst_settings(Settings(), "scripted")


def test_the_playbook_analyst_asks_no_endpoint() -> None:
    settings = analyst_settings(Settings(openai_base_url="http://127.0.0.1:9/v1", openai_api_key="sk"), "playbook")
    assert (settings.openai_base_url, settings.openai_api_key) == ("", "")
