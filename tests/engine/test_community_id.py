"""Vectors of the reference implementation, seed 0."""

from __future__ import annotations

import socket

import pytest

from engine.community_id import community_id

VECTORS = [
    (6, "128.232.110.120", 34855, "66.35.250.204", 80, False, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (6, "66.35.250.204", 80, "128.232.110.120", 34855, False, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (
        6,
        "2001:470:e5bf:dead:4957:2174:e82c:4887",
        63943,
        "2607:f8b0:400c:c03::1a",
        25,
        False,
        "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
    ),
    (17, "192.168.1.52", 54585, "8.8.8.8", 53, False, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    (132, "192.168.170.8", 7, "192.168.170.56", 7, False, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
    (1, "192.168.0.89", 8, "192.168.0.1", 0, False, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    (1, "192.168.0.1", 0, "192.168.0.89", 8, False, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    (1, "192.168.0.89", 20, "192.168.0.1", 1, True, "1:tz/fHIDUHs19NkixVVoOZywde+I="),
    (58, "fe80::200:86ff:fe05:80da", 135, "fe80::260:97ff:fe07:69ea", 136, False, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="),
    (
        58,
        "3ffe:507:0:1:260:97ff:fe07:69ea",
        3,
        "3ffe:507:0:1:200:86ff:fe05:80da",
        0,
        True,
        "1:NdobDX8PQNJbAyfkWxhtL2Pqp5w=",
    ),
    (
        58,
        "3ffe:507:0:1:200:86ff:fe05:80da",
        3,
        "3ffe:507:0:1:260:97ff:fe07:69ea",
        0,
        True,
        "1:/OGBt9BN1ofenrmSPWYicpij2Vc=",
    ),
]


def packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


@pytest.mark.parametrize(("proto", "src", "sport", "dst", "dport", "one_way", "expected"), VECTORS)
def test_ids_equal_the_published_ones(
    proto: int, src: str, sport: int, dst: str, dport: int, one_way: bool, expected: str
) -> None:
    assert community_id(proto, packed(src), sport, packed(dst), dport, one_way) == expected


def test_protocols_without_ports_are_named_by_their_addresses() -> None:
    ends = packed("10.0.0.1"), packed("10.0.0.2")
    assert community_id(47, ends[0], 0, ends[1], 0) == community_id(47, ends[1], 0, ends[0], 0)
