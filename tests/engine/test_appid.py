"""Tests of application recognition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.appid import NAME_CHARS, client_hello_complete, recognise

SNI = b"\x00\x00" + b"\x00\x10" + b"\x00\x0e\x00\x00\x0b" + b"www.example"
OTHER = b"\x00\x17\x00\x00"


def client_hello(extensions: bytes = OTHER + SNI) -> bytes:
    body = b"\x03\x03" + bytes(32) + b"\x20" + bytes(32) + b"\x00\x04\x13\x01\x13\x02" + b"\x01\x00"
    body += len(extensions).to_bytes(2, "big") + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message


DNS = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x00\x00\x01\x00\x01"


@pytest.mark.parametrize(
    ("proto", "port", "to_server", "to_client", "expected"),
    [
        ("tcp", 80, b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n", b"", ("http", "shop.example")),
        ("tcp", 80, b"POST /a HTTP/1.0\r\n\r\n", b"", ("http", "")),
        ("tcp", 80, b"GET / HTTP/1.1\r\nhost:shop.exam", b"", ("http", "")),
        ("tcp", 9000, b"", b"HTTP/1.1 200 OK\r\n", ("http", "")),
        ("tcp", 443, client_hello(), b"", ("tls", "www.example")),
        ("tcp", 443, client_hello(OTHER), b"", ("tls", "")),
        ("tcp", 443, client_hello()[:90], b"", ("tls", "")),
        ("tcp", 22, b"SSH-2.0-Go\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", ("ssh", "SSH-2.0-OpenSSH_9.2")),
        ("tcp", 22, b"SSH-2.0-Go\r\n", b"", ("ssh", "SSH-2.0-Go")),
        ("udp", 53, DNS, b"", ("dns", "www.example")),
        ("udp", 53, b"", DNS, ("dns", "www.example")),
        ("tcp", 53, len(DNS).to_bytes(2, "big") + DNS, b"", ("dns", "www.example")),
        ("tcp", 25, b"", b"220 mail.example ESMTP Postfix\r\n", ("smtp", "220 mail.example ESMTP Postfix")),
        ("tcp", 21, b"", b"220 (vsFTPd 3.0.3)\r\n", ("ftp", "220 (vsFTPd 3.0.3)")),
        ("tcp", 110, b"", b"+OK ready\r\n", ("pop3", "+OK ready")),
        ("tcp", 445, b"\0\0\0\x54\xfeSMB", b"", ("smb", "")),
        ("tcp", 3389, b"\x03\0\0\x2a\x25\xe0\0\0\0\0\0Cookie: mstshash=bob\r\n", b"", ("rdp", "bob")),
        ("tcp", 3306, b"", b"\x4a\0\0\0\x0a8.0.36\0rest", ("mysql", "8.0.36")),
        ("tcp", 5432, b"\0\0\0\x08\x04\xd2\x16\x2f", b"", ("postgresql", "")),
        ("tcp", 6379, b"*1\r\n$4\r\nPING\r\n", b"", ("redis", "")),
        ("udp", 443, b"\xc3\0\0\0\1\x08", b"", ("quic", "")),
        ("udp", 123, b"\x23" + bytes(47), b"", ("ntp", "")),
        ("tcp", 4444, b"id\n", b"uid=0(root)\n", ("", "")),
        ("icmp", 0, b"SSH-2.0", b"", ("", "")),
    ],
)
def test_applications_are_known_by_their_first_bytes(
    proto: str, port: int, to_server: bytes, to_client: bytes, expected: tuple[str, str]
) -> None:
    assert recognise(proto, (40000, port), to_server, to_client) == expected


def test_a_name_is_bounded_and_kept_raw() -> None:
    request = b"GET / HTTP/1.1\r\nHost: \x1b[31m" + b"\xff" * 400 + b"\r\n\r\n"
    name = recognise("tcp", (40000, 80), request, b"")[1]
    assert len(name) == NAME_CHARS
    assert name.startswith("\x1b[31m\\xff")


def test_a_hello_is_complete_with_its_last_byte() -> None:
    hello = client_hello()
    assert client_hello_complete(hello)
    assert not client_hello_complete(hello[:-1])


@given(
    st.sampled_from(["tcp", "udp", "icmp"]),
    st.sampled_from([22, 53, 80, 443]),
    st.sampled_from([b"", b"\x16\x03\x01\x00\x40\x01", b"SSH-", b"220 ", DNS[:12], b"\x03\x00"]),
    st.binary(max_size=120),
    st.binary(max_size=60),
)
def test_no_payload_makes_recognition_raise(proto: str, port: int, start: bytes, rest: bytes, reply: bytes) -> None:
    app, name = recognise(proto, (40000, port), start + rest, reply)
    assert len(app) < 16
    assert len(name) <= NAME_CHARS


@given(st.integers(0, 160), st.binary(min_size=1, max_size=4))
def test_no_damage_to_a_hello_makes_recognition_raise(at: int, damage: bytes) -> None:
    hello = client_hello()
    assert recognise("tcp", (40000, 443), hello[:at] + damage + hello[at + len(damage) :], b"")[0] in ("tls", "")
