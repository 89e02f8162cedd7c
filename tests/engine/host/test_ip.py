from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.host.ip import canonical_ip, canonical_ips


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("203.0.113.9", "203.0.113.9"),
        ("router.local", None),
        ("", None),
    ],
)
def test_an_address_has_one_spelling(text: str, canonical: str | None) -> None:
    assert canonical_ip(text) == canonical


def test_a_list_of_addresses_names_each_once_and_no_garbage() -> None:
    assert canonical_ips(["192.0.2.9", "router", "::ffff:192.0.2.9", "2001:db8::1"]) == ("192.0.2.9", "2001:db8::1")


@given(st.text(max_size=60))
def test_no_text_makes_canonical_ip_raise(text: str) -> None:
    canonical_ip(text)
