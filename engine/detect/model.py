"""Judges the first bytes of each direction of a flow with an ONNX model of the A5 shape.

Each direction is judged on its own and the flow's score is the higher of the two, so one-way
captures are judged like any other. The model file may have a card beside it, the same name with
``.json``: it sets the threshold, the malicious classes and the encryption the model has no say on.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.detect.tokens import encode, encryption
from engine.plainfile import read_plain
from engine.types import (
    JUDGE_REASONS,
    LEAVING,
    MODEL_PAYLOAD_BYTES,
    WINDOW_BYTES,
    Detection,
    Direction,
    FlowUpdate,
    Party,
    Severity,
    Span,
)

DEFAULT_THRESHOLD = 0.95
HIGH_SCORE = 0.99
EXCERPT_BYTES = 256
MODEL_BYTES = 512 << 20
CARD_BYTES = 16 << 20
MEMORY_FLOWS = 65_536
"""Flows whose judgement is remembered; older ones may be judged again, never missed."""

TRANSPORTS = frozenset(("tcp", "udp"))
"""What the model was trained to judge; neighbour discovery and ping look odd to it and are not its business."""

_INPUTS = ("input_ids", "attention_mask")


class ModelCard(BaseModel):
    """What the model's author says about its use; unknown fields are figures for people."""

    model_config = ConfigDict(frozen=True)

    threshold: float = Field(default=DEFAULT_THRESHOLD, ge=0, le=1)
    malicious_classes: tuple[int, ...] = ()
    """Classes of a softmax output that mean a threat; empty means the last."""
    no_say: frozenset[Annotated[str, Field(min_length=1)]] = frozenset()
    """Application protocols, such as ``tls`` and ``ssh``, whose payload is encrypted and not judged."""


class ModelDetector:
    """Scores each direction of a flow whenever its first 510 bytes have grown since it was last judged."""

    name = "model"

    def __init__(self, path: Path | str, threshold: float | None = None) -> None:
        self.path = Path(path)
        self.card = _read_card(self.path.with_suffix(".json"))
        self.threshold = self.card.threshold if threshold is None else threshold
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold {self.threshold} for {self.path}: must lie between 0 and 1")
        content = read_plain(self.path, MODEL_BYTES)
        self.version = hashlib.sha256(content).hexdigest()[:12]
        self._session = _open(content, self.path)
        self._output: str = self._session.get_outputs()[0].name
        self._check_shape()
        self._judged: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._scores: OrderedDict[str, float] = OrderedDict()

    def afresh(self) -> ModelDetector:
        """Return a detector with the same loaded model, which has judged nothing yet."""
        other = copy(self)
        other._judged, other._scores = OrderedDict(), OrderedDict()
        return other

    @property
    def scores(self) -> Mapping[str, float]:
        """Highest score of each recently judged flow, by flow id; a flow not in it was not judged.

        A live view: from another thread look up single flows, do not iterate.
        """
        return MappingProxyType(self._scores)

    def score(self, payloads: Sequence[bytes]) -> NDArray[np.float64]:
        """Return the threat score of each payload, 0 to 1."""
        outputs = self._session.run([self._output], dict(zip(_INPUTS, encode(payloads), strict=True)))
        return _threat(np.asarray(outputs[0], dtype=np.float64), self.card.malicious_classes)

    def inspect(self, update: FlowUpdate) -> Sequence[Detection]:
        """Judge the directions that hold payload not judged before."""
        if update.reason not in JUDGE_REASONS or update.flow.five_tuple.proto not in TRANSPORTS:
            return ()
        windows = self._unjudged(update)
        if not windows:
            return ()
        scores = self.score([window for _, window in windows])
        worst = int(scores.argmax())
        self._remember_score(update.flow.id, float(scores[worst]))
        if scores[worst] < self.threshold:
            return ()
        direction, window = windows[worst]
        return (self._detection(update, direction, window, float(scores[worst])),)

    def _unjudged(self, update: FlowUpdate) -> list[tuple[Direction, bytes]]:
        flow = update.flow
        windows = [head[:MODEL_PAYLOAD_BYTES] for head in flow.head]
        before = self._judged.pop(flow.id, (0, 0))
        if update.reason not in LEAVING:
            self._judged[flow.id] = (len(windows[0]), len(windows[1]))
        if len(self._judged) > MEMORY_FLOWS:
            self._judged.popitem(last=False)
        if {flow.app, *map(encryption, windows)} & self.card.no_say:
            return []
        return [(d, w) for d, w, n in zip(Direction, windows, before, strict=True) if len(w) > n]

    def _remember_score(self, flow_id: str, score: float) -> None:
        self._scores[flow_id] = max(score, self._scores.pop(flow_id, 0.0))
        if len(self._scores) > MEMORY_FLOWS:
            self._scores.popitem(last=False)

    def _detection(self, update: FlowUpdate, direction: Direction, window: bytes, score: float) -> Detection:
        way = "sent to the server" if direction is Direction.TO_SERVER else "sent to the client"
        return Detection(
            flow_id=update.flow.id,
            at=update.at,
            detector=self.name,
            version=self.version,
            label="model.malicious",
            score=score,
            severity=self._severity(score),
            reason=f"The first {len(window)} bytes {way} score {score:.4f}, threshold {self.threshold:.4f}.",
            attacker=_accused(direction),
            spans=(Span(direction, 0, len(window)),),
            excerpt=window[:EXCERPT_BYTES],
        )

    def _severity(self, score: float) -> Severity:
        """High takes a tenth of the doubt that the threshold allows: a model is a weaker witness than a rule."""
        return Severity.HIGH if score >= max(HIGH_SCORE, 1 - (1 - self.threshold) / 10) else Severity.MEDIUM

    def _check_shape(self) -> None:
        inputs = {entry.name: entry for entry in self._session.get_inputs()}
        if sorted(inputs) != sorted(_INPUTS):
            raise ValueError(f"model {self.path}: inputs are {sorted(inputs)}, expected {sorted(_INPUTS)}")
        for name, entry in inputs.items():
            # A dimension without a fixed size is a name or None.
            sizes = [size if isinstance(size, int) else None for size in entry.shape]
            if entry.type != "tensor(int64)" or len(sizes) != 2 or sizes[1] not in (None, WINDOW_BYTES):
                found = f"{entry.type} {entry.shape}"
                raise ValueError(f"model {self.path}: input {name} is {found}, expected int64 [n, {WINDOW_BYTES}]")
        try:
            trial = self.score([b"GET / HTTP/1.1\r\n\r\n", b""])
        except _trial_errors() as error:
            raise ValueError(f"model {self.path}: trial run failed: {error}") from error
        if not np.isfinite(trial).all():
            raise ValueError(f"model {self.path}: trial scores are not numbers")


def _open(content: bytes, path: Path) -> Any:
    import onnxruntime  # noqa: PLC0415 - 0.3 s, after the first paint

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except _runtime_errors() as error:
        raise ValueError(f"model {path}: not a usable ONNX file: {error}") from error


def _runtime_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of onnxruntime, which share no base class of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state  # noqa: PLC0415 - heavy

    return (
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NotImplemented,
        state.RuntimeException,
    )


def _trial_errors() -> tuple[type[Exception], ...]:
    return (ValueError, *_runtime_errors())


def _read_card(path: Path) -> ModelCard:
    if not path.exists():
        return ModelCard()
    try:
        return ModelCard.model_validate_json(read_plain(path, CARD_BYTES))
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(str(part) for part in problem["loc"]) or "the file"
        raise ValueError(f"model card {path}: {field}: {problem['msg']}") from error


def _threat(outputs: NDArray[np.float64], malicious_classes: tuple[int, ...]) -> NDArray[np.float64]:
    """Return one score per row: sigmoid of a single logit, or the softmax share of the malicious classes."""
    rows = outputs.reshape(-1, 1) if outputs.ndim == 1 else outputs
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError(f"output has shape {list(outputs.shape)}, expected [n] or [n, k]")
    if rows.shape[1] == 1:
        return np.asarray(0.5 * (1 + np.tanh(0.5 * rows[:, 0])))
    wanted = malicious_classes or (rows.shape[1] - 1,)
    if max(wanted) >= rows.shape[1] or min(wanted) < 0:
        raise ValueError(f"malicious classes {list(wanted)} of the card, but the output has {rows.shape[1]}")
    shares = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(shares[:, wanted].sum(axis=1) / shares.sum(axis=1))


def _accused(direction: Direction) -> Party:
    """Accuse the sender of the bytes: all the model knows is who sent what it dislikes."""
    return Party.INITIATOR if direction is Direction.TO_SERVER else Party.RESPONDER
