"""One spelling for each address."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address


def canonical_ip(text: str) -> str | None:
    """Return the address without zone, an IPv4-mapped one as IPv4; None when it is no address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def canonical_ips(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses among some texts, each once, in their order."""
    return tuple(dict.fromkeys(address for text in texts if (address := canonical_ip(text))))
