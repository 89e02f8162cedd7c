"""The shipped model embeds documents and queries alike, and says which texts it cannot read."""

from __future__ import annotations

import numpy as np

from engine.documents.embedders import ShippedEmbedder
from engine.embedding import Embedder


def test_a_query_gets_the_vector_that_a_document_gets(shipped: Embedder) -> None:
    embedder = ShippedEmbedder(shipped)
    assert np.array_equal(embedder.embed_query("restore the backup"), embedder.embed(["restore the backup"])[0])


def test_chinese_is_not_read(shipped: Embedder) -> None:
    assert ShippedEmbedder(shipped).reads("restore the backup")
    assert not ShippedEmbedder(shipped).reads("如何恢复备份")
