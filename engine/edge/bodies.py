"""What programs send to the HTTP door, and what is wrong with it where it does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from engine.filter import Filter, parse
from engine.filter.words import LONGEST
from engine.text import escape

QUERY_CHARACTERS = 16 * 1024
NAME_CHARACTERS = 128
PASSAGES = 50


class Body(BaseModel):
    """Named fields and no others, each of its own type."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())


class AnalysisRequest(Body):
    """An event, and how it is to be looked at."""

    query: str = Field(min_length=1, max_length=QUERY_CHARACTERS)
    knowledge_base_name: str = Field(default="", max_length=NAME_CHARACTERS)
    top_k: int = Field(default=3, ge=1, le=PASSAGES)
    score_threshold: float = Field(default=0.0, ge=0.0, le=1.0)
    model_name: str = Field(default="", max_length=NAME_CHARACTERS)
    stream: bool = False


class QuestionRequest(Body):
    """A question about an incident, or about what is known."""

    question: str = Field(min_length=1, max_length=2000)
    incident_id: str = Field(default="", max_length=64)
    top_k: int = Field(default=5, ge=1, le=PASSAGES)
    knowledge_base_name: str = Field(default="", max_length=NAME_CHARACTERS)


class Parameters(BaseModel):
    """What stands behind the question mark of an address: text, read as the field's type."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ListParameters(Parameters):
    """How many of the newest."""

    limit: int = Field(default=100, ge=1, le=500)


class EventParameters(Parameters):
    """Which events are told."""

    filter: str = Field(default="", max_length=LONGEST)

    def wanted(self) -> Filter:
        """Return the filter; raises ``UnfitError`` with the place where it cannot be read."""
        try:
            return parse(self.filter)
        except ValueError as error:
            raise UnfitError.of("filter", str(error)) from error


class ReportParameters(Parameters):
    """Which report."""

    format: str = Field(default="md", pattern="^(md|json|html)$")
    lang: str = Field(default="en", pattern="^(en|zh)$")


class SearchParameters(Parameters):
    """What is looked for, and how many passages."""

    q: str = Field(min_length=1, max_length=2000)
    k: int = Field(default=5, ge=1, le=PASSAGES)
    knowledge_base_name: str = Field(default="", max_length=NAME_CHARACTERS)


class UnfitError(ValueError):
    """A request that does not fit: each of its problems has a field."""

    def __init__(self, problems: Sequence[Mapping[str, str]]) -> None:
        super().__init__("; ".join(f"{one['field']}: {one['problem']}" for one in problems))
        self.problems = problems

    @classmethod
    def of(cls, field: str, problem: str) -> UnfitError:
        """Return the error of one field; the problem may quote what was sent."""
        return cls([{"field": field, "problem": escape(problem, limit=400)}])


Asked = TypeVar("Asked", bound=BaseModel)


def read(kind: type[Asked], body: bytes) -> Asked:
    """Return what a body asks for; raises ``UnfitError``."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise UnfitError(problems(error)) from error


def read_parameters(kind: type[Asked], pairs: Sequence[tuple[str, str]]) -> Asked:
    """Return what the pairs of an address ask for; raises ``UnfitError``."""
    named = dict(pairs)
    if len(named) < len(pairs):
        raise UnfitError.of("query string", "a parameter is there more than once")
    try:
        return kind.model_validate(named)
    except ValidationError as error:
        raise UnfitError(problems(error)) from error


def problems(error: ValidationError) -> list[dict[str, str]]:
    """Return each field that does not fit and why; what was sent is not repeated, and a name only as an escape."""
    told = error.errors(include_url=False, include_input=False, include_context=False)
    return [{"field": _field(one), "problem": escape(one["msg"], limit=200)} for one in told[:20]]


def _field(problem: ErrorDetails) -> str:
    return escape(".".join(map(str, problem["loc"])), limit=64) or "body"
