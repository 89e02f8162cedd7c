"""How much the kernel's maps hold: what would not fit is refused before anybody approves it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

SINGLES = 131_072
"""Most single addresses of one family: ``AEGIS_MAX_SINGLES`` of ``bpf/aegis.h``."""
NETWORKS = 16_384
"""Most wider prefixes of one family: ``AEGIS_MAX_NETS``."""
LENGTHS = 16
"""Most different lengths of those of one family: ``AEGIS_MAX_LENGTHS``."""
BITS = {4: 32, 6: 128}
LIST_IPV4 = 1 << 24
"""Most IPv4 addresses of one list: those of a /8."""
LIST_IPV6 = 1024 << 80
"""Most IPv6 addresses of one list: those of 1,024 /48s."""


class Length(NamedTuple):
    """What a prefix costs in the maps."""

    version: int
    length: int


def length_of(prefix: str) -> Length:
    """Return the family and the length of a canonical prefix."""
    return Length(6 if ":" in prefix else 4, int(prefix.rpartition("/")[2]))


def unfit(held: Mapping[Length, int], added: Iterable[str]) -> str:
    """Say what of these prefixes would not fit beside what is held already, or nothing."""
    more = Counter(map(length_of, added))
    for version, bits in BITS.items():
        single = Length(version, bits)
        nets = {key: count for key, count in more.items() if key.version == version and key != single}
        standing = {key: count for key, count in held.items() if key.version == version and key != single and count}
        for most, wanted, there, what in (
            (SINGLES, more[single], held.get(single, 0), "addresses"),
            (NETWORKS, sum(nets.values()), sum(standing.values()), "networks"),
        ):
            over = min(there + wanted - most, wanted)
            if wanted and over > 0:
                return f"the kernel holds {most:,} IPv{version} {what}; {over:,} of these would not fit"
        lengths = len(nets.keys() | standing.keys())
        if nets and lengths > LENGTHS:
            return f"the kernel holds IPv{version} networks of {LENGTHS} lengths; these would make it {lengths}"
    return ""


def too_many_addresses(targets: Iterable[str]) -> str:
    """Say that a list holds more addresses than one decision may block, or nothing."""
    sums: Counter[int] = Counter()
    for (version, length), count in Counter(map(length_of, targets)).items():
        sums[version] += count << (BITS[version] - length)
    if sums[4] > LIST_IPV4:
        return f"a list holds at most {LIST_IPV4:,} IPv4 addresses (a /8), this one {sums[4]:,}"
    if sums[6] > LIST_IPV6:
        return f"a list holds at most 1,024 /48s of IPv6 addresses, this one as many as {-(-sums[6] >> 80):,}"
    return ""
