"""Questions to name servers: whether the names and answers carry data."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from engine.agent.judging.scene import Scene
from engine.types import Flow

CLASSES = frozenset(("dns_tunnel", "c2_beacon", "exfiltration", "trojan"))
_TYPES = {1: "A", 5: "CNAME", 10: "NULL", 15: "MX", 16: "TXT", 28: "AAAA", 12: "PTR", 33: "SRV", 65: "HTTPS"}
_SERVICE = re.compile(
    r"(?:^|\.)_[a-z][\w-]*\.|\._?domainkey\.|in-addr\.arpa|ip6\.arpa|(?:^|\.)(?:bl|dnsbl|rbl|uribl|surbl|zen)\."
)
_REVERSED = re.compile(r"^(?:\d{1,3}\.){4}\D")
_KEY_RECORD = re.compile(r"v=(?:spf|dkim|dmarc|sts|tls|bimi)|k=rsa|p=mii|-verification=|\w+=[\w.-]+;")
_ORDER = re.compile(r"\b(?:run|exec|cmd|sh|curl|wget|download|sleep|idle|task|upload|kill)\b", re.IGNORECASE)
_LONG64 = re.compile(r"^[A-Za-z0-9+/_=-]+$")
_HEX = re.compile(r"^[0-9a-f]{20,}$")
_BASE32 = re.compile(r"^[a-z2-7]{24,}$")
_MIXED = re.compile(r"^[A-Za-z0-9_-]{20,}$")
_TESTERS = re.compile(
    r"\.(?:oast|oastify|interact(?:sh)?|burpcollaborator|dnslog|ceye|requestbin|webhook|pipedream|canarytokens|beeceptor|ngrok\S*)\."
)
"""Services that tell their user who asked for a name."""
_VOLUME = 300
_VOWELS = re.compile(r"[aeiou]")


class Question(NamedTuple):
    """What was asked, and the first answer as text."""

    name: str
    kind: str
    answer: str
    code: int


def considerations(scene: Scene) -> Iterator[str]:
    """Name what the questions say."""
    if not scene.classes & CLASSES:
        return
    asked = [(flow, question) for flow in scene.carriers if flow.app == "dns" and (question := question_of(flow))]
    if not asked:
        return
    questions = [question for _, question in asked]
    yield from _labels(questions)
    yield from _answers(questions)
    if all(question.code == 3 for question in questions) and len({question.name for question in questions}) > 1:
        yield "no_such_names"
    if any(_TESTERS.search(f".{question.name.lower()}.") for question in questions):
        yield "tells_a_tester"
    if scene.count >= _VOLUME and scene.pace >= 1.0:
        yield "names_in_volume"
    if any(flow.five_tuple.dst_port != 53 for flow, _ in asked):
        yield "odd_name_port"
    if (
        len(asked) > 1
        and len({flow.five_tuple.src_port for flow, _ in asked}) == 1
        and len({q.name for q in questions}) > 1
    ):
        yield "one_socket_many_names"


def _labels(questions: list[Question]) -> Iterator[str]:
    names = [question.name.lower() for question in questions]
    if all(_SERVICE.search(name) or _REVERSED.match(name) for name in names):
        yield "service_names"
        return
    longest = [max(name.split("."), key=len) for name in names]
    if any(ord(one) > 126 for name in names for one in name):
        yield "binary_names"
    written = [max(question.name.split("."), key=len) for question in questions]
    if any(_decodes(label) for label in (*longest, *written)):
        yield "names_hold_text"
    if all(len(label) >= 45 for label in longest):
        yield "long_labels"
    elif len(set(names)) == len(names) and all(len(label) >= 20 and _is_encoded(label) for label in longest):
        yield "hash_names" if all(_is_hash(label) for label in longest) else "encoded_names"
    elif len(names) > 1 and len(set(names)) == 1:
        yield "same_names_again"
    if _counts_up([name.split(".") for name in names]):
        yield "numbered_names"
    first = [name.split(".")[0] for name in names]
    if len(set(first)) > 1 and all(4 <= len(label) <= 16 and _is_random(label) for label in first):
        yield "random_names"


def _answers(questions: list[Question]) -> Iterator[str]:
    texts = [question.answer for question in questions if question.kind == "TXT" and question.answer]
    if any(_ORDER.search(text) for text in texts):
        yield "answers_order"
    elif texts and all(_KEY_RECORD.search(text.lower()) for text in texts):
        yield "answers_readable"
    elif any(len(text) >= 80 and _LONG64.match(text[:120]) for text in texts) or any(
        len(text) >= 48 and _HEX.match(text[1:41].lower()) for text in texts
    ):
        yield "answers_data"
    codes = [question.answer for question in questions if question.kind == "A" and question.answer]
    if (
        codes
        and all(code.startswith("\x7f\0\0") for code in codes)
        and all(_is_hash(max(q.name.split("."), key=len)) or _SERVICE.search(q.name) for q in questions)
    ):
        yield "answers_code"
    if any(question.kind in ("NULL", "CNAME", "MX") for question in questions) and any(
        len(question.name) > 25 or question.kind == "NULL" for question in questions
    ):
        yield "data_record_types"


def _is_encoded(label: str) -> bool:
    digits = sum(one.isdigit() for one in label)
    return bool(_HEX.match(label) or _BASE32.match(label)) or (digits * 8 >= len(label) and "-" not in label)


def _is_hash(label: str) -> bool:
    return len(label) in (32, 40) and bool(_HEX.match(label))


def _decodes(label: str) -> bool:
    """Return whether a label is the hex or base32 form of readable text."""
    for raw in _undone(label):
        readable = sum(32 <= byte < 127 for byte in raw[:10])
        if len(raw) >= 10 and readable >= 8:
            return True
    return False


def _undone(label: str) -> Iterator[bytes]:
    if _HEX.match(label):
        yield bytes.fromhex(label[: len(label) // 2 * 2])
    if _BASE32.match(label):
        try:
            yield base64.b32decode(label.upper()[: len(label) // 8 * 8])
        except (ValueError, binascii.Error):
            return
    if _MIXED.match(label) and label.lower() != label != label.upper():
        try:
            yield base64.urlsafe_b64decode(label[: len(label) // 4 * 4])
        except (ValueError, binascii.Error):
            return


def _counts_up(names: list[list[str]]) -> bool:
    if len(names) < 2 or len({len(name) for name in names}) > 1:
        return False
    columns = list(zip(*names, strict=True))
    return any(
        len(set(column)) > 1 and all(label.isdigit() and len(label) >= 3 for label in column) for column in columns
    )


def _is_random(label: str) -> bool:
    letters = [one for one in label if one.isalpha()]
    return len(letters) >= 4 and len(_VOWELS.findall(label)) * 4 <= len(letters) and "-" not in label


@lru_cache(maxsize=256)
def _parse(asked: bytes, answered: bytes) -> Question | None:
    try:
        name, at = _name(asked, 12)
        kind = _TYPES.get(struct.unpack_from(">H", asked, at)[0], "other")
        code = answered[3] & 15 if len(answered) > 3 else 0
        return Question(name, kind, _answer(answered), code)
    except (IndexError, struct.error, UnicodeDecodeError):
        return None


def question_of(flow: Flow) -> Question | None:
    """Return the first question of a flow, or None where there is none that can be read."""
    return _parse(*flow.head)


def _name(data: bytes, at: int) -> tuple[str, int]:
    labels: list[str] = []
    while (size := data[at]) and size < 64 and len(labels) < 40:
        labels.append(data[at + 1 : at + 1 + size].decode("latin-1"))
        at += 1 + size
    return ".".join(labels), at + (2 if size >= 192 else 1)


def _answer(data: bytes) -> str:
    """Return the first answer's data as text; for TXT without the length before it."""
    if len(data) < 12 or not struct.unpack_from(">H", data, 6)[0]:
        return ""
    _, at = _name(data, 12)
    _, at = _name(data, at + 4)
    kind, _, _, size = struct.unpack_from(">HHIH", data, at)
    value = data[at + 10 : at + 10 + size]
    return (value[1:] if kind == 16 else value).decode("latin-1")
