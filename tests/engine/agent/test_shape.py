"""Schemas name every property of an object and allow no other."""

from __future__ import annotations

from typing import Any

import pytest

from engine.agent import planning, verdict
from engine.agent.shape import Shape
from engine.agent.verdict import Reply


def _objects(schema: dict[str, Any]) -> list[dict[str, Any]]:
    inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    return ([schema] if schema["type"] == "object" else []) + [one for part in inner for one in _objects(part)]


@pytest.mark.parametrize("shape", [planning.SHAPE, verdict.SHAPE], ids=lambda shape: shape.name)
def test_each_object_requires_all_it_may_hold(shape: Shape) -> None:
    found = _objects(shape.schema)
    assert len(found) == 2
    for one in found:
        assert one["required"] == list(one["properties"])
        assert one["additionalProperties"] is False
    assert shape.response_format()["json_schema"]["name"] == shape.name


def test_the_verdicts_schema_has_the_fields_that_are_read() -> None:
    assert set(verdict.SHAPE.schema["properties"]) == set(Reply.model_fields)
