"""Values go out as lists and come back the same; what makes no sense is refused with one kind of error."""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.attach.values import digest, packer, unpacker
from engine.attach.view import Pushed
from engine.types import Alert, Block, BlockState, Disposition, Fault, Flow, Impact, IncidentView, Proposal, Snapshot
from tests import factories
from tests.aegis_tui import scenario

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


def there_and_back(kind: Any, value: Any) -> Any:
    return unpacker(kind)(json.loads(json.dumps(packer(kind)(value))))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Flow, factories.flow(head=(b"\x00\xff", b""))),
        (Alert, factories.alert()),
        (Snapshot, scenario.snapshot()),
        (IncidentView, scenario.incident_view()),
        (Proposal | None, None),
        (tuple[str, ...], ("a", "b")),
        (Pushed, Fault("llm", "down", "wait", 1.0)),
        (dict[str, tuple[int, int]], {"rows": (1, 2)}),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_value_comes_back_as_it_was(kind: Any, value: Any) -> None:
    assert there_and_back(kind, value) == value


def test_a_block_for_ever_comes_back_as_one() -> None:
    block = Block("203.0.113.9/32", BlockState.LIVE, ("eth0",), math.inf, 1, 2, 0.0)
    assert there_and_back(Block, block) == block


@given(JSON)
@pytest.mark.parametrize("kind", [Flow, Impact, Disposition, Pushed, tuple[str, ...], Proposal | None, bytes, float])
def test_whatever_comes_is_a_value_of_the_type_or_refused(kind: Any, value: Any) -> None:
    try:
        made = unpacker(kind)(value)
    except ValueError:
        return
    assert repr(there_and_back(kind, made)) == repr(made)


def test_another_field_is_another_digest() -> None:
    class Old(NamedTuple):
        a: int

    class New(NamedTuple):
        a: int
        b: int

    assert digest(tuple[Old, ...]) != digest(tuple[New, ...])
    assert digest(Snapshot) == digest(Snapshot)


def test_what_cannot_be_sent_is_refused_when_it_is_compiled() -> None:
    with pytest.raises(TypeError, match="cannot be sent"):
        packer(object)
