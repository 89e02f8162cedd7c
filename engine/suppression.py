"""What persons set aside: whether a rule of theirs hides a detection, and what one would have hidden."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from engine.alerts import content_id
from engine.types import Detection, SeenAlert, Suppression, SuppressionPreview

MOST = 1000
"""Suppressions in force at a time; the next one is refused."""

WIDEST = {4: 16, 6: 48}
"""Shortest prefix that may be set aside without naming what: wider ones would blind the program."""

_SAMPLE = 8


def make(target: str, detector: str, label: str, reason: str, by: str, now: float, ttl_s: float) -> Suppression:
    """Return the rule that a person asks for; ``ttl_s`` 0 is until a person ends it.

    Raises:
        ValueError: the scope is none, or too wide, or no reason is given; the text says which.
    """
    prefix = str(_network(target)) if target else ""
    if not reason.strip():
        msg = "a suppression needs a reason: the next person on watch will ask"
        raise ValueError(msg)
    if not (prefix or detector or label):
        msg = "a suppression needs a scope: an address or prefix, a detector, or a label"
        raise ValueError(msg)
    if label == "*" or "*" in label[:-1]:
        msg = f"a label may end in *, after at least one letter, not {label!r}"
        raise ValueError(msg)
    if prefix and not label and ip_network(prefix).prefixlen < WIDEST[ip_network(prefix).version]:
        msg = f"{prefix} is wider than /{WIDEST[ip_network(prefix).version]}: name a label too"
        raise ValueError(msg)
    rule_id = content_id("S-", 8, prefix, detector, label, f"{now:.6f}")
    return Suppression(rule_id, prefix, detector, label, reason.strip(), by, now, now + ttl_s if ttl_s else 0.0)


class Suppressions:
    """The rules in force, and what each of them hid; used by one thread at a time."""

    def __init__(self, rules: Iterable[Suppression] = ()) -> None:
        self.hidden = 0
        """Detections that raised no alert."""
        self._hits: Counter[str] = Counter()
        self._last: dict[str, float] = {}
        self.adopt(rules)

    def adopt(self, rules: Iterable[Suppression]) -> None:
        """Go by these rules from now on."""
        self._rules = tuple((rule, _network(rule.target) if rule.target else None) for rule in rules)

    def take_hits(self) -> tuple[tuple[str, int, float], ...]:
        """Return id, number and time of the last of what was hidden since the last call."""
        taken = tuple((rule_id, hits, self._last.pop(rule_id)) for rule_id, hits in self._hits.items())
        self._hits.clear()
        return taken

    def hides(self, target_ip: str, detection: Detection) -> bool:
        """Say whether a rule hides a detection, and count it there."""
        for rule, network in self._rules:
            if is_in_scope(rule, network, target_ip, detection) and _lasts(rule, detection.at):
                self.hidden += 1
                self._hits[rule.id] += 1
                self._last[rule.id] = max(self._last.get(rule.id, 0.0), detection.at)
                return True
        return False


def preview(rule: Suppression, alerts: Iterable[SeenAlert]) -> SuppressionPreview:
    """Return what a rule would have hidden of these alerts, whenever they were raised."""
    network = _network(rule.target) if rule.target else None
    looked, hit, shown = list(alerts), [], set()
    for alert in looked:
        if is_in_scope(rule, network, alert.target_ip, alert):
            hit.append(alert)
        else:
            shown.add(alert.incident_id)
    ranks = Counter(alert.severity for alert in hit)
    return SuppressionPreview(
        len(hit),
        sum(alert.count for alert in hit),
        tuple(sorted({alert.incident_id for alert in hit} - shown)),
        tuple(sorted(ranks.items(), key=lambda pair: -pair[0].rank)),
        min((alert.first_at for alert in looked), default=0.0),
        tuple(_line(alert) for alert in hit[:_SAMPLE]),
    )


def concerning(rules: Iterable[Suppression], target_ip: str) -> tuple[Suppression, ...]:
    """Return the rules that can hide something of a target."""
    return tuple(rule for rule in rules if not rule.target or _holds(_network(rule.target), target_ip))


def is_in_scope(
    rule: Suppression, network: IPv4Network | IPv6Network | None, target_ip: str, found: Detection | SeenAlert
) -> bool:
    """Say whether a finding about a target is in a rule's scope; ``network`` is the rule's target, read once."""
    if rule.detector and rule.detector != found.detector:
        return False
    if rule.label and not _fits(rule.label, found.label):
        return False
    return network is None or _holds(network, target_ip)


def _holds(network: IPv4Network | IPv6Network, target_ip: str) -> bool:
    address = ip_address(target_ip)
    return address.version == network.version and address in network


def _fits(pattern: str, label: str) -> bool:
    return label.startswith(pattern[:-1]) if pattern.endswith("*") else label == pattern


def _lasts(rule: Suppression, at: float) -> bool:
    return rule.added_at <= at and (not rule.ends_at or at < rule.ends_at)


def _network(target: str) -> IPv4Network | IPv6Network:
    network = ip_network(target.strip(), strict=False)
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is not None and network.prefixlen >= 96:
        return ip_network((mapped, network.prefixlen - 96), strict=False)
    return network


def _line(alert: SeenAlert) -> str:
    return f"{alert.target_ip} {alert.severity.value} {alert.detector} {alert.label} x{alert.count}"
