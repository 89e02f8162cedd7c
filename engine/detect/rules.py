"""Signature rules on payload: YARA rules over raw and decoded bytes of each direction of each flow."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import yara_x

from engine.detect.compiling import compiled_aside
from engine.detect.decode import decode
from engine.plainfile import read_plain
from engine.types import LEAVING, Detection, Direction, FlowUpdate, Party, Severity, Span, UpdateReason

TAIL_BYTES = 512
"""Payload kept from chunk to chunk, so that a pattern split over two of them is found."""
MAX_STREAMS = 32_768
"""Directions of flows remembered; the one longest silent is forgotten first."""
SCAN_TIMEOUT_S = 5
"""YARA-X counts whole ticks of a clock of its own: with 1 it gives up on whatever it scans when a second ends."""
_EXCERPT_BYTES = 256
_FILE_BYTES = 16 << 20
"""Most of one file of rules."""
_CLEAR_BYTES = 4096
"""How much of an SSH or TLS stream is read before it counts as encrypted."""

_REQUEST = re.compile(rb"[A-Z]{3,16} [^\r\n]{1,8000}(?: HTTP/\d|$)|PRI \* HTTP/2")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?")
_FILE_LINE = re.compile(r"--> (.+?):(\d+):\d+")


@dataclass(frozen=True, slots=True)
class Signature:
    """What a rule's metadata says about a match."""

    label: str
    reason: str
    severity: Severity
    score: float
    attack_ids: tuple[str, ...]
    event_class: str
    direction: str
    """``to_server``, ``to_client`` or ``any``."""
    attacker: Party


@dataclass(slots=True)
class _Stream:
    """One direction of a flow, between two chunks."""

    tail: bytes = b""
    end: int = 0
    encrypted: bool = False
    reported: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _View:
    """The bytes that one scan sees: the tail and the new chunk, raw or decoded."""

    raw: bytes
    offset: int
    """Where ``raw`` starts in the direction's payload."""
    at_start: bool
    """Whether a message begins with ``raw``: it opens the stream, or is a datagram."""
    http: bool
    echo: bool
    """Whether this is an ICMP echo request or reply."""
    bare_host: bool
    """Whether the HTTP host, or the TLS server name, is an address rather than a name."""


_GLOBALS = ("at_start", "http", "echo", "bare_host")
"""Fields of a view that rule conditions may name."""


class RuleDetector:
    """Reports each rule once for each flow and direction in which it matches."""

    name = "rules"

    def __init__(self, folder: Path, *, aside: bool = False) -> None:
        """Compile the rules of a folder; ``aside`` is for where a console answers keys meanwhile."""
        texts = tuple((file.name, read_plain(file, _FILE_BYTES)) for file in sorted(folder.glob("*.yar")))
        requests, answers = _compiled_once(folder, texts, aside)
        self.signatures = _signatures(requests, folder)
        self._rules = {Direction.TO_SERVER: requests, Direction.TO_CLIENT: answers}
        self.version = hashlib.sha256(b"".join(text for _, text in texts)).hexdigest()[:12]
        self.timeouts = 0
        self._streams: OrderedDict[tuple[str, Direction], _Stream] = OrderedDict()
        self._local = threading.local()

    def afresh(self) -> RuleDetector:
        """Return a detector with the same compiled rules, which has seen nothing yet; keep this one as long.

        They share scanners, which only the thread that made one may drop: they go with their threads.
        """
        other = copy(self)
        other.timeouts, other._streams = 0, OrderedDict()
        return other

    def __len__(self) -> int:
        return len(self._streams)

    def inspect(self, update: FlowUpdate) -> Sequence[Detection]:
        """Return the rules that match the new payload and were not reported for this direction before."""
        if update.reason in LEAVING:
            self._streams.pop((update.flow.id, Direction.TO_SERVER), None)
            self._streams.pop((update.flow.id, Direction.TO_CLIENT), None)
            return ()
        if update.reason is not UpdateReason.PAYLOAD or update.direction is None or not update.chunk:
            return ()
        stream = self._stream(update.flow.id, update.direction)
        if _is_encrypted(stream, update):
            stream.tail, stream.end = b"", update.offset + len(update.chunk)
            return ()
        return self._judge(stream, update, update.direction)

    def _stream(self, flow_id: str, direction: Direction) -> _Stream:
        key = (flow_id, direction)
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = _Stream()
            if len(self._streams) > MAX_STREAMS:
                self._streams.popitem(last=False)
        else:
            self._streams.move_to_end(key)
        return stream

    def _judge(self, stream: _Stream, update: FlowUpdate, direction: Direction) -> list[Detection]:
        tail = stream.tail if _continues(stream, update) else b""
        offset = update.offset - len(tail)
        at_start = offset == 0 or update.flow.five_tuple.proto != "tcp"
        view = _View(
            tail + update.chunk,
            offset,
            at_start,
            bool(_REQUEST.match(update.flow.head[0])),
            _is_echo(update),
            bool(_ADDRESS.fullmatch(update.flow.name)),
        )
        stream.tail, stream.end = view.raw[-TAIL_BYTES:], update.offset + len(update.chunk)
        found = []
        for signature, span in self._matches(view, direction):
            if signature.label not in stream.reported:
                stream.reported.add(signature.label)
                found.append(self._detection(update, signature, span, view))
        return found

    def _matches(self, view: _View, direction: Direction) -> Iterator[tuple[Signature, Span]]:
        encoded = direction is Direction.TO_SERVER and (view.http or b"${" in view.raw)
        text = decode(view.raw, form=view.http) if encoded else view.raw
        for signature, offset, length in self._scan(text, view, direction):
            if signature.direction not in (direction, "any"):
                continue
            if text == view.raw:
                yield signature, Span(direction, view.offset + offset, length)
            else:
                yield signature, _raw_line(direction, view, text, offset)

    def _scan(self, text: bytes, view: _View, direction: Direction) -> list[tuple[Signature, int, int]]:
        scanner = self._scanner(direction)
        for name in _GLOBALS:
            scanner.set_global(name, getattr(view, name))
        try:
            rules = scanner.scan(text).matching_rules
        except yara_x.TimeoutError:
            self.timeouts += 1
            return []
        return [(self.signatures[rule.namespace, rule.identifier], *_first_match(rule)) for rule in rules]

    def _scanner(self, direction: Direction) -> yara_x.Scanner:
        """Return this thread's scanner: YARA-X forbids one to be used by two threads."""
        scanner: yara_x.Scanner | None = getattr(self._local, direction, None)
        if scanner is None:
            scanner = yara_x.Scanner(self._rules[direction])
            scanner.set_timeout(SCAN_TIMEOUT_S)
            scanner.max_matches_per_pattern(16)
            setattr(self._local, direction, scanner)
        return scanner

    def _detection(self, update: FlowUpdate, signature: Signature, span: Span, view: _View) -> Detection:
        start = max(0, span.offset - view.offset - (_EXCERPT_BYTES - min(span.length, _EXCERPT_BYTES)) // 2)
        return Detection(
            flow_id=update.flow.id,
            at=update.at,
            detector=self.name,
            version=self.version,
            label=signature.label,
            score=signature.score,
            severity=signature.severity,
            reason=signature.reason,
            attacker=signature.attacker,
            attack_ids=signature.attack_ids,
            event_class=signature.event_class,
            spans=(span,),
            excerpt=view.raw[start : start + _EXCERPT_BYTES],
        )


@lru_cache(maxsize=2)
def _compiled_once(
    folder: Path, texts: tuple[tuple[str, bytes], ...], aside: bool
) -> tuple[yara_x.Rules, yara_x.Rules]:
    """Return a folder's compiled rules; a comparison, and the next replay, need the same ones again."""
    return (aside and compiled_aside(folder)) or compiled(folder)


def compiled(folder: Path) -> tuple[yara_x.Rules, yara_x.Rules]:
    """Return the rules for what is sent to servers, and those of the files worth a look at what servers send.

    Raises:
        ValueError: a rule file is broken; the text names it and the line.
    """
    files = sorted(folder.glob("*.yar"))
    requests = _compile(files)
    # Most rules are about requests.
    speaking = {
        namespace
        for (namespace, _), signature in _signatures(requests, folder).items()
        if signature.direction != Direction.TO_SERVER
    }
    return requests, _compile([file for file in files if file.stem in speaking])


def _signatures(rules: yara_x.Rules, folder: Path) -> dict[tuple[str, str], Signature]:
    return {(rule.namespace, rule.identifier): _signature(rule, folder) for rule in rules}


def _compile(files: Sequence[Path]) -> yara_x.Rules:
    compiler = yara_x.Compiler(error_on_slow_pattern=True, includes_enabled=False)
    for name in _GLOBALS:
        compiler.define_global(name, False)
    for file in files:
        compiler.new_namespace(file.stem)
        try:
            compiler.add_source(file.read_text("utf-8"), origin=file.name)
        except (yara_x.CompileError, UnicodeDecodeError) as error:
            place = _FILE_LINE.search(str(error))
            line = f", line {place[2]}" if place else ""
            raise ValueError(f"cannot compile rule file {file}{line}: {error}") from error
    return compiler.build()


def _signature(rule: yara_x.Rule, folder: Path) -> Signature:
    meta = dict(rule.metadata)
    try:
        return Signature(
            label=meta["id"],
            reason=meta["description"],
            severity=Severity(meta["severity"]),
            score=float(meta["score"]),
            attack_ids=tuple(part.strip() for part in meta["attack"].split(",")),
            event_class=meta["event_class"],
            direction="any" if meta["direction"] == "any" else Direction(meta["direction"]),
            attacker=Party(meta["attacker"]),
        )
    except (KeyError, ValueError) as error:
        file = folder / f"{rule.namespace}.yar"
        head = re.search(rf"^rule\s+{rule.identifier}\b", file.read_text("utf-8"), re.MULTILINE)
        line = file.read_text("utf-8").count("\n", 0, head.start()) + 1 if head else 0
        raise ValueError(f"cannot read metadata of rule {rule.identifier} in {file}, line {line}: {error}") from error


def _first_match(rule: yara_x.Rule) -> tuple[int, int]:
    """Return offset and length of the rule's first match, (0, 0) for a rule without patterns."""
    return min(((match.offset, match.length) for pattern in rule.patterns for match in pattern.matches), default=(0, 0))


def _raw_line(direction: Direction, view: _View, decoded: bytes, offset: int) -> Span:
    """Return the raw line that a match in the decoded bytes came from, found by its share of the whole."""
    if offset < decoded.find(b"\r\n"):
        return Span(direction, view.offset, view.raw.find(b"\r\n"))
    near = min(len(view.raw) - 1, offset * len(view.raw) // max(1, len(decoded)))
    start = view.raw.rfind(b"\n", 0, near) + 1
    end = view.raw.find(b"\n", near)
    return Span(direction, view.offset + start, (len(view.raw) if end < 0 else end) - start)


def _is_echo(update: FlowUpdate) -> bool:
    """Say whether the payload is an ICMP echo's: the five-tuple holds the type where TCP has a port."""
    five_tuple = update.flow.five_tuple
    return five_tuple.proto in ("icmp", "icmp6") and five_tuple.src_port in (0, 8, 128, 129)


def _continues(stream: _Stream, update: FlowUpdate) -> bool:
    """Say whether a pattern may begin in the tail: not in a datagram or a TLS record, which begin anew."""
    if update.flow.five_tuple.proto != "tcp" or stream.end != update.offset:
        return False
    return update.flow.app != "tls" or not (0x14 <= update.chunk[0] <= 0x18 and update.chunk[1:2] == b"\x03")


def _is_encrypted(stream: _Stream, update: FlowUpdate) -> bool:
    """Say whether the chunk is the encrypted part of a TLS, SSH or QUIC flow, as cheaply as can be told."""
    app, chunk = update.flow.app, update.chunk
    if app == "tls":
        if chunk[:2] == b"\x17\x03":
            stream.encrypted = True
        return stream.encrypted and chunk[:2] not in (b"\x16\x03", b"\x18\x03")
    return app == "quic" or (app == "ssh" and update.offset > _CLEAR_BYTES)
