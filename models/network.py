"""The 1-D conv net over hashed byte n-grams: torch for training, a plain ONNX graph for run time.

Each position is described by its byte and by hashes of the 3 and 5 bytes around it; the strongest
of each four positions go into one convolution. That costs a fifth of three stacked convolutions on
bytes, and learns short attack strings from far fewer examples.
"""

from __future__ import annotations

from typing import Any

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.nn import functional

from engine.detect.tokens import VOCABULARY
from engine.types import WINDOW_BYTES

FACTORS = ((0, 0, 1, 0, 0), (0, 7919, 271, 11197, 0), (9973, 3571, 6007, 587, 11743))
"""One row for each n-gram: its hash is the sum of tokens times factors, below 2**24 and so exact in float32."""
BUCKETS = (VOCABULARY, 1 << 14, 1 << 14)
OFFSETS = (0, VOCABULARY, VOCABULARY + (1 << 14))
WIDTH = 12
POOL = 4
CHANNELS = 64
KERNEL = 5
STRIDE = 2
HIDDEN = 64
OPSET = 17
MOMENTUM = 0.02
Weights = dict[str, Any]

_FEATURES = WIDTH * len(FACTORS)
_SHAPES: dict[str, tuple[int, ...]] = {
    "table": (sum(BUCKETS), WIDTH),
    "conv.weight": (CHANNELS, _FEATURES, KERNEL),
    "conv.bias": (CHANNELS,),
    "conv.scale": (CHANNELS,),
    "hidden.weight": (2 * (CHANNELS + _FEATURES), HIDDEN),
    "hidden.bias": (HIDDEN,),
    "out.weight": (HIDDEN, 1),
    "out.bias": (1,),
}


def initial_weights(seed: int) -> tuple[Weights, Weights]:
    """Return fresh parameters and the running statistics of the normalisation."""
    generator = torch.Generator().manual_seed(seed)
    weights = {name: _drawn(shape, name, generator).requires_grad_() for name, shape in _SHAPES.items()}
    return weights, {"mean": torch.zeros(CHANNELS), "var": torch.ones(CHANNELS)}


def _drawn(shape: tuple[int, ...], name: str, generator: Any) -> Any:
    if name.endswith("bias"):
        return torch.zeros(shape)
    if name.endswith("scale"):
        return torch.ones(shape)
    fan_in = shape[1] * shape[2] if len(shape) == 3 else shape[0]
    spread = 0.2 if name == "table" else (2 / fan_in) ** 0.5
    return torch.randn(shape, generator=generator) * spread


def logits(weights: Weights, running: Weights, input_ids: Any, attention_mask: Any, dropout: float) -> Any:
    """Return one logit per window, as training sees it: batch statistics and dropout."""
    kernels = torch.tensor(FACTORS, dtype=torch.float32).unsqueeze(1)
    hashes = functional.conv1d(input_ids.float().unsqueeze(1), kernels, padding=2).long()
    rows = hashes % torch.tensor(BUCKETS)[:, None] + torch.tensor(OFFSETS)[:, None]
    vectors = functional.embedding(rows, weights["table"]) * attention_mask[:, None, :, None].float()
    strongest = vectors.view(len(vectors), len(FACTORS), WINDOW_BYTES // POOL, POOL, WIDTH).amax(3)
    x = strongest.transpose(2, 3).reshape(len(vectors), _FEATURES, WINDOW_BYTES // POOL)
    y = functional.conv1d(x, weights["conv.weight"], stride=STRIDE, padding=KERNEL // 2)
    statistics = (running["mean"], running["var"], weights["conv.scale"], weights["conv.bias"])
    y = torch.relu(functional.batch_norm(y, *statistics, training=True, momentum=MOMENTUM))
    pooled = functional.dropout(torch.cat((y.amax(2), y.mean(2), x.amax(2), x.mean(2)), 1), dropout)
    hidden = torch.relu(pooled @ weights["hidden.weight"] + weights["hidden.bias"])
    return (hidden @ weights["out.weight"] + weights["out.bias"]).squeeze(1)


def folded(weights: Weights, running: Weights) -> Weights:
    """Return the weights with the normalisation worked into the convolution."""
    result = {name: value.detach() for name, value in weights.items() if name != "conv.scale"}
    factor = weights["conv.scale"].detach() / (running["var"] + 1e-5).sqrt()
    result["conv.weight"] = result["conv.weight"] * factor[:, None, None]
    result["conv.bias"] = result["conv.bias"] - running["mean"] * factor
    return result


def onnx_bytes(weights: Weights) -> bytes:
    """Return the network with folded weights as an ONNX file: the same weights give the same bytes."""
    # Masked positions look up a row of zeros, which is cheaper than multiplying the vectors by the mask.
    stored = weights | {"table": functional.pad(weights["table"], (0, 0, 0, 1))}
    initializers = [numpy_helper.from_array(value.numpy(), name) for name, value in sorted(stored.items())]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["n", WINDOW_BYTES])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n", 1])
    nodes = [*_feature_nodes(), *_judging_nodes()]
    graph = helper.make_graph(nodes, "flow-cnn", inputs, [output], initializers + _constants())
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def _constants() -> list[Any]:
    count = len(FACTORS)
    factors = [float(factor) for row in FACTORS for factor in row]
    integers = {
        "channel_axis": ([1], [1]),
        "zero_row": ([1], [sum(BUCKETS)]),
        "buckets": ([count, 1], list(BUCKETS)),
        "offsets": ([count, 1], list(OFFSETS)),
        "by_pool": ([5], [0, count, WINDOW_BYTES // POOL, POOL, WIDTH]),
        "by_feature": ([3], [0, _FEATURES, WINDOW_BYTES // POOL]),
    }
    return [
        helper.make_tensor("factors", TensorProto.FLOAT, [count, 1, len(FACTORS[0])], factors),
        *(helper.make_tensor(name, TensorProto.INT64, dims, values) for name, (dims, values) in integers.items()),
    ]


def _feature_nodes() -> list[Any]:
    node = helper.make_node
    return [
        node("Cast", ["input_ids"], ["tokens"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["tokens", "channel_axis"], ["token_row"]),
        node("Conv", ["token_row", "factors"], ["sums"], pads=[2, 2]),
        node("Cast", ["sums"], ["hashes"], to=TensorProto.INT64),
        node("Mod", ["hashes", "buckets"], ["reduced"]),
        node("Add", ["reduced", "offsets"], ["rows"]),
        node("Cast", ["attention_mask"], ["mask"], to=TensorProto.BOOL),
        node("Unsqueeze", ["mask", "channel_axis"], ["mask_row"]),
        node("Where", ["mask_row", "rows", "zero_row"], ["masked_rows"]),
        node("Gather", ["table", "masked_rows"], ["vectors"]),
        node("Reshape", ["vectors", "by_pool"], ["pools"]),
        node("ReduceMax", ["pools"], ["most"], axes=[3], keepdims=0),
        node("Transpose", ["most"], ["transposed"], perm=[0, 1, 3, 2]),
        node("Reshape", ["transposed", "by_feature"], ["strongest"]),
    ]


def _judging_nodes() -> list[Any]:
    node = helper.make_node
    pads = [KERNEL // 2, KERNEL // 2]
    return [
        node("Conv", ["strongest", "conv.weight", "conv.bias"], ["conv"], strides=[STRIDE], pads=pads),
        node("Relu", ["conv"], ["patterns"]),
        node("GlobalMaxPool", ["patterns"], ["pattern_most"]),
        node("GlobalAveragePool", ["patterns"], ["pattern_mean"]),
        node("GlobalMaxPool", ["strongest"], ["feature_most"]),
        node("GlobalAveragePool", ["strongest"], ["feature_mean"]),
        node("Concat", ["pattern_most", "pattern_mean", "feature_most", "feature_mean"], ["pooled"], axis=1),
        node("Flatten", ["pooled"], ["summary"], axis=1),
        node("Gemm", ["summary", "hidden.weight", "hidden.bias"], ["hidden_sum"]),
        node("Relu", ["hidden_sum"], ["hidden"]),
        node("Gemm", ["hidden", "out.weight", "out.bias"], ["logit"]),
    ]
