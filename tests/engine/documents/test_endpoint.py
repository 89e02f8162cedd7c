"""The endpoint's vectors are checked, and what is sent to it is redacted unless it stays on this host."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np
import pytest

from engine.agent.spending import Ledger
from engine.documents import endpoint as module
from engine.documents.endpoint import EmbeddingEndpoint, EndpointEmbedder
from tests.engine.documents.embedding_server import EmbeddingServer, Reply, refuse, vector

KEY = "sk-secret-0123456789"


def _embedder(server: EmbeddingServer) -> EndpointEmbedder:
    return EndpointEmbedder(EmbeddingEndpoint("bge-m3", server.url, KEY))


def _reply(content: object) -> Callable[[list[str]], Reply]:
    return lambda texts: (200, json.dumps(content).encode(), {})


def _rows(*rows: object) -> Callable[[list[str]], Reply]:
    data = [{"object": "embedding", "index": place, "embedding": row} for place, row in enumerate(rows)]
    return _reply({"object": "list", "data": data, "model": "m", "usage": {}})


def test_each_text_gets_its_own_vector_whatever_the_order_of_the_reply(server: EmbeddingServer) -> None:
    rows = _embedder(server).embed(["restore backup", "coffee"])
    assert rows.dtype == np.int8
    for row, text in zip(rows, ["restore backup", "coffee"], strict=True):
        expected = np.array(vector(text))
        cosine = (row @ expected) / np.linalg.norm(row.astype(float)) / np.linalg.norm(expected)
        assert cosine == pytest.approx(1, abs=1e-3)
    assert server.requests[0]["model"] == "bge-m3"
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert server.paths == ["/v1/embeddings"]


@pytest.mark.parametrize(
    "answer",
    [
        _rows([1.0, 2.0]),
        _rows([1.0, 2.0], [1.0]),
        _rows([1.0, 2.0], []),
        _rows([1.0, 2.0], "words"),
        _rows([1.0, 2.0], [1.0, None]),
        _rows([1.0, 2.0], [1.0, float("nan")]),
        _rows([1.0, 2.0], [[1.0], [2.0]]),
        _rows([0.1] * 9000, [0.1] * 9000),
        _reply({}),
        _reply([]),
        _reply(None),
        _reply({"data": [{"index": "x", "embedding": [1]}, {}]}),
        lambda texts: (200, b"\xff\xfe garbage", {}),
        lambda texts: (200, b"", {}),
        lambda texts: (200, b'{"data": [', {"Content-Length": "500"}),
        refuse(401),
        refuse(404),
    ],
    ids=["too few", "ragged", "empty", "text", "null", "nan", "nested", "too long", "no data", "a list", "nothing",
         "strange", "garbage", "no body", "cut off", "unauthorised", "not found"],
)  # fmt: skip
def test_what_is_no_proper_reply_is_an_error_without_the_key(
    server: EmbeddingServer, answer: Callable[[list[str]], Reply]
) -> None:
    server.answer = answer
    with pytest.raises(ConnectionError, match="cannot embed with bge-m3 at http") as failed:
        _embedder(server).embed(["one", "two"])
    assert KEY not in str(failed.value)
    assert "\n" not in str(failed.value)


def test_what_is_sent_counts_among_the_tokens_of_the_day_also_where_it_comes_to_nothing(
    server: EmbeddingServer,
) -> None:
    ledger = Ledger(limit=30)
    embedder = EndpointEmbedder(EmbeddingEndpoint("bge-m3", server.url, KEY), ledger)
    embedder.embed(["restore backup", "coffee"])
    server.answer = refuse(401)
    with pytest.raises(ConnectionError, match="401"):
        embedder.embed_query("x" * 90)
    assert (ledger.spending(time.time()).tokens, ledger.spending(time.time()).calls) == (5 + 3 + 31, 2)
    with pytest.raises(ConnectionError, match="tokens of the day are spent"):
        embedder.embed(["one more"])
    assert len(server.requests) == 2


def test_a_redirect_is_not_followed(server: EmbeddingServer) -> None:
    server.answer = refuse(307, {"Location": "/v1/elsewhere"})
    with pytest.raises(ConnectionError):
        _embedder(server).embed_query("text")
    assert server.paths == ["/v1/embeddings"]


def test_a_busy_endpoint_is_asked_again(server: EmbeddingServer) -> None:
    def busy_once(texts: list[str]) -> Reply:
        server.answer = None
        return 429, b"{}", {"retry-after-ms": "1"}

    server.answer = busy_once
    assert len(_embedder(server).embed(["text"])) == 1
    assert len(server.requests) == 2


def test_a_query_is_asked_once(server: EmbeddingServer) -> None:
    server.answer = refuse(500)
    with pytest.raises(ConnectionError):
        _embedder(server).embed_query("text")
    assert len(server.requests) == 1


def test_a_reply_that_grows_too_large_is_broken_off(server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPLY_BYTES", 1000)
    server.answer = lambda texts: (200, b" " * 5000, {})
    with pytest.raises(ConnectionError, match="longer than"):
        _embedder(server).embed_query("text")


def test_nobody_listening_is_an_error() -> None:
    with pytest.raises(ConnectionError, match="cannot embed"):
        EndpointEmbedder(EmbeddingEndpoint("m", "http://127.0.0.1:9/v1")).embed_query("text")


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:11434/v1", True),
        ("http://localhost/v1", True),
        ("http://[::1]:8000/v1", True),
        ("https://api.openai.com/v1", False),
        ("http://127.0.0.1.example.org/v1", False),
        ("http://127.0.0.1@203.0.113.9/v1", False),
    ],
)
def test_credentials_leave_for_loopback_only(url: str, loopback: bool) -> None:
    endpoint = EmbeddingEndpoint("m", url)
    text = "the login is password=hunter2 on vault-3"
    assert endpoint.is_loopback is loopback
    assert ("hunter2" in endpoint.leaving(text)) is loopback


def test_the_key_is_not_in_the_words_for_an_endpoint() -> None:
    assert KEY not in repr(EmbeddingEndpoint("m", "http://127.0.0.1/v1", KEY))
