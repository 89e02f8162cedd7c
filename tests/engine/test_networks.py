"""The network of an address, out of a database file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]

from engine.networks import NAME_CHARACTERS, Networks


@pytest.fixture
def networks(tmp_path: Path) -> Iterator[Networks]:
    rows: dict[str, dict[str, Any]] = {
        "203.0.113.0/24": {"autonomous_system_number": 64500, "autonomous_system_organization": "Evil Hosting"},
        "198.51.100.0/25": {"autonomous_system_number": 64501, "autonomous_system_organization": "x" * 5000},
        "198.51.100.128/25": {"autonomous_system_number": "64501"},
        "192.0.2.0/24": {"country": "none"},
    }
    writer = MMDBWriter(4, "GeoLite2-ASN")
    for prefix, row in rows.items():
        writer.insert_network(IPSet([prefix]), row)
    writer.to_db_file(str(tmp_path / "asn.mmdb"))
    opened = Networks(tmp_path / "asn.mmdb")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("ip", "number", "name"),
    [
        pytest.param("203.0.113.7", 64500, "Evil Hosting", id="known"),
        pytest.param("198.51.100.7", 64501, "x" * NAME_CHARACTERS, id="a long name"),
        pytest.param("198.51.100.200", 0, "", id="a number that is text"),
        pytest.param("192.0.2.7", 0, "", id="another kind of row"),
        pytest.param("10.0.0.1", 0, "", id="unknown"),
        pytest.param("2001:db8::7", 0, "", id="IPv6 in a database of IPv4"),
        pytest.param("no address", 0, "", id="no address"),
    ],
)
def test_number_and_name_are_told(ip: str, number: int, name: str, networks: Networks) -> None:
    assert networks.look_up(ip) == (number, name)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.mmdb").write_bytes(b"no database")
    with pytest.raises(ValueError, match="cannot use"):
        Networks(tmp_path / "x.mmdb")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mmdb")
    with pytest.raises(ValueError, match=r"pipe\.mmdb is not a regular file"):
        Networks(tmp_path / "pipe.mmdb")


def test_a_file_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Networks(tmp_path / "gone.mmdb")
