"""What is said and written in sessions on this host's own ports."""

# ruff: noqa: E501 - a pattern reads best whole

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.agent.judging.measures import LOOKS_AROUND, SHELL_TEXT, entropy, is_default, is_opaque
from engine.agent.judging.message import Message
from engine.agent.judging.scene import Scene
from engine.types import FlowState

_HANDS_ON = frozenset(
    ("lateral_movement", "trojan", "privilege_escalation", "weak_password", "brute_force", "ransomware")
)
_VAULTS = re.compile(
    r"cryptomator|\.c9r\b|gocryptfs|encfs|\.(?:gpg|age|kdbx|asc)\b|restic|borg|duplicity|duplicati|veeam|veracrypt|bitlocker|clevis|kopia|retention|snapshot"
)
_REMOTE_RUN = re.compile(
    r"svcctl|atsvc|psexe?svc|remcom|winexesvc|itaskscheduler|admin\$|\bc\$\\|__output|iwbemservices"
)
_COPIES = re.compile(r"\.(?:sql|dump|bak|tar|tgz|gz|zip|7z|rar|mdb|sqlite3?|db|pst|old)$")
_NOT_HERE = re.compile(r"^(?:550|551|553|450|530|502) |http/1\.[01] 40[0-9]|user unknown|no such|-err", re.MULTILINE)
_DEMAND = re.compile(
    r"\b(?:btc|bitcoin|monero|xmr)\b|must pay|your (?:files|data|network)[^\n]{0,60}(?:encrypt|locked|stolen|backed up)|decrypt(?:or|ion key)|\.onion\b|leak the data"
)
_LOCKED = re.compile(
    r"\.(?:lock(?:ed|bit)?|encrypt(?:ed)?|crypt\w*|enc\d*|decrypt\w*)|(?:how_to|restore|recover|decrypt|readme)[\w-]*\.(?:txt|html|hta)"
)
_SECOND = re.compile(
    r"\.(?:docx?|xlsx?|pptx?|pdf|jpe?g|png|dwg|txt|csv|db|sql|zip|psd|vmdk|mp4|rtf|mdb|odt|bmp|tiff?|log|json|xml|ai|indd|pst|eml|vhdx?|accdb|dbf|mpp|vsdx?|raw|mov|html?)\.(?!bak|old|orig|tmp|gz|zip|gpg|part|~)[a-z0-9_-]{3,12}"
)
_SIGNED = frozenset(
    ("ransomware", "exfiltration", "lateral_movement", "privilege_escalation", "dos", "trojan", "c2_beacon")
)
_FALLING = frozenset(("vulnerability_exploit", "dos", "web_exploit", "deserialisation"))
_SAID = (
    ("shell_in_clear", frozenset(("privilege_escalation", "trojan", "lateral_movement")), SHELL_TEXT),
    ("looks_around", _HANDS_ON, LOOKS_AROUND),
    ("vault_format", frozenset(("ransomware",)), _VAULTS),
    ("remote_service", frozenset(("lateral_movement", "trojan")), _REMOTE_RUN),
)
"""What counts wherever either side says it, by the classes in which it does."""


def considerations(scene: Scene) -> Iterator[str]:
    """Name what is said and written in sessions on this host's own ports."""
    if not scene.is_inbound:
        return
    told = f"{scene.foreign}\n{scene.ours}"
    for name, classes, pattern in _SAID:
        if scene.classes & classes and pattern.search(told):
            yield name
    pairs = list(zip(scene.requests, scene.answers, strict=True))
    if scene.classes & {"exfiltration"} and any(_is_copy_taken(*pair) for pair in pairs):
        yield "takes_copy"
    if scene.classes & {"scan"} and len(_NOT_HERE.findall(scene.ours)) >= 3:
        yield "asks_in_vain"
    if scene.classes & _SIGNED and any(_is_signed_in(*pair) for pair in pairs):
        yield "signed_in"
    if scene.classes & {"webshell"} and any(is_opaque(request.body) for request in scene.requests):
        yield "opaque_exchange"
    if scene.classes & {"ransomware"}:
        yield from _written(scene)
    if scene.classes & {"trojan", "vulnerability_exploit"}:
        yield from _protocol(scene)
    if scene.classes & _FALLING and _falls(scene):
        yield "service_falls"


def _falls(scene: Scene) -> bool:
    """Return whether the service broke every connection off after what was sent."""
    cut = [flow for flow in scene.carriers if flow.state is FlowState.RESET and flow.head[0] and not flow.head[1]]
    return len(cut) >= 2 and len(cut) == len(scene.carriers)


def _is_signed_in(request: Message, answer: Message) -> bool:
    """Return whether credentials came along and the request was served."""
    given = request.headers.get("authorization", "") or request.headers.get("x-api-key", "")
    return bool(given) and not is_default(given) and 200 <= answer.status < 400


def _is_copy_taken(request: Message, answer: Message) -> bool:
    """Return whether a copy of data that lay about was handed out."""
    return answer.status == 200 and bool(_COPIES.search(request.target.lower().partition("?")[0]))


def _is_wiping(request: Message) -> bool:
    """Return whether a store is told to drop data by somebody who names no user."""
    return request.raw[:7] == b"DELETE " and "authorization" not in request.headers and "cookie" not in request.headers


def _written(scene: Scene) -> Iterator[str]:
    if _DEMAND.search(scene.foreign):
        yield "demand_left"
    if scene.count >= 100 and scene.count >= max(scene.span_s, 1.0):
        yield "many_files_fast"
    if any(_is_wiping(request) for request in scene.requests):
        yield "wipes_unasked"
    if _LOCKED.search(scene.foreign):
        yield "ransom_extension"
    if _SECOND.search(scene.foreign):
        yield "second_extension"
    windows = [flow.head[0][at : at + 96] for flow in scene.carriers for at in range(64, len(flow.head[0]) - 95, 32)]
    if any(entropy(window) > 5.7 for window in windows):
        yield "writes_ciphertext"


def _protocol(scene: Scene) -> Iterator[str]:
    for flow in scene.carriers:
        sent, back = flow.head
        if (
            len(sent) >= 8
            and len(back) >= 8
            and not sent[:4].isalpha()
            and sent[:4] == back[:4]
            and not sent.startswith(b"\0\0")
        ):
            yield "same_protocol"
            return
