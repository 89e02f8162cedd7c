"""The exported graph computes what the training code trained."""

from __future__ import annotations

import random

import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra: torch and onnx")


def test_the_exported_graph_computes_what_was_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    from engine.detect.tokens import encode
    from models import network

    monkeypatch.setattr(network, "MOMENTUM", 1.0)
    weights, running = network.initial_weights(seed=1)
    payloads = [random.Random(i).randbytes(40 * i) for i in range(12)]
    ids, mask = encode(payloads)
    trained = network.logits(weights, running, torch.from_numpy(ids), torch.from_numpy(mask), dropout=0.0)
    content = network.onnx_bytes(network.folded(weights, running))
    assert content == network.onnx_bytes(network.folded(weights, running))
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (found,) = session.run(["logit"], {"input_ids": ids, "attention_mask": mask})
    # The running variance has a divisor of n - 1, the batch's own of n, hence the tolerance.
    assert found[:, 0] == pytest.approx(trained.detach().numpy(), abs=2e-2)
