"""What programs send: each field that does not fit is named, and what was sent is not repeated raw."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.edge.bodies import (
    AnalysisRequest,
    ListParameters,
    QuestionRequest,
    SearchParameters,
    UnfitError,
    read,
    read_parameters,
)


def test_what_is_left_out_has_its_default() -> None:
    asked = read(AnalysisRequest, b'{"query": "a line"}')
    assert (asked.top_k, asked.score_threshold, asked.model_name, asked.stream) == (3, 0.0, "", False)


def test_every_problem_is_told_with_its_field() -> None:
    with pytest.raises(UnfitError) as unfit:
        read(AnalysisRequest, b'{"query": "", "top_k": 0, "more": 1}')
    assert [one["field"] for one in unfit.value.problems] == ["query", "top_k", "more"]


def test_a_thousand_problems_are_told_as_a_few() -> None:
    body = "{" + ",".join(f'"f{number}": 1' for number in range(1000)) + "}"
    with pytest.raises(UnfitError) as unfit:
        read(AnalysisRequest, body.encode())
    assert len(unfit.value.problems) == 20


@given(st.binary(max_size=200))
def test_bytes_are_a_request_or_unfit_and_never_anything_else(body: bytes) -> None:
    for kind in (AnalysisRequest, QuestionRequest):
        with pytest.raises(UnfitError) as unfit:
            read(kind, body)
        assert all(problem["problem"].isprintable() for problem in unfit.value.problems)


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=5))
def test_parameters_are_a_request_or_unfit_and_never_anything_else(pairs: list[tuple[str, str]]) -> None:
    for kind in (ListParameters, SearchParameters):
        try:
            read_parameters(kind, pairs)
        except UnfitError as unfit:
            assert all(problem["field"].isprintable() for problem in unfit.problems)
