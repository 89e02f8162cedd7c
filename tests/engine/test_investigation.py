"""The analyst is tied to the playbook of the worst alert, to the recordings, and to what there is of knowledge."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from engine.agent.graph import canonical_outcome
from engine.agent.models import ModelChoice
from engine.agent.recorded import RecordedHost
from engine.casebook import Due
from engine.config import Settings
from engine.documents.opening import NAME, open_documents
from engine.investigation import FALLBACK_CLASS, PLAYBOOK, Investigator, Sources, choices, load_investigator
from engine.plan import Recording
from engine.types import Alert, IncidentView, Severity, TraceStep
from tests.engine.bench import knowledge_cache, replay_plan
from tests.engine.documents.embedding_server import serving
from tests.factories import alert, detection, flow, incident


def due(*alerts: Alert) -> Due:
    return Due(incident(alert_ids=tuple(one.id for one in alerts)), alerts, (flow(),), 1001.0)


def investigator(tmp_path: Path, **changes: object) -> Investigator:
    return load_investigator(replay_plan(tmp_path, **changes), Sources(), 1.0)


@pytest.mark.parametrize(
    ("classes", "playbook"),
    [
        (("port_scan", "sql_injection"), "sql_injection"),
        (("", ""), FALLBACK_CLASS),
        (("no such class", ""), FALLBACK_CLASS),
    ],
    ids=["the worst alert", "no class", "an unknown class"],
)
def test_the_playbook_is_that_of_the_worst_alert_that_has_one(
    tmp_path: Path, classes: tuple[str, str], playbook: str
) -> None:
    mild, grave = (
        alert(id=f"A-{number}", detection=detection(event_class=name, severity=severity))
        for number, (name, severity) in enumerate(zip(classes, (Severity.LOW, Severity.HIGH), strict=True))
    )
    at_work = investigator(tmp_path)
    found = at_work._playbook([mild, grave])
    assert found is not None
    assert found == at_work.knowledge.playbook(playbook)


def _keep(state: Path, settings: Settings, name: str, text: str) -> None:
    """Add a document to those of a state folder."""
    paper = state / name
    paper.write_text(text)
    documents = open_documents(state / NAME, settings)
    assert documents.add(paper).fault == ""
    documents.close()


def _without_nonce(step: TraceStep) -> str:
    return re.sub(r"(?<=<<<)(untrusted|end) [0-9a-f]{12}", r"\1", step.content)


async def test_a_replay_is_given_the_knowledge_of_then_and_asks_no_endpoint_for_embeddings(tmp_path: Path) -> None:
    shutil.copy(knowledge_cache(), tmp_path / "knowledge.db")
    web = due(alert(detection=detection(event_class="web_exploit", severity=Severity.HIGH)))
    with serving() as server:
        own = Settings(embedding_model_name="m", openai_base_url=server.url)
        alone = {"knowledge": tmp_path / "knowledge.db", "settings": own, "host": RecordedHost({})}
        _keep(tmp_path, own, "old.md", "An exploit of a web application is answered by taking the shop down.")
        live = investigator(tmp_path, **alone, open_readers=())
        then_steps: list[TraceStep] = []
        then = await live.investigate(web, then_steps.append, PLAYBOOK)
        _keep(tmp_path, own, "new.md", "Attack on a web application T1190 log4shell.jndi: a drill.")
        asked = len(server.requests)
        heard = Recording("playbook", then.host_records, then.answers)
        again_steps: list[TraceStep] = []
        replay = investigator(tmp_path, **alone, recordings={web.incident.id: (heard,)})
        again = await replay.investigate(web, again_steps.append)
        present_steps: list[TraceStep] = []
        await replay.investigate(web, present_steps.append, PLAYBOOK)
        assert len(server.requests) == asked > 1
    assert canonical_outcome(again) == canonical_outcome(then)
    assert list(map(_without_nonce, again_steps)) == list(map(_without_nonce, then_steps))
    assert "a drill" in "".join(step.content for step in present_steps)


async def test_each_investigation_hears_its_own_recording_and_later_ones_the_present(tmp_path: Path) -> None:
    recordings = (Recording("playbook"), Recording("told", {}, ('{"fault": "it was down"}',)))
    at_work = investigator(tmp_path, recordings={incident().id: recordings}, host=RecordedHost({}))
    steps: list[TraceStep] = []
    outcomes = [await at_work.investigate(due(alert()), steps.append) for _ in range(3)]
    assert [[fault.message for fault in outcome.faults] for outcome in outcomes] == [[], ["it was down"], []]
    assert [outcome.verdict.analyst for outcome in outcomes] == ["playbook"] * 3


def test_the_name_is_that_of_the_model_or_of_the_playbook_analyst(tmp_path: Path) -> None:
    asked = Settings(openai_base_url="http://127.0.0.1:9/v1", model_name="scripted")
    assert investigator(tmp_path).name == "playbook"
    assert investigator(tmp_path, settings=asked).name == "scripted"


def test_a_knowledge_base_that_cannot_be_kept_is_made_in_memory_and_said(tmp_path: Path) -> None:
    at_work = investigator(tmp_path, knowledge=tmp_path / "no-folder" / "knowledge.db")
    assert [fault.ability for fault in at_work.faults] == ["knowledge"]
    assert at_work.knowledge.search("log4shell jndi lookup")
    assert investigator(tmp_path, knowledge=knowledge_cache()).faults == []


async def test_a_users_prompts_are_used_and_those_others_may_write_are_a_fault(tmp_path: Path) -> None:
    (tmp_path / "verdict.md").write_text("Mine.")
    (tmp_path / "verdict.md").chmod(0o644)
    own = Settings(prompts=str(tmp_path))
    assert investigator(tmp_path, settings=own).prompts == tmp_path
    (tmp_path / "verdict.md").chmod(0o666)
    refused = investigator(tmp_path, settings=own)
    assert ([fault.ability for fault in refused.faults], refused.prompts) == (["prompts"], None)


def test_a_playbook_that_cannot_be_read_is_a_fault_and_the_shipped_ones_stay(tmp_path: Path) -> None:
    (tmp_path / "mine.md").write_text("no front matter")
    (tmp_path / "mine.md").chmod(0o644)
    at_work = investigator(tmp_path, settings=Settings(playbooks=str(tmp_path)))
    assert [fault.ability for fault in at_work.faults] == ["playbooks"]
    assert at_work.knowledge.playbook(FALLBACK_CLASS) is not None
    assert len(at_work.classes) == 23


HERE, THERE = "http://127.0.0.1:9/v1", "https://model.example/v1"


@pytest.mark.parametrize(
    ("settings", "investigates", "classifies"),
    [
        (Settings(), None, None),
        (Settings(openai_base_url=HERE, model_name="a"), ModelChoice("a", HERE), None),
        (
            Settings(openai_base_url=THERE, openai_api_key="k", model_name="a", classifier_model_name="b"),
            ModelChoice("a", THERE, "k"),
            ModelChoice("b", THERE, "k"),
        ),
        (
            Settings(openai_base_url=THERE, openai_api_key="k", model_name="a", classifier_base_url=HERE),
            ModelChoice("a", THERE, "k"),
            ModelChoice("a", HERE, ""),
        ),
        (Settings(classifier_model_name="b", classifier_base_url=HERE), None, ModelChoice("b", HERE)),
    ],
    ids=["none", "one for both", "two at one address", "a key does not go elsewhere", "only a classifier"],
)
def test_two_roles_may_use_two_models(
    settings: Settings, investigates: ModelChoice | None, classifies: ModelChoice | None
) -> None:
    assert choices(settings) == (investigates, classifies)


async def test_a_stored_incident_is_previewed_and_asked_about_without_being_changed(tmp_path: Path) -> None:
    view = IncidentView(incident(), (alert(),), (), (), None, (), ())
    at_work = investigator(tmp_path, settings=Settings(openai_base_url=THERE, model_name="a"))
    assert at_work.preview(view).startswith(f"To a at {THERE}: it leaves the host")
    alone = investigator(tmp_path)
    assert alone.preview(view).startswith("Nothing leaves the host")
    answer = await alone.ask("What is exploitation of a public application?", view, 3, "")
    assert answer.analyst == "playbook"
    assert len(answer.passages) == 3


def test_without_attack_at_all_the_analyst_works_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("techniques.json.xz differs from manifest.json")

    monkeypatch.setattr("engine.attack.index.Shipped", refuse)
    at_work = investigator(tmp_path, knowledge=tmp_path / "knowledge.db")
    (told,) = [fault for fault in at_work.faults if fault.ability == "knowledge"]
    assert told.message == "ATT&CK cannot be opened: ValueError: techniques.json.xz differs from manifest.json"
    assert at_work.knowledge.search("log4shell jndi lookup") == []
    assert at_work.knowledge.playbook(FALLBACK_CLASS) is not None
