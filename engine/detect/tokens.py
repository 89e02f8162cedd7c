"""Byte-level tokens of the 512-token window, shared by training and run time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.types import MODEL_PAYLOAD_BYTES, WINDOW_BYTES

PAD = 0
CLS = 1
SEP = 2
BYTE_OFFSET = 3
VOCABULARY = BYTE_OFFSET + 256

Tokens = NDArray[np.int64]


def encode(payloads: Sequence[bytes]) -> tuple[Tokens, Tokens]:
    """Return ``input_ids`` and ``attention_mask``, both ``[n, 512]``: CLS, at most 510 bytes, SEP, padding."""
    ids = np.full((len(payloads), WINDOW_BYTES), PAD, dtype=np.int64)
    ids[:, 0] = CLS
    for row, payload in zip(ids, payloads, strict=True):
        window = np.frombuffer(payload[:MODEL_PAYLOAD_BYTES], dtype=np.uint8)
        np.add(window, BYTE_OFFSET, out=row[1 : len(window) + 1], dtype=np.int64)
        row[len(window) + 1] = SEP
    return ids, (ids != PAD).astype(np.int64)


def encryption(payload: bytes) -> str:
    """Return ``tls`` or ``ssh`` where the payload opens such a session, else nothing."""
    if payload.startswith(b"SSH-"):
        return "ssh"
    is_record = len(payload) >= 3 and 0x14 <= payload[0] <= 0x17 and payload[1] == 3 and payload[2] <= 4
    return "tls" if is_record else ""
