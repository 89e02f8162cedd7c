"""Variants keep what makes a payload an attack, and lose what gives the lab away."""

from __future__ import annotations

import random

from models.augment import Payload, mask, vary

ATTACK = b"<script>alert(1)</script>"


def request(padding: int) -> Payload:
    headers = b"".join(b"X-%03d: %s\r\n" % (number, b"v" * 30) for number in range(padding))
    head = b"POST /x HTTP/1.1\r\nHost: lab.example\r\n" + headers + b"\r\n"
    return Payload(head + b"q=" + ATTACK, malicious=True, attack_at=len(head) + 2)


def test_the_attack_stays_in_every_variant() -> None:
    rng = random.Random(1)
    variants = [vary(request(padding=5), rng) for _ in range(200)]
    assert all(variant is not None and ATTACK in variant for variant in variants)


def test_an_attack_beyond_the_window_is_used_only_where_dropped_headers_bring_it_in() -> None:
    rng = random.Random(2)
    variants = [vary(request(padding=20), rng) for _ in range(200)]
    kept = [variant for variant in variants if variant is not None]
    assert 0 < len(kept) < 200
    assert all(ATTACK[:20] in variant for variant in kept)


def test_hosts_and_dates_of_the_lab_do_not_survive() -> None:
    data = b"GET / HTTP/1.1\r\nHost: lab.example\r\nDate: Mon, 20 Dec 2021 13:44:20 GMT\r\n\r\n"
    masked = mask(data, random.Random(3))
    assert b"lab.example" not in masked
    assert b"Mon, 20 Dec 2021 13:44:20" not in masked


def test_an_attack_at_no_known_place_is_kept_whole() -> None:
    payload = Payload(b"GET / HTTP/1.1\r\nUser-Agent: sqlmap\r\nAccept: */*\r\n\r\n", malicious=True)
    variants = [vary(payload, random.Random(seed)) for seed in range(100)]
    assert all(variant is not None and b"User-Agent: sqlmap" in variant for variant in variants)
