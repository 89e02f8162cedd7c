from __future__ import annotations

import pytest

from engine.sources.reporting import EventError, address, number_of, same_family, visible


def test_an_error_is_a_value_error_that_knows_its_field() -> None:
    error = EventError("source port", "is missing")
    assert isinstance(error, ValueError)
    assert (error.field, str(error)) == ("source port", "cannot read the event: source port: is missing")


def test_an_address_is_canonical() -> None:
    assert address("source address", "2001:DB8:0::1") == "2001:db8::1"


@pytest.mark.parametrize("text", ["", "٣", "-1", "1e3", "65536", "000001"])
def test_only_a_port_is_a_port(text: str) -> None:
    with pytest.raises(EventError, match="source port"):
        number_of("source port", text)


def test_both_ends_are_of_one_family() -> None:
    with pytest.raises(EventError, match="one family"):
        same_family("192.0.2.1", "2001:db8::1")


def test_blanks_of_every_kind_become_spaces() -> None:
    assert visible("a\tb\u3000c\xa0d\ne") == "a b c d e"
