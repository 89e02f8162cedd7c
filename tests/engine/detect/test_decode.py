"""Encodings are undone, and garbage is survived."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.detect.decode import decode


@pytest.mark.parametrize(
    ("encoded", "plain"),
    [
        pytest.param(b"%3Cscript%3E", b"<script>", id="percent"),
        pytest.param(b"%253Cscript%253E", b"<script>", id="percent twice"),
        pytest.param(b"%25253Cscript%25253E", b"<script>", id="percent three times"),
        pytest.param(b"%u003cscript%u003e", b"<script>", id="percent u"),
        pytest.param(b"&lt;script&#62;&#x61;", b"<script>a", id="entities"),
        pytest.param(b"\\u003cscript\\x3e", b"<script>", id="backslash escapes"),
        pytest.param(b"%c0%ae%c0%ae%c0%afetc", b"../etc", id="overlong, two bytes"),
        pytest.param(b"%e0%80%ae%e0%80%af", b"./", id="overlong, three bytes"),
        pytest.param(b"%uff0e%uff0e%u2215etc", b"../etc", id="full-width"),
        pytest.param("\uff1cscript\uff1e".encode(), b"<script>", id="full-width UTF-8"),
        pytest.param(b"UNION/**/SELECT/*!50000x*/", b"UNION SELECT x ", id="SQL comments"),
        pytest.param(b"cat${IFS}/etc/passwd", b"cat /etc/passwd", id="shell field separator"),
        pytest.param(b"${${lower:j}${upper:n}${::-d}i:l}", b"${jndi:l}", id="nested lookups"),
        pytest.param(b"${${env:NOPE:-j}ndi:x}", b"${jndi:x}", id="lookup with default"),
        pytest.param(b"plain text & more, 100%", b"plain text & more, 100%", id="nothing to undo"),
        pytest.param(b"Accept: text/*, */*", b"Accept: text/*, */*", id="media types are no comments"),
    ],
)
def test_an_encoding_is_undone(encoded: bytes, plain: bytes) -> None:
    assert decode(encoded) == plain


def test_a_plus_is_a_space_in_target_and_body_but_not_in_headers() -> None:
    request = b"GET /?q=a+b HTTP/1.1\r\nAccept: image/svg+xml\r\n\r\nc+d"
    assert decode(request, form=True) == b"GET /?q=a b HTTP/1.1\r\nAccept: image/svg+xml\r\n\r\nc d"


def test_a_script_wrapped_in_comment_marks_is_kept() -> None:
    assert b"<script>" in decode(b"/*<script>alert(1)</script>*/")


@given(st.binary(max_size=600))
def test_no_bytes_raise(payload: bytes) -> None:
    assert isinstance(decode(payload, form=True), bytes)


@given(st.text(alphabet="%u0123456789abcdefABCDEF&#x;\\${}:-/*!lower+", max_size=300))
def test_half_encodings_do_not_raise(text: str) -> None:
    assert isinstance(decode(text.encode(), form=True), bytes)
