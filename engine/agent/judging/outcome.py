"""The outcome: whether it worked, as far as answers, connections, processes and logins show; nothing beyond them.

It weighs nothing and changes no verdict. What was not seen is called not seen, never absent.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from engine.agent.judging.answer import is_ordinary
from engine.agent.judging.exchange import Answered, answered
from engine.agent.judging.message import message_of
from engine.agent.judging.payload import acceptance_is_harm, acts_anywhere
from engine.agent.judging.scene import Scene
from engine.agent.judging.weighing import Reason
from engine.types import Conclusion, Flow

FLOWS_KEPT = 200
"""Flows of a target that a case shows at most: where so many are there, others may have been."""

SHOWN = frozenset((
    "answer_command_output", "answer_database", "answer_secret", "answer_reflects", "answer_tells_ports",
    "answer_obeys_delay", "answer_framed", "turned_to_sender", "fetches_entities", "fetches_entities_bare",
    "fetches_secrets", "server_was_driven", "odd_program", "pretends", "server_started_it", "server_has_shell",
    "server_ran_shell", "child_serves_target", "child_from_downloads", "hidden_child", "fresh_program", "fresh_suid",
    "plants_itself", "fresh_preload", "fresh_key", "broke_in", "got_in_at_last", "credentials_listed",
    "acts_after_login", "takes_data", "takes_copy", "demand_left", "second_extension", "service_suffers",
    "service_falls", "holds_connections", "takes_orders", "program_over_raw", "accounts_leave", "outputs_leave",
    "shell_in_clear",
))  # fmt: skip
"""Considerations that tell what came of it, not what was tried."""

_TURNS_ELSEWHERE = frozenset(("calls_collector", "calls_bare_address", "entity_calls_out", "document_calls_out"))
_BLIND = frozenset(
    ("runs_programs", "plants_script", "takes_service_over", "stranger_administers", "script_in_uploads")
)
"""Considerations about requests that may work although the answer is a page like any other."""
_TELLTALE = frozenset(("sql_injection", "xss", "command_injection", "file_inclusion", "xxe", "scan"))
"""Classes whose success mostly shows in the answer; elsewhere it is an ordinary page too."""
_HOST_KINDS = frozenset(("process", "file", "persistence"))
_GUESSING = frozenset(("brute_force", "weak_password"))
_CALLBACK = re.compile(
    r"(?:(?:ldaps?|rmi|dns|iiop|corba|nis|https?|ftp|tftp|gopher|smb)://(?:[^/\s@]{0,64}@)?|/dev/(?:tcp|udp)/)"
    r"(\d{1,3}(?:\.\d{1,3}){3})(?![\w.])"
)
_EFFECTS, _PARTS, _ELSEWHERE, _FLOWS_RECORDED = 2, 6, 2, 40


class Standing(StrEnum):
    """What the traffic alone says."""

    REFUSED = "refused"
    """Every answer there was refused the request."""
    ORDINARY = "ordinary"
    """Nothing that was answered differs from what anybody gets."""
    FACT = "fact"
    """It is told as it is: the question whether it worked does not fit."""
    UNKNOWN = "unknown"


class Outcome(NamedTuple):
    """What is told, and what it rests on."""

    words: str
    """The program's own, with addresses and status codes; no captured text."""
    reasons: tuple[Reason, ...]
    """The considerations among them."""
    record: dict[str, Any]
    """What was looked at, for the evidence."""
    kinds: frozenset[str] = frozenset()
    """Kinds of evidence by the tools that the words rest on beside that."""

    @property
    def summary(self) -> str:
        """What the record holds, in a line."""
        codes = _codes(code for row in self.record["answers"] for code in row["status"])
        own, flows = len(self.record["own_connections"]), self.record["flows"]
        return f"{flows} flows: answers {codes or 'none that name a status'}, connections from this host: {own}"


class _Traffic(NamedTuple):
    standing: Standing
    words: tuple[str, ...]


def outcome_of(scene: Scene, reasons: Sequence[Reason], conclusion: Conclusion) -> Outcome:
    """Return whether it worked, as far as anything shows."""
    if scene.case.reported_only:
        words = "not known: another product reported it, and this host saw nothing of it"
        return Outcome(words, (), _record(scene, {}, ()))
    shown = tuple(reason for reason in reasons if reason.name in SHOWN)[:_EFFECTS]
    answers = {flow.id: answered(flow.head, flow.payload_bytes) for flow in _came(scene)}
    traffic = _inbound(scene, reasons, answers) if scene.is_inbound else _outbound(scene)
    standing, logins = _with_logins(scene, traffic.standing)
    parts = [reason.words for reason in shown]
    parts += [*traffic.words, *logins]
    if scene.is_inbound:
        parts += [_own_words(scene), *_elsewhere(scene, reasons), *_childless(scene, shown)]
    told = "; ".join(parts[:_PARTS])
    kinds = frozenset(("logins",) if logins else ()) | frozenset(("process",) if scene.processes else ())
    return Outcome(_led(told, standing, shown, conclusion), shown, _record(scene, answers, shown), kinds)


def _led(told: str, standing: Standing, shown: Sequence[Reason], conclusion: Conclusion) -> str:
    """Put the answer to the question first."""
    if shown and conclusion is Conclusion.BENIGN:
        return f"what an attack would show, judged harmless: {told}"
    if shown:
        return f"signs that it worked: {told}"
    leads = {Standing.ORDINARY: "no sign that it worked: ", Standing.UNKNOWN: "not known: "}
    return f"{leads.get(standing, '')}{told}"


def _came(scene: Scene) -> tuple[Flow, ...]:
    return tuple(flow for flow in scene.flows if flow.five_tuple.src_ip == scene.target)


def _own(scene: Scene) -> tuple[Flow, ...]:
    return tuple(flow for flow in scene.flows if flow.five_tuple.dst_ip == scene.target)


def _inbound(scene: Scene, reasons: Sequence[Reason], answers: dict[str, Answered]) -> _Traffic:
    came = _came(scene)
    carriers = [flow for flow in came if flow.head[0] or flow.head[1]]
    if not carriers:
        words = f"of {len(came)} connections seen {_completed(came)} were completed, and nothing was sent over them"
        return _Traffic(Standing.FACT if scene.classes == {"scan"} else Standing.UNKNOWN, (words,))
    plain = [flow for flow in carriers if not _is_encrypted(flow)]
    if not plain:
        return _Traffic(Standing.UNKNOWN, ("the exchange is encrypted",))
    web = [flow for flow in plain if message_of(flow.head[0]).is_http or answers[flow.id].status]
    standing, words = _web(scene, reasons, web, answers) if web else _raw(plain)
    if len(web) < len(carriers) and web:
        return _Traffic(Standing.UNKNOWN, (words, "the rest is encrypted or no HTTP"))
    return _Traffic(standing, (words,))


def _web(
    scene: Scene, reasons: Sequence[Reason], web: Sequence[Flow], answers: dict[str, Answered]
) -> tuple[Standing, str]:
    """Say how HTTP requests were answered."""
    status = [code for flow in web for code in answers[flow.id].status]
    if not status:
        return Standing.UNKNOWN, "no answer was seen"
    refused = [code for code in status if 400 <= code < 500]
    is_whole, count = all(answers[flow.id].is_whole for flow in web), len(scene.case.flows)
    if len(refused) == len(status):
        return _refusal(_codes(refused), is_whole, count)
    served = [message_of(flow.head[1]) for flow in web if any(code not in refused for code in answers[flow.id].status)]
    if is_whole and all(map(is_ordinary, served)):
        also = f", refused ({_codes(refused)})" if refused else ""
        pages = _codes(code for code in status if code not in refused)
        told = scene.classes <= _TELLTALE and count < FLOWS_KEPT and not _is_blind(scene, reasons)
        return Standing.ORDINARY if told else Standing.UNKNOWN, f"answered with ordinary pages ({pages}){also}"
    if any(reason.name in SHOWN and reason.kind == "payload" for reason in reasons):
        return Standing.UNKNOWN, f"answered {_codes(status)}"
    return Standing.UNKNOWN, f"answered {_codes(status)}, and the first bytes of the answers do not tell"


def _refusal(codes: str, is_whole: bool, flows: int) -> tuple[Standing, str]:
    """Say that all answers are refusals, and of how much that can be said."""
    if not is_whole:
        return Standing.UNKNOWN, f"every answer seen is a refusal ({codes}), and not all were seen"
    if flows >= FLOWS_KEPT:
        return Standing.UNKNOWN, f"every request among the last {flows} flows was refused ({codes})"
    return Standing.REFUSED, f"every request seen was refused ({codes})"


def _is_blind(scene: Scene, reasons: Sequence[Reason]) -> bool:
    """Return whether what was sent may work without a sign in the answer."""
    named = {reason.name for reason in reasons} & (_BLIND | _TURNS_ELSEWHERE)
    return bool(named) or acceptance_is_harm(scene) or acts_anywhere(scene)


def _raw(flows: Sequence[Flow]) -> tuple[Standing, str]:
    if any(flow.head[1] for flow in flows):
        return Standing.UNKNOWN, "it was answered, and the first bytes of the answers do not tell"
    return Standing.UNKNOWN, "no answer was seen"


def _outbound(scene: Scene) -> _Traffic:
    """Say how what this host began itself was answered."""
    own = _own(scene)
    codes = [code for flow in own for code in answered(flow.head, flow.payload_bytes).status]
    return _Traffic(Standing.FACT, (_own_words(scene), *([f"answered {_codes(codes)}"] if codes else [])))


def _with_logins(scene: Scene, standing: Standing) -> tuple[Standing, tuple[str, ...]]:
    """Say what this host's log tells of logins; where they are what was tried, that is the answer."""
    guesses = scene.is_inbound and bool(scene.classes & _GUESSING)
    entries = [entry for told in scene.logins for entry in told.entries]
    bad = sum(entry.count for entry in entries if not entry.ok)
    if any(entry.ok and entry.last_at >= scene.began for entry in entries):
        return standing, (f"a login from {scene.target} was accepted in the log after it began",)
    if not guesses:
        return standing, ()
    if not scene.logins:
        return standing, ("the log of logins tells nothing",)
    by_shell = all(flow.app == "ssh" or flow.five_tuple.dst_port == 22 for flow in _came(scene))
    words = f"no login from {scene.target} accepted in the log since it began, refused in the log: {bad}"
    return Standing.ORDINARY if by_shell and bad else standing, (words,)


def _own_words(scene: Scene) -> str:
    own, count = _own(scene), len(scene.case.flows)
    if own:
        return f"connections from this host to {scene.target}: {len(own)}, completed: {_completed(own)}"
    if count >= FLOWS_KEPT:
        return f"no connection from this host to {scene.target} among the last {count} flows"
    return f"no connection from this host to {scene.target} seen"


def _elsewhere(scene: Scene, reasons: Sequence[Reason]) -> Iterator[str]:
    """Say where what was sent points beside its sender: those flows are not among the case's."""
    known = {scene.target, *scene.case.local_ips, *(alert.local_ip for alert in scene.alerts)}
    every = dict.fromkeys(_CALLBACK.findall(scene.foreign))
    named = [ip for ip in every if ip not in known and _leads_away(ip)]
    turns = any(reason.name in _TURNS_ELSEWHERE for reason in reasons)
    if named:
        yield f"connections to {', '.join(named[:_ELSEWHERE])}, which it names, were not looked for"
    elif turns or (acts_anywhere(scene) and scene.target not in every):
        yield "connections to the host that it names were not looked for"


def _leads_away(text: str) -> bool:
    """Return whether a text is an address that is not this host itself by another name."""
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (ip.is_loopback or ip.is_unspecified)


def _childless(scene: Scene, shown: Sequence[Reason]) -> Iterator[str]:
    """Say that the process behind the connection was seen to have started nothing, where it was."""
    told = [line for facts in scene.processes for line in facts.children]
    if scene.processes and not told and not any(reason.kind in _HOST_KINDS for reason in shown):
        yield "no child of the process that answered seen"


def _completed(flows: Iterable[Flow]) -> int:
    return sum(flow.handshake if flow.five_tuple.proto == "tcp" else flow.packets[1] > 0 for flow in flows)


def _is_encrypted(flow: Flow) -> bool:
    return flow.app in ("tls", "ssh", "quic") or any(head[:2] == b"\x16\x03" for head in flow.head)


def _codes(status: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(set(status))))


def _record(scene: Scene, answers: dict[str, Answered], shown: Sequence[Reason]) -> dict[str, Any]:
    own = _own(scene)
    rows = [
        {"flow_id": key, "status": list(found.status), "is_whole": found.is_whole} for key, found in answers.items()
    ]
    return {
        "flows": len(scene.case.flows),
        "answers": rows[:_FLOWS_RECORDED],
        "own_connections": [flow.id for flow in own][:_FLOWS_RECORDED],
        "considerations": [reason.name for reason in shown],
    }
