"""Which embedding the settings ask for, and how to get it or the one before it."""

from __future__ import annotations

from engine.config import Settings
from engine.documents.embedders import SHIPPED, DocumentEmbedder, ShippedEmbedder
from engine.documents.endpoint import DEFAULT_BASE_URL, Account, EmbeddingEndpoint, EndpointEmbedder
from engine.embedding import Embedder


class Embedders:
    """Makes an embedder by its name, at its first use."""

    def __init__(self, settings: Settings, shipped: Embedder | None = None, account: Account | None = None) -> None:
        """Take the shipped model where it is loaded already, and who counts what an endpoint is sent."""
        self._settings = settings
        self._account = account
        self._shipped = shipped
        self._made: dict[str, DocumentEmbedder] = {}
        self.wanted = settings.embedding_model_name or SHIPPED
        """The name of the embedding that is set."""

    @property
    def endpoint(self) -> EmbeddingEndpoint | None:
        """Where documents would be embedded, or None where that is done here."""
        return None if self.wanted == SHIPPED else self._endpoint(self.wanted)

    def named(self, name: str) -> DocumentEmbedder:
        """Return an embedder.

        Raises:
            ConnectionError: it is an endpoint's, and none is set.
            ImportError: its packages are missing.
            OSError: its files are missing.
        """
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> DocumentEmbedder:
        if name == SHIPPED:
            return ShippedEmbedder(self._shipped)
        settings = self._settings
        if not (settings.openai_base_url or settings.openai_api_key):
            raise ConnectionError(f"cannot embed with {name}: neither OPENAI_BASE_URL nor OPENAI_API_KEY is set")
        return EndpointEmbedder(self._endpoint(name), self._account)

    def _endpoint(self, name: str) -> EmbeddingEndpoint:
        settings = self._settings
        return EmbeddingEndpoint(name, settings.openai_base_url or DEFAULT_BASE_URL, settings.openai_api_key)
