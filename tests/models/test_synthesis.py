"""Made-up payloads are repeatable and their templates are filled in."""

from __future__ import annotations

import random
import re

import pytest

from models import synthesis

_UNFILLED = re.compile(rb"\{(ip|host|word|words|number|command|sql|text|date|hex|b64|escaped|run|arch)\}")


@pytest.mark.parametrize("kind", ["BENIGN", "ATTACK"])
def test_every_maker_repeats_itself_for_a_seed_and_leaves_no_gap(kind: str) -> None:
    for make in getattr(synthesis, kind):
        first = [make(random.Random(seed)) for seed in range(40)]
        assert first == [make(random.Random(seed)) for seed in range(40)]
        assert len(set(first)) > 5
        assert not [payload for payload in first if _UNFILLED.search(payload)]


def test_a_reply_is_http_and_ends_its_headers() -> None:
    reply = synthesis.http_reply(random.Random(1))
    assert reply.startswith(b"HTTP/1.")
    assert b"\r\n\r\n" in reply
