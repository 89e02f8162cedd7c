from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.guard import fields
from tests.engine.guard.bench import terms


@given(st.text())
def test_plain_text_has_nothing_but_what_can_be_read(text: str) -> None:
    assert fields.plain(text).isprintable()
    assert len(fields.plain(text)) == len(text)


@pytest.mark.parametrize("name", ["eth0", "enp0s31f6", "br-1a2b3c4d5e6f", "eth0.100", "wg_home", "veth@if5", "eth0:1"])
def test_names_that_interfaces_have_are_let_through(name: str) -> None:
    fields.check_terms(replace(terms(), ifaces=(name,)))


@pytest.mark.parametrize("incident_id", ["", "INC-0a1b2c3d", "x" * 64])
def test_ids_that_incidents_have_are_let_through(incident_id: str) -> None:
    fields.check_terms(replace(terms(), incident_id=incident_id, evidence_digest=""))


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=20))
def test_a_refusal_never_repeats_what_cannot_be_read(incident_id: str, digest: str, iface: str) -> None:
    try:
        fields.check_terms(replace(terms(), incident_id=incident_id, evidence_digest=digest, ifaces=(iface,)))
    except PermissionError as error:
        assert str(error).isprintable()
    else:
        assert (incident_id + digest + iface).isascii()
