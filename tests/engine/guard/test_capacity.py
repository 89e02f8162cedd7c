from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from engine.guard import capacity
from engine.guard.capacity import Length

HEADER = Path(__file__).parents[3] / "bpf" / "aegis.h"


def test_the_limits_are_those_of_the_kernel_program() -> None:
    told = dict(re.findall(r"#define AEGIS_MAX_(\w+) (\d+)", HEADER.read_text()))
    ours = (capacity.SINGLES, capacity.NETWORKS, capacity.LENGTHS)
    assert ours == (int(told["SINGLES"]), int(told["NETS"]), int(told["LENGTHS"]))


@pytest.mark.parametrize(
    ("held", "added", "words"),
    [
        ({}, [], ""),
        ({(4, 32): 131_071}, ["198.18.0.1/32"], ""),
        ({(4, 32): 131_072}, ["198.18.0.1/32"], "131,072 IPv4 addresses; 1 of these"),
        ({(4, 32): 131_072}, ["2001:db8::1/128", "198.18.0.0/24"], ""),
        ({(6, 128): 131_072}, ["2001:db8::1/128"], "131,072 IPv6 addresses; 1 of these"),
        ({(6, 64): 16_380, (6, 56): 4}, ["2001:db8::/64", "2001:db8:1::/64"], "16,384 IPv6 networks; 2 of these"),
        ({(4, 32): 200_000}, ["198.18.0.1/32"], "131,072 IPv4 addresses; 1 of these"),
        ({(6, length): 1 for length in range(48, 64)}, ["2001:db8::/63"], ""),
        ({(6, length): 1 for length in range(48, 64)}, ["2001:db8::/64"], "16 lengths; these would make it 17"),
        ({(6, length): int(length != 50) for length in range(48, 64)}, ["2001:db8::/64"], ""),
        ({(6, length): 1 for length in range(48, 65)}, ["198.18.0.0/24", "2001:db8::1/128"], ""),
    ],
)
def test_what_would_not_fit_is_said(held: dict[tuple[int, int], int], added: list[str], words: str) -> None:
    told = capacity.unfit(Counter({Length(*key): count for key, count in held.items()}), added)
    assert words in told
    assert bool(told) == bool(words)
