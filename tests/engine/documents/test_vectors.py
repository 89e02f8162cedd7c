"""A switch of the embedding goes on where it broke off, and the old vectors serve until it is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.documents import vectors
from engine.documents.collection import Documents
from engine.documents.embedders import SHIPPED
from tests.engine.documents.conftest import Opener
from tests.engine.documents.embedding_server import EmbeddingServer, Reply, refuse
from tests.engine.documents.embedding_server import vectors as answer


def _embeddings(documents: Documents) -> set[str]:
    return {name for (name,) in documents._db.execute("SELECT DISTINCT embedding FROM vector")}


def test_documents_and_queries_are_embedded_by_the_endpoint(
    opened: Opener, papers: Path, server: EmbeddingServer
) -> None:
    documents = opened(embedding_model_name="bge-m3", openai_base_url=server.url)
    assert documents.add(papers).fault == ""
    assert any("Backup > Restore\nTo restore" in text for text in server.texts)
    assert documents.search("木马处置")[0].title == "handbook.md: 应急响应手册 > 木马处置"
    assert server.texts[-1] == "木马处置"
    assert _embeddings(documents) == {"bge-m3"}


def test_a_switch_embeds_everything_again_and_gives_up_the_old(
    opened: Opener, papers: Path, server: EmbeddingServer
) -> None:
    opened().add(papers)
    documents = opened(embedding_model_name="bge-m3", openai_base_url=server.url)
    assert documents.lacking() == 4
    told: list[tuple[int, int, str]] = []
    assert documents.embed(lambda *what: told.append(what)) == ""
    assert told[-1] == (4, 4, "embedded with bge-m3")
    assert (documents.lacking(), _embeddings(documents)) == (0, {"bge-m3"})


def test_a_switch_that_breaks_off_keeps_what_it_has_and_searches_the_old(
    opened: Opener, papers: Path, server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "BATCH", 1)
    opened().add(papers)

    def break_off(texts: list[str]) -> Reply:
        return answer(texts) if len(server.requests) <= 3 else refuse(400)(texts)

    server.answer = break_off
    documents = opened(embedding_model_name="bge-m3", openai_base_url=server.url)
    fault = documents.embed()
    assert fault.startswith("1 of 4 pieces are not embedded yet: cannot embed with bge-m3")
    assert _embeddings(documents) == {SHIPPED, "bge-m3"}
    assert documents.search("how do I restore the database")[0].title == "runbook.md: Backup > Restore"
    assert documents.fault == ""
    server.answer = None
    sent = len(server.texts)
    again = opened(embedding_model_name="bge-m3", openai_base_url=server.url)
    assert again.embed() == ""
    assert len(server.texts) == sent + 1


def test_the_shipped_model_serves_again_when_the_name_is_taken_away(
    opened: Opener, papers: Path, server: EmbeddingServer
) -> None:
    opened(embedding_model_name="bge-m3", openai_base_url=server.url).add(papers)
    documents = opened()
    assert documents.embed() == ""
    assert _embeddings(documents) == {SHIPPED}
    assert documents.search("how do I restore the database")[0].title == "runbook.md: Backup > Restore"


def test_without_the_endpoint_words_answer_and_the_fault_is_said_once_a_pause(
    opened: Opener, papers: Path, server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = opened(embedding_model_name="bge-m3", openai_base_url=server.url)
    documents.add(papers)
    server.answer = refuse(503)
    asked = len(server.requests)
    for _ in range(3):
        assert documents.search("restore the database")[0].title == "runbook.md: Backup > Restore"
    assert len(server.requests) == asked + 1
    assert documents.fault.endswith("documents are searched by their words only")
    server.answer = None
    monkeypatch.setattr("time.monotonic", lambda: 1e9)
    documents.search("restore the database")
    assert documents.fault == ""


def test_documents_are_found_by_words_before_they_are_embedded(
    opened: Opener, papers: Path, server: EmbeddingServer
) -> None:
    server.answer = refuse(400)
    documents = opened(embedding_model_name="bge-m3", openai_base_url=server.url)
    added = documents.add(papers)
    assert len(added.new) == 2
    assert added.fault.startswith("4 of 4 pieces are not embedded yet")
    assert documents.search("restore the database")[0].title == "runbook.md: Backup > Restore"


def test_a_model_without_an_endpoint_is_a_fault(opened: Opener, papers: Path) -> None:
    added = opened(embedding_model_name="bge-m3").add(papers)
    assert "neither OPENAI_BASE_URL nor OPENAI_API_KEY is set" in added.fault


def test_vectors_of_another_length_are_not_compared(opened: Opener, papers: Path, server: EmbeddingServer) -> None:
    documents = opened(embedding_model_name="bge-m3", openai_base_url=server.url)
    documents.add(papers)
    documents._db.execute("UPDATE vector SET vector = x'0102'")
    assert documents.search("restore the database")[0].title == "runbook.md: Backup > Restore"
