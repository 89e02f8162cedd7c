"""What the tests of documents share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import paths
from engine.config import Settings
from engine.documents.collection import Documents
from engine.documents.opening import open_documents
from engine.embedding import Embedder
from tests.engine.documents.embedding_server import EmbeddingServer, serving
from tests.engine.documents.papers import HANDBOOK, RUNBOOK

Opener = Callable[..., Documents]


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    """Return an embeddings server on loopback."""
    with serving() as running:
        yield running


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """Return a folder with a runbook in English and a handbook in Chinese."""
    folder = tmp_path / "papers"
    (folder / "zh").mkdir(parents=True)
    (folder / "runbook.md").write_text(RUNBOOK, encoding="utf-8")
    (folder / "zh" / "handbook.md").write_text(HANDBOOK, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def shipped() -> Embedder:
    """Return the shipped model, which takes a while to load."""
    return Embedder(paths.KNOWLEDGE / "attack" / "vocab.txt")


@pytest.fixture
def opened(tmp_path: Path, shipped: Embedder) -> Iterator[Opener]:
    """Return what opens the same database, with other settings each time."""
    open_now: list[Documents] = []

    def begin(path: Path | None = tmp_path / "documents.db", *, extensions: bool = True, **changes: str) -> Documents:
        settings = Settings(**changes)  # type: ignore[arg-type]
        open_now.append(open_documents(path, settings, shipped=shipped, extensions=extensions))
        return open_now[-1]

    yield begin
    for documents in open_now:
        documents.close()
