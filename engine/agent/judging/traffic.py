"""How the target's traffic behaves: spread, floods and repetition."""

# ruff: noqa: E501 - a pattern reads best whole

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from engine.agent.judging.measures import entropy
from engine.agent.judging.message import Message
from engine.agent.judging.payload import WEB
from engine.agent.judging.scene import Scene
from engine.types import Flow

_FILLER = re.compile(rb"([^\x00\xff\s=*#_~+.-])\1{99,}")
_FORMAT = re.compile(rb"(?:%(?:\d+\$)?0?\d*[xnsp]){5,}|%\d+\$h?n")
_NOPS = re.compile(rb"\x90{32,}|A{60,}")
_ELF = re.compile(rb"^.{0,8}(?:\x7fELF|MZ.{50,120}This program)", re.DOTALL)
_REFUSAL = re.compile(
    r"deleteme|illegal|not allowed|forbidden|blocked|invalid (?:value|parameter|character|format)|captcha|noauth"
)
_RISING = re.compile(
    r"linpeas|linenum|pspy|exploit[-_.]?(?:suggester|db)|dirty(?:cow|pipe)|pwnkit|pkexec|\bcve-20\d\d|privesc|suid3num|\bgcc\b[^\n]* -o"
    r"|sudoedit -s|glibc_tunables|(?:sweet|god|juicy|rogue|hot)potato|printspoofer|seimpersonate|getsystem|chmod (?:u?\+s|[46]\d{3})\b|/etc/sudoers|nopasswd"
    r"|usermod -a?g|\bcap_\w+[+=]e?p|release_agent|core_pattern|serviceaccount/token|clusterrolebinding|gtfobins|unshare -[a-z]*r|\blxc (?:init|config|exec)"
    r"|sudo -u#-1|--privileged|/proc/\w+/root|docker\.sock|nsenter|cap_setuid|overlayfs"
)
_ACCOUNTS = re.compile(
    r"root:[x*$]|:\$(?:6|5|1|y|2[aby])\$|begin [a-z ]*private key|insert into|create table|-- mysql dump"
)


def considerations(scene: Scene) -> Iterator[str]:
    """Name what the traffic says."""
    if scene.is_inbound:
        yield from _sweep(scene)
        yield from _refused(scene)
        yield from _floods(scene)
    yield from _machine_code(scene)
    if len({alert.detection.label for alert in scene.alerts if alert.detection.detector != "model"}) >= 2:
        yield "several_signs"
    if scene.classes & {"privilege_escalation"} and _RISING.search(scene.both):
        yield "rising_tool"
    if scene.classes & {"exfiltration", "dns_tunnel"} and not scene.is_inbound and _ACCOUNTS.search(scene.ours):
        yield "accounts_leave"


def _sweep(scene: Scene) -> Iterator[str]:
    begun = [flow for flow in scene.flows if flow.five_tuple.src_ip == scene.target]
    ports = {flow.five_tuple.dst_port for flow in begun}
    shaken = sum(flow.handshake for flow in begun)
    if len(ports) >= 12 and shaken * 3 < len(begun):
        yield "sweeps_ports"
    elif "scan" in scene.classes and _speaks_one_to_many(begun):
        yield "same_bytes_many_ports"
    if "scan" in scene.classes and "robots.txt" in scene.foreign:
        yield "reads_robots"
    if "scan" in scene.classes and any(_is_linked(scene, request.target) for request in scene.requests):
        yield "follows_pages"


def _speaks_one_to_many(flows: list[Flow]) -> bool:
    """Return whether the same first bytes went to three ports or more, or many ports were connected to."""
    first = {(flow.head[0][:24], flow.five_tuple.dst_port) for flow in flows if flow.head[0]}
    same = Counter(start for start, _ in first)
    return max(same.values(), default=0) >= 3 or len({flow.five_tuple.dst_port for flow in flows}) >= 8


def _is_linked(scene: Scene, target: str) -> bool:
    """Return whether a page of this host names a path that was asked for."""
    path = target.lower().partition("?")[0]
    return len(path) > 4 and any(path in answer.body.lower() and answer.status == 200 for answer in scene.answers)


def _refused(scene: Scene) -> Iterator[str]:
    """Say whether the syntax was tried again and again and refused: nobody types that by mistake."""
    if not scene.classes & WEB or not scene.status:
        return
    tries = sum(alert.count for alert in scene.alerts if alert.detection.detector != "model")
    refused = sum(_is_refusal(answer.status, answer.decoded) for answer in scene.answers if answer.status)
    per_second = tries / max(scene.span_s, 1.0)
    if tries >= 3 and refused * 2 >= len(scene.status) and per_second >= 0.1:
        yield "tries_again"
    elif tries >= 20 and per_second >= 0.3:
        yield "tries_often"
    elif refused == len(scene.status):
        yield "refused"


def _is_refusal(status: int, text: str) -> bool:
    return 400 <= status < 600 or bool(_REFUSAL.search(text.lower()))


def _floods(scene: Scene) -> Iterator[str]:
    if "dos" not in scene.classes:
        return
    flows = [flow for flow in scene.flows if flow.five_tuple.src_ip == scene.target]
    shaken = sum(flow.handshake for flow in flows)
    tcp = [flow for flow in flows if flow.five_tuple.proto == "tcp"]
    if len(tcp) >= 50 and shaken * 10 < len(tcp):
        yield "never_connects"
    elif len(tcp) >= 20 and shaken * 10 >= 9 * len(tcp) and _is_served(scene, tcp):
        yield "real_connections"
    if any(
        flow.packets[0] > 200 * max(flow.last_seen - flow.first_seen, 1.0) and not flow.packets[1] for flow in flows
    ):
        yield "one_way_flood"
    if any(
        flow.packets[0] > 2000 * max(flow.last_seen - flow.first_seen, 1.0) and flow.packets[1] * 10 < flow.packets[0]
        for flow in flows
    ):
        yield "packet_flood"
    waiting = [flow for flow in tcp if flow.handshake and not flow.head[1] and flow.last_seen - flow.first_seen >= 10]
    if waiting and len(tcp) >= 20:
        yield "holds_connections"
    if scene.pace >= 10 and flows:
        yield "flood_pace"
    yield from _reflects(flows)
    asked = [request for request in scene.requests if request.target]
    sessions = {one.headers.get("cookie") or one.headers.get("authorization") or one.body[:80] for one in asked} - {""}
    if scene.status and all(code < 400 for code in scene.status) and sessions:
        yield "varied_and_served"
    if asked and not sessions and scene.pace > 5 and not any(_from_own_page(one) for one in asked):
        yield "same_request_again"
    if scene.status and any(code in (429, 500, 502, 503, 504) for code in scene.status):
        yield "service_suffers"


def _is_served(scene: Scene, tcp: list[Flow]) -> bool:
    """Return whether those who connected got what they came for."""
    if scene.status:
        return max(scene.status) < 400
    spoken = [flow for flow in tcp if flow.head[0]]
    return bool(spoken) and all(flow.head[1] and flow.bytes[1] >= 2000 for flow in spoken)


def _from_own_page(request: Message) -> bool:
    host = request.headers.get("host", "").lower()
    return bool(host) and f"//{host}" in request.headers.get("referer", "").lower()


def _reflects(flows: list[Flow]) -> Iterator[str]:
    """Say whether small questions from a server's port draw large answers: a stranger asks in a victim's name."""
    datagrams = [flow for flow in flows if flow.five_tuple.proto == "udp"]
    asked, given = sum(flow.bytes[0] for flow in datagrams), sum(flow.bytes[1] for flow in datagrams)
    if (
        any(flow.five_tuple.src_port < 1024 and flow.packets[0] > 1 for flow in datagrams) and given > 5 * max(asked, 1)
    ) or any(flow.bytes[1] > 15 * max(flow.bytes[0], 1) and flow.packets[0] > 100 for flow in datagrams):
        yield "reflects"
    elif datagrams and not any(flow.packets[1] for flow in datagrams if flow.head[0]):
        return
    elif len({flow.five_tuple.src_port for flow in datagrams}) > 10 or (datagrams and given < 5 * asked):
        yield "ordinary_datagrams"


def _machine_code(scene: Scene) -> Iterator[str]:
    if any(_ELF.match(flow.head[0 if scene.is_inbound else 1]) for flow in scene.carriers):
        yield "program_over_raw"
    if scene.classes & {"vulnerability_exploit"} and any(_dense(flow.head[0]) for flow in scene.carriers):
        yield "shellcode"
    if scene.classes & {"vulnerability_exploit", "dos", "trojan"} and scene.is_inbound:
        if any(_overlong(flow.head[0]) for flow in scene.carriers):
            yield "overlong_field"
        if any(_FORMAT.search(flow.head[0]) for flow in scene.carriers):
            yield "format_string"


def _overlong(head: bytes) -> bool:
    """Return whether one byte that is no padding comes a hundred times on end."""
    return bool(_FILLER.search(head))


def _dense(head: bytes) -> bool:
    """Return whether long filler is followed by bytes without pattern."""
    found = _NOPS.search(head)
    if not found:
        return False
    rest = head[found.end() :]
    return len(found[0]) >= 120 or (len(rest) >= 64 and entropy(rest) > 5.5)
