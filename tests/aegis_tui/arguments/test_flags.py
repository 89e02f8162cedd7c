"""What several commands take: a filter is read where it is typed, and a wrong one said there."""

from __future__ import annotations

import pytest

from aegis_tui.arguments.parser import build_parser
from engine.types import Severity
from tests.factories import incident


def test_a_filter_is_that_of_the_console() -> None:
    wanted = build_parser().parse_args(["incidents", "--filter", "sev>=high"]).filter
    assert [wanted.matches(incident(severity=severity)) for severity in (Severity.LOW, Severity.HIGH)] == [False, True]


def test_a_filter_that_cannot_be_read_is_said_in_the_command_s_own_words(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        build_parser().parse_args(["incidents", "--filter", "ip:nowhere"])
    assert stopped.value.code == 2
    assert "argument --filter: " in capsys.readouterr().err
