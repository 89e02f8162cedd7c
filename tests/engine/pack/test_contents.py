"""What is in a pack: the same for the same incident, and without credentials where that was asked."""

from __future__ import annotations

import json
from dataclasses import replace

from engine.pack.archive import decode
from engine.pack.contents import MANIFEST, SEAL, digest, pack, pack_name
from engine.stored import Stored
from engine.types import Flow, FlowUpdate, UpdateReason
from tests.aegis_tui import scenario

SECRET = b"GET / HTTP/1.1\r\nAuthorization: Bearer abcdefgh12345678\r\n\r\n"


def stored() -> Stored:
    flow: Flow = scenario.flow(head=(SECRET, b""))
    detection = replace(scenario.alert().detection, excerpt=SECRET)
    view = scenario.incident_view(alerts=(scenario.alert(flow=flow, detection=detection),))
    update = FlowUpdate(flow, UpdateReason.PAYLOAD, 1.0, chunk=SECRET)
    return Stored(view, (update,), packets=b"pcap " + SECRET, source="live")


def test_the_same_incident_gives_the_same_bytes() -> None:
    assert pack(stored(), "aegis-tui 1") == pack(stored(), "aegis-tui 1")


def test_the_manifest_lists_every_other_file_with_its_digest() -> None:
    files = decode(pack(stored(), "aegis-tui 1"))
    manifest = json.loads(files[MANIFEST])
    assert set(files) == {*manifest["files"], MANIFEST, SEAL}
    assert {name: one["sha256"] for name, one in manifest["files"].items()} == {
        name: digest(files[name]) for name in manifest["files"]
    }
    assert (manifest["tool"], manifest["incident_id"]) == ("aegis-tui 1", "INC-00000042")


def test_packets_and_trace_are_what_is_stored() -> None:
    files = decode(pack(stored(), "aegis-tui 1"))
    assert files["packets.pcap"] == b"pcap " + SECRET
    assert len(json.loads(files["trace.json"])["steps"]) == len(scenario.steps())
    assert "steps" not in json.loads(files["incident.json"])


def test_a_redacted_pack_holds_no_credential_and_says_what_it_leaves_out() -> None:
    archive = pack(stored(), "aegis-tui 1", redacted=True)
    files = decode(archive)
    assert b"abcdefgh12345678" not in archive
    assert b"QmVhcmVyIGFiY2RlZmdo" not in archive
    assert json.loads(files["incident.json"])["alerts"][0]["detection"]["label"] == "log4shell.jndi"
    assert set(json.loads(files[MANIFEST])["left_out"]) == {"inputs.json", "packets.pcap"}


def test_an_incident_without_packets_says_so() -> None:
    manifest = json.loads(decode(pack(replace(stored(), packets=b""), "aegis-tui 1"))[MANIFEST])
    assert manifest["left_out"] == {"packets.pcap": "no packets are stored with the incident"}


def test_a_redacted_pack_has_another_name() -> None:
    assert (pack_name("INC-1"), pack_name("INC-1", redacted=True)) == ("INC-1.zip", "INC-1.redacted.zip")
