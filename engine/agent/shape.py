"""The JSON that a model's reply should be, for servers that can hold it to a schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Shape(NamedTuple):
    """A named JSON schema."""

    name: str
    schema: dict[str, Any]

    def response_format(self) -> dict[str, Any]:
        """Return it as the chat completions API takes it; not strict, which not every server knows."""
        return {"type": "json_schema", "json_schema": {"name": self.name, "schema": self.schema, "strict": False}}


def record(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an object with these properties and no others, all of them required."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def many(items: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an array."""
    return {"type": "array", "items": dict(items)}


TEXT: dict[str, Any] = {"type": "string"}
