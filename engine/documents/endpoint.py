"""The endpoint's embeddings: the one place that sends documents off the host, redacted unless it is on loopback."""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np

from engine.documents.embedders import Vectors
from engine.redaction import redact
from engine.text import escape

DEFAULT_BASE_URL = "https://api.openai.com/v1"
DOCUMENTS_S = 60.0
"""Longest that one batch of pieces may take."""
QUERY_S = 3.0
"""Longest that a query may take; a tool call has 5 s in all."""
RETRIES = 3
REPLY_BYTES = 32 * 1024 * 1024
DIMENSIONS = 8192


@dataclass(frozen=True, slots=True)
class EmbeddingEndpoint:
    """Where documents are embedded, and with which model."""

    model: str
    base_url: str = DEFAULT_BASE_URL
    api_key: str = field(default="", repr=False)

    @property
    def is_loopback(self) -> bool:
        """Whether what is sent stays on this host."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    def leaving(self, text: str) -> str:
        """Return what of ``text`` leaves the program."""
        return text if self.is_loopback else redact(text)


class Account(Protocol):
    """Who counts the tokens of the day."""

    def is_spent(self, now: float) -> bool:
        """Return whether the day's tokens are used up."""
        ...

    def spend(self, model: str, tokens_in: int, tokens_out: int, now: float) -> None:
        """Note one call."""
        ...


class EndpointEmbedder:
    """A model behind the embeddings call of an OpenAI-compatible server."""

    def __init__(self, endpoint: EmbeddingEndpoint, account: Account | None = None) -> None:
        self.name = endpoint.model
        self._endpoint = endpoint
        self._account = account

    def reads(self, text: str) -> bool:
        """Return true: what such a model has learned is not known."""
        return bool(text)

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self._charged(texts, DOCUMENTS_S, RETRIES)

    def embed_query(self, text: str) -> Vectors:
        (vector,) = self._charged([text], QUERY_S, 0)
        return np.asarray(vector, dtype=np.int8)

    def _charged(self, texts: Sequence[str], limit_s: float, retries: int) -> Vectors:
        """Ask within the day's tokens; what came to nothing may have been charged all the same."""
        account = self._account
        if account is None:
            return self._ask(texts, limit_s, retries)
        if account.is_spent(time.time()):
            raise ConnectionError(f"cannot embed with {self.name}: the tokens of the day are spent until midnight UTC")
        try:
            return self._ask(texts, limit_s, retries)
        finally:
            account.spend(self.name, sum(len(text) // 3 + 1 for text in texts), 0, time.time())

    def _ask(self, texts: Sequence[str], limit_s: float, retries: int) -> Vectors:
        import openai  # noqa: PLC0415 - half a second, and only where an endpoint is set

        endpoint = self._endpoint
        outgoing = [endpoint.leaving(text) for text in texts]
        try:
            with (
                openai.DefaultHttpxClient(
                    timeout=limit_s, follow_redirects=False, trust_env=not endpoint.is_loopback
                ) as http,
                openai.OpenAI(
                    base_url=endpoint.base_url,
                    api_key=endpoint.api_key or "none",
                    timeout=limit_s,
                    max_retries=retries,
                    http_client=http,
                ) as client,
                client.embeddings.with_streaming_response.create(
                    model=endpoint.model, input=outgoing, encoding_format="float"
                ) as reply,
            ):
                return _vectors(_bounded(reply.iter_bytes()), len(texts))
        except Exception as error:  # the HTTP library beneath is the client's choice, and so is what it raises
            raise ConnectionError(self._explain(error)) from None

    def _explain(self, error: Exception) -> str:
        """Return what went wrong, without the key, for a person."""
        endpoint = self._endpoint
        text = str(error).replace(endpoint.api_key, "[key]") if endpoint.api_key else str(error)
        reason = escape(redact(text), limit=200) or "no answer in time"
        return f"cannot embed with {endpoint.model} at {endpoint.base_url}: {type(error).__name__}: {reason}"


def _bounded(parts: Iterable[bytes]) -> bytes:
    whole = bytearray()
    for part in parts:
        whole += part
        if len(whole) > REPLY_BYTES:
            raise ValueError(f"the reply is longer than {REPLY_BYTES >> 20} MiB")
    return bytes(whole)


def _vectors(reply: bytes, expected: int) -> Vectors:
    """Return the vectors of a reply, in the order in which their texts were sent."""
    rows = sorted((int(item["index"]), _row(item["embedding"])) for item in json.loads(reply)["data"])
    return _quantised([row for _, row in rows], expected)


def _row(values: Any) -> list[float]:
    if not isinstance(values, list) or not 1 <= len(values) <= DIMENSIONS:
        raise ValueError("the reply holds no vector")
    return values


def _quantised(rows: list[list[float]], expected: int) -> Vectors:
    """Return vectors of one byte a component, each at its own scale: only their directions are compared."""
    vectors = np.array(rows, dtype=np.float64)
    if vectors.ndim != 2 or len(vectors) != expected or not np.isfinite(vectors).all():
        raise ValueError(f"the reply does not hold {expected} vectors of one length")
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    return np.rint(vectors / np.where(largest == 0, 1, largest) * 127).astype(np.int8)
