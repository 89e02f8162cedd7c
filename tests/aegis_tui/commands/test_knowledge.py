"""``knowledge``: what is added is said, found, listed and removed, and nothing leaves the host unasked."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegis_tui.cli import main
from aegis_tui.commands import knowledge
from engine.documents import endpoint
from tests.aegis_tui.launching import launch
from tests.engine.documents.embedding_server import EmbeddingServer, serving
from tests.engine.documents.papers import HANDBOOK, RUNBOOK

NOBODY = 65534
HOSTILE = "\x1b]0;pwned\x07\x1b[2J"


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """Return a folder with a runbook in English and a handbook in Chinese."""
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "runbook.md").write_text(RUNBOOK, encoding="utf-8")
    (folder / "handbook.md").write_text(HANDBOOK, encoding="utf-8")
    return folder


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddingServer]:
    """Return an endpoint that counts as another host."""
    monkeypatch.setattr(endpoint.EmbeddingEndpoint, "is_loopback", property(lambda self: False))
    monkeypatch.setenv("EMBEDDING_MODEL_NAME", "bge-m3")
    with serving() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        yield server


def test_what_is_added_is_found_listed_and_removed(papers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["knowledge", "add", str(papers)]) == 0
    out, err = capsys.readouterr()
    assert "2 documents added, 0 replaced, 0 unchanged, 0 skipped, 4 pieces" in out
    assert "embedded with all-MiniLM-L6-v2 int8" in err
    assert main(["knowledge", "list", "--json"]) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(entry["source"]).name for entry in listed] == ["handbook.md", "runbook.md"]
    assert main(["knowledge", "remove", listed[0]["id"]]) == 0
    assert capsys.readouterr().out == "1 document removed\n"
    assert main(["knowledge", "list"]) == 0
    assert "handbook" not in capsys.readouterr().out


def test_a_search_prints_one_document_over_attack_and_the_user_s(
    papers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["knowledge", "add", str(papers)])
    capsys.readouterr()
    assert main(["knowledge", "search", "restore the customer database", "--k", "5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["query"] == "restore the customer database"
    assert len(found["results"]) == 5
    assert set(found["results"][0]) == {"id", "title", "text", "source", "score"}
    assert found["results"][0]["source"] == f"{papers}/runbook.md, Backup > Restore"
    assert any(result["id"].startswith("T1") for result in found["results"])


def test_the_same_again_is_said(papers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["knowledge", "add", str(papers / "runbook.md")])
    (papers / "copy.md").write_text(RUNBOOK, encoding="utf-8")
    capsys.readouterr()
    assert main(["knowledge", "add", str(papers / "copy.md")]) == 0
    said = f"unchanged  {papers}/copy.md: there already as {papers}/runbook.md"
    assert said in capsys.readouterr().out


def test_hostile_text_and_names_are_inert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / f"{HOSTILE}.md"
    file.write_text(f"# Head {HOSTILE}\n\nrestore the database {HOSTILE}\n" + "more of the same, and plain\n" * 20)
    for words in (["add", str(file)], ["add", str(file)], ["list"], ["list", "--json"], ["search", "restore database"],
                  ["search", "restore database", "--json"], ["remove", str(file)]):  # fmt: skip
        assert main(["knowledge", *words]) == 0
        out, err = capsys.readouterr()
        assert "\x1b" not in out + err
        assert "\x07" not in out + err
    assert main(["knowledge", "remove", HOSTILE]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_what_cannot_be_read_is_named(papers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (papers / "broken.json").write_text("{")
    assert main(["knowledge", "add", str(papers / "broken.json"), str(papers / "missing.md")]) == 2
    err = capsys.readouterr().err
    assert f"skipped    {papers}/broken.json: it is no JSON" in err
    assert f"skipped    {papers}/missing.md: No such file or directory" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["remove", "D-0000000000"], "there is no document 'D-0000000000'"),
        (["search", "x", "--k", "0"], "--k takes 1 to 50"),
        (["add", "/etc/hostname", "--base", "a b"], "a base is named"),
        (["add", "/etc/hostname", "--base", "attack"], "a base is named"),
    ],
)
def test_what_does_not_fit_is_said(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["knowledge", *words]) == 2
    assert said in capsys.readouterr().err


def test_nothing_is_sent_where_there_is_nobody_to_ask(
    papers: Path, away: EmbeddingServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aegis_tui.commands.person.TERMINAL", papers / "no terminal")
    assert main(["knowledge", "add", str(papers)]) == 1
    err = capsys.readouterr().err
    assert f"is sent to {away.url} (model bge-m3)" in err
    assert "say --yes" in err
    assert away.requests == []
    assert main(["knowledge", "list"]) == 0
    assert "there are no documents" in capsys.readouterr().out


@pytest.mark.parametrize(("typed", "sent"), [("y", True), ("n", False), ("", False)])
def test_a_person_is_asked_before_anything_is_sent(
    papers: Path, away: EmbeddingServer, typed: str, sent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = papers / "answers"
    answers.write_text(f"{typed}\n")
    monkeypatch.setattr("aegis_tui.commands.person.TERMINAL", answers)
    assert main(["knowledge", "add", str(papers / "runbook.md")]) == (0 if sent else 1)
    assert bool(away.requests) is sent


def test_credentials_are_taken_out_of_what_is_sent(papers: Path, away: EmbeddingServer) -> None:
    (papers / "secret.md").write_text("The vault opens with password=hunter2 at night.\n")
    assert main(["knowledge", "add", str(papers), "--yes"]) == 0
    assert "[redacted:secret_field]" in " ".join(away.texts)
    assert "hunter2" not in json.dumps(away.requests)


def test_a_switch_is_told_and_embed_goes_on(
    papers: Path, away: EmbeddingServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.delenv("EMBEDDING_MODEL_NAME")
        main(["knowledge", "add", str(papers)])
    capsys.readouterr()
    assert main(["knowledge", "list"]) == 0
    assert "4 pieces not embedded yet" in capsys.readouterr().err
    assert away.requests == []
    assert main(["knowledge", "embed", "--yes"]) == 0
    assert capsys.readouterr().out == "4 pieces embedded\n"
    assert len(away.texts) == 4


def test_an_endpoint_that_is_down_leaves_the_words(
    papers: Path, away: EmbeddingServer, capsys: pytest.CaptureFixture[str]
) -> None:
    away.answer = lambda texts: (400, b"{}", {})
    assert main(["knowledge", "add", str(papers), "--yes"]) == 1
    assert "`aegis-tui knowledge embed` goes on there" in capsys.readouterr().err
    assert main(["knowledge", "search", "restore the database", "--base", "default", "--json"]) == 0
    assert "runbook.md" in capsys.readouterr().out


def test_progress_is_one_line_on_a_terminal_and_few_lines_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as out, knowledge._progress(out) as progress:
        for done in range(3):
            progress(done, 3, f"file {done} {HOSTILE}")
    shown = os.read(leader, 4096).decode()
    os.close(leader)
    assert "\n" not in shown
    assert "\x1b]0" not in shown
    with knowledge._progress() as progress:
        for done in range(1000):
            progress(done, 1000, "file")
    assert len(capsys.readouterr().err.splitlines()) == 10


@pytest.fixture
def host() -> Iterator[Path]:
    """Return a folder that stands for the state of a live engine whose user is nobody."""
    with tempfile.TemporaryDirectory(prefix="aegis-a2-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "state" / "engine").mkdir(parents=True)
        os.chown(folder / "state" / "engine", NOBODY, NOBODY)
        yield folder


def _as_live(host: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return launch(host / "state", "knowledge", *words)


@pytest.mark.root
def test_root_adds_to_the_live_engine_s_documents_as_its_user(host: Path) -> None:
    private = host / "roots.md"
    private.write_text(RUNBOOK, encoding="utf-8")
    private.chmod(0o600)
    added = _as_live(host, "add", str(private))
    if "cannot read" in added.stderr:
        pytest.skip("the program lies in a folder that is closed to other users")
    assert "1 document added" in added.stdout, added.stderr
    owners = {path.stat().st_uid for path in (host / "state" / "engine").iterdir()}
    assert owners == {NOBODY}
    found = _as_live(host, "search", "restore the customer database", "--json")
    assert f"{private}, Backup > Restore" in found.stdout, found.stderr


@pytest.mark.root
def test_root_does_not_read_for_a_stranger_what_the_stranger_may_not(host: Path) -> None:
    (host / "closed").mkdir(mode=0o700)
    (host / "closed" / "secret.md").write_text("secret")
    theirs = host / "theirs"
    theirs.mkdir()
    (theirs / "way").symlink_to(host / "closed")
    os.chown(theirs, NOBODY, NOBODY)
    added = _as_live(host, "add", str(theirs / "way" / "secret.md"))
    assert added.returncode == 2
    assert "Permission denied" in added.stderr or "closed to" in added.stderr


@pytest.mark.root
@pytest.mark.parametrize("words", [["knowledge", "search", "log4shell"], ["ask", "what is log4shell?"]], ids=" ".join)
def test_to_look_as_root_makes_no_live_state_where_no_engine_ran(words: list[str], tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "own")}
    done = launch(tmp_path / "live", *words, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
    assert not (tmp_path / "live").exists()
