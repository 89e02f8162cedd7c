"""Password guessing: many short visits, or many refused logins, from one source to one service."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.types import LEAVING, Detection, Direction, Flow, FlowUpdate, Party, Severity, UpdateReason

WINDOW_S = 120.0
VISITS = 8
"""Short SSH, Telnet, RDP or VNC flows in a window that make guessing."""
REFUSALS = 8
"""Logins that the server refused in so many words, in a window."""
FORM_POSTS = 20
"""Posts to a login page in a window."""
CREDENTIALS = 6
"""Different HTTP Basic credentials in a window."""
VISIT_S = 60.0
"""A guessing connection is over sooner than this."""
VISIT_BYTES = 6000
"""And the guesser says less than this: a session at work says more."""
MAX_PAIRS = 16_384
"""Pairs of source and service remembered; the one longest silent is forgotten first."""

_PORTS = {22: "ssh", 23: "telnet", 2323: "telnet", 3389: "rdp", 5900: "vnc"}
_REFUSAL = re.compile(
    rb"(?:^|\n)(?:530[ -]|535[ -]|-ERR \[?AUTH|-ERR .{0,40}(?:password|auth|login)|\S{1,12} NO .{0,24}(?:AUTH|LOGIN)"
    rb"|Login incorrect|-WRONGPASS|-ERR invalid password)"
    rb"|password authentication failed for user|\xff\x15\x04#28000|Login failed for user"
    rb"|L\x00o\x00g\x00i\x00n\x00 \x00f\x00a\x00i\x00l\x00e\x00d\x00|(?:\xffSMB\x73|\xfeSMB@\x00..)\x6d\x00\x00\xc0",
    re.IGNORECASE | re.DOTALL,
)
_LOGIN_POST = re.compile(
    rb"POST /[^ ?\r\n]{0,120}(?:log[-_]?[io]n|sign[-_]?in|wp-login|xmlrpc\.php|auth(?:enticate)?|session)",
    re.IGNORECASE,
)
_BASIC = re.compile(rb"\nAuthorization: Basic ([A-Za-z0-9+/=]{4,400})", re.IGNORECASE)


@dataclass(slots=True)
class _Pair:
    """What one source did at one service, as times within the window."""

    visits: deque[float] = field(default_factory=lambda: deque(maxlen=VISITS))
    refusals: deque[float] = field(default_factory=lambda: deque(maxlen=REFUSALS))
    posts: deque[float] = field(default_factory=lambda: deque(maxlen=FORM_POSTS))
    credentials: OrderedDict[bytes, float] = field(default_factory=OrderedDict)
    """Digests of the credentials tried; what was typed is not kept."""
    quiet_until: float = 0.0


class BruteForceDetector:
    """Reports a source once per window when it guesses passwords at one service."""

    name = "bruteforce"
    version = "1"

    def __init__(self) -> None:
        self._pairs: OrderedDict[tuple[str, str, int], _Pair] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pairs)

    def inspect(self, update: FlowUpdate) -> Sequence[Detection]:
        """Return a detection when this update completes a series of guesses."""
        found = None
        if update.reason is UpdateReason.PAYLOAD:
            found = self._message(update)
        elif update.reason in LEAVING and _is_short_visit(update.flow):
            found = self._visit(update)
        return () if found is None else (found,)

    def _message(self, update: FlowUpdate) -> Detection | None:
        if update.direction is Direction.TO_CLIENT:
            if _REFUSAL.search(update.chunk[:512]):
                pair = self._pair(update.flow)
                return self._judge(update, pair, pair.refusals, "logins that the server refused")
            return None
        if _LOGIN_POST.match(update.chunk):
            pair = self._pair(update.flow)
            return self._judge(update, pair, pair.posts, "posts to a login page")
        tried = _BASIC.search(update.chunk[:4096])
        return self._credential(update, tried[1]) if tried else None

    def _visit(self, update: FlowUpdate) -> Detection | None:
        pair = self._pair(update.flow)
        return self._judge(update, pair, pair.visits, "short visits to a login service")

    def _credential(self, update: FlowUpdate, credential: bytes) -> Detection | None:
        pair = self._pair(update.flow)
        pair.credentials[hashlib.sha256(credential).digest()[:8]] = update.at
        if len(pair.credentials) > CREDENTIALS:
            pair.credentials.popitem(last=False)
        times = deque(pair.credentials.values(), maxlen=CREDENTIALS)
        return self._verdict(update, pair, times, "different credentials for one web server")

    def _pair(self, flow: Flow) -> _Pair:
        key = (flow.five_tuple.src_ip, flow.five_tuple.dst_ip, flow.five_tuple.dst_port)
        pair = self._pairs.setdefault(key, _Pair())
        self._pairs.move_to_end(key)
        if len(self._pairs) > MAX_PAIRS:
            self._pairs.popitem(last=False)
        return pair

    def _judge(self, update: FlowUpdate, pair: _Pair, times: deque[float], what: str) -> Detection | None:
        times.append(update.at)
        return self._verdict(update, pair, times, what)

    def _verdict(self, update: FlowUpdate, pair: _Pair, times: deque[float], what: str) -> Detection | None:
        if len(times) != times.maxlen or update.at - min(times) > WINDOW_S or update.at < pair.quiet_until:
            return None
        pair.quiet_until = update.at + WINDOW_S
        app = _service(update.flow) or "login"
        return Detection(
            flow_id=update.flow.id,
            at=update.at,
            detector=self.name,
            version=self.version,
            label=f"bruteforce.{app}",
            score=0.9,
            severity=Severity.HIGH,
            reason=f"One source made {len(times)} {what} within two minutes",
            attacker=Party.INITIATOR,
            attack_ids=("T1110.001", "T1110.003"),
            event_class="brute_force",
        )


def _service(flow: Flow) -> str:
    return flow.app or _PORTS.get(flow.five_tuple.dst_port, "")


def _is_short_visit(flow: Flow) -> bool:
    """Say whether the flow was a brief exchange at a service that only asks for passwords."""
    return (
        _service(flow) in ("ssh", "telnet", "rdp", "vnc")
        and all(size > 0 for size in flow.payload_bytes)
        and flow.payload_bytes[0] < VISIT_BYTES
        and flow.last_seen - flow.first_seen < VISIT_S
    )
