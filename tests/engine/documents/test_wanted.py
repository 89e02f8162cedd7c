"""The settings name the embedding; the one before it can still be had."""

from __future__ import annotations

import pytest

from engine.config import Settings
from engine.documents.embedders import SHIPPED, ShippedEmbedder
from engine.documents.endpoint import DEFAULT_BASE_URL, EndpointEmbedder
from engine.documents.wanted import Embedders
from engine.embedding import Embedder


def test_without_a_name_the_shipped_model_is_wanted_and_nothing_leaves(shipped: Embedder) -> None:
    embedders = Embedders(Settings(openai_base_url="https://example.org/v1", openai_api_key="k"), shipped)
    assert (embedders.wanted, embedders.endpoint) == (SHIPPED, None)
    assert isinstance(embedders.named(SHIPPED), ShippedEmbedder)


def test_a_name_asks_the_endpoint(shipped: Embedder) -> None:
    embedders = Embedders(Settings(embedding_model_name="m", openai_api_key="k"), shipped)
    assert embedders.endpoint is not None
    assert (embedders.endpoint.model, embedders.endpoint.base_url) == ("m", DEFAULT_BASE_URL)
    assert isinstance(embedders.named("m"), EndpointEmbedder)
    assert embedders.named("m") is embedders.named("m")


def test_a_name_without_an_endpoint_cannot_be_had() -> None:
    with pytest.raises(ConnectionError, match="neither OPENAI_BASE_URL nor OPENAI_API_KEY"):
        Embedders(Settings(embedding_model_name="m")).named("m")
