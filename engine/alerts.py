"""Folds detections into alerts: one for each target, detector and reason within a window."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace

from engine.types import Alert, Detection, Flow, Party

MAX_ALERTS = 16384
"""Alerts remembered for folding; the least recently repeated one is forgotten first."""


def content_id(prefix: str, digits: int, *parts: object) -> str:
    """Return ``prefix`` and the first hex digits of the SHA-256 over the parts: the same content, the same id."""
    text = "\x1f".join(str(part) for part in parts)
    return prefix + hashlib.sha256(text.encode()).hexdigest()[:digits]


class Deduplicator:
    """Folds repeated detections into one alert per target, detector and label."""

    def __init__(self, window_s: float = 60.0, local_ips: Iterable[str] = ()) -> None:
        """Take this host's addresses in ``local_ips``; without them the accused end is the target."""
        self._window_s = window_s
        self._local_ips = frozenset(local_ips)
        self._alerts: OrderedDict[tuple[str, str, str], Alert] = OrderedDict()
        self.folded = 0

    def restore(self, alerts: Iterable[Alert]) -> None:
        """Remember alerts stored before a restart, oldest first, so that repeats still fold."""
        for alert in alerts:
            self._remember(self._key(alert.target_ip, alert.detection), alert)

    def add(self, flow: Flow, detection: Detection, now: float) -> tuple[Alert, bool]:
        """Return the alert that the detection belongs to, and whether it is a new one."""
        target_ip, local_ip = self.ends(flow, detection)
        key = self._key(target_ip, detection)
        known = self._alerts.get(key)
        if known is not None and now - known.last_at <= self._window_s:
            self.folded += 1
            alert = replace(known, last_at=max(known.last_at, now), count=known.count + 1)
            self._remember(key, alert)
            return alert, False
        told = (detection.event.name, detection.event.content) if detection.event else ()
        alert_id = content_id("A-", 10, *key, flow.id, f"{now:.6f}", *told)
        alert = Alert(alert_id, target_ip, local_ip, now, now, 1, detection, flow)
        self._remember(key, alert)
        return alert, True

    def assign(self, alert: Alert) -> None:
        """Keep the incident an alert was given, so that its repeats carry it too."""
        self._remember(self._key(alert.target_ip, alert.detection), alert)

    def ends(self, flow: Flow, detection: Detection) -> tuple[str, str]:
        """Return target and local end of what was detected on a flow."""
        src_ip, dst_ip = flow.five_tuple.src_ip, flow.five_tuple.dst_ip
        if (src_ip in self._local_ips) != (dst_ip in self._local_ips):
            return (dst_ip, src_ip) if src_ip in self._local_ips else (src_ip, dst_ip)
        accused_is_source = detection.attacker is Party.INITIATOR
        return (src_ip, dst_ip) if accused_is_source else (dst_ip, src_ip)

    @staticmethod
    def _key(target_ip: str, detection: Detection) -> tuple[str, str, str]:
        return target_ip, detection.detector, detection.label

    def _remember(self, key: tuple[str, str, str], alert: Alert) -> None:
        self._alerts[key] = alert
        self._alerts.move_to_end(key)
        if len(self._alerts) > MAX_ALERTS:
            self._alerts.popitem(last=False)
