"""What a request brought about, as this host's answer or its time shows."""

# ruff: noqa: E501 - a pattern reads best whole

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.agent.judging.credentials import is_session
from engine.agent.judging.payload import WEB, is_search, is_told
from engine.agent.judging.scene import Scene

_DELAY = re.compile(
    r"(?:pg_sleep|sleep|delay)\s*\(\s*['\"]?(\d{1,3})(?:\.\d+)?['\"]?\s*\)|waitfor\s+delay\s+['\"]0?0?:?0?0:(\d{1,2})|[;|&`(\n][ \t]*sleep\s+(\d{1,3})\b|ping\s+-[cn]\s*(\d{1,2})\s+(?:127|localhost)"
    r"|dbms_(?:pipe\.receive_message|lock\.sleep|session\.sleep)\([^)]{0,40}?(\d{1,2})\s*\)|timeout\s+/t\s+(\d{1,2})|start-sleep\s+(?:-s\w*\s+)?(\d{1,2})"
)
_LEAST_S, _NEAR = 2, 0.9
_FRAMED = re.compile(r"^\s*(?:->\|[\s\S]*|[0-9a-f]{16}[A-Za-z0-9+/]{16,}={0,2}(?:[0-9a-f]{16})?\s*$)")
"""How the consoles of known shells mark where their output begins and ends."""
_HITS = re.compile(
    r"\b\d+ (?:results?|hits?|matches|treffer|ergebnisse|résultats?|resultados?|risultati)\b|<title>[^<]{0,20}(?:search|suche|recherche|results)|class=\"(?:hit|result)s?\""
)
_BLIND = frozenset(("sql_injection", "command_injection", "xss", "web_exploit"))
"""Classes in which a search page is as good a victim as any."""
_IP_HOST = re.compile(r"^\[?(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:]{3,})\]?(?::\d+)?$")
_ENTITIES = re.compile(r"\.(?:dtd|ent)(?:$|\?)|/dtd\b")
_STANDARD = re.compile(
    r"(?:w3|oasis-open|docbook|xml|cxml|java\.sun|apache|hibernate|springframework|openstreetmap|oagi|ietf)\."
)
_SECRETS = re.compile(
    r"/secrets\b|/latest/(?:meta-data/iam|user-data)|/computemetadata/|/metadata/identity|/(?:configmaps|serviceaccounts)\b|/v2/keys|/containers/json|credential"
)
_STUMBLES = re.compile(
    r"(?:warning|fatal error|parse error)(?:</b>)?:\s|failed to open stream|unable to find the wrapper|traceback \(most recent|templatesyntaxerror|templateerror|undefinederror"
    r"|(?:classcast|invalidclass|streamcorrupted|classnotfound|nosuchmethod|saxparse|unmarshal|deserialization|ognl|spel\w*|expression\w*|script|elevaluation)\w*exception|unserialize\(\)|unpickling|xmlsyntaxerror"
    r"|entity ['\"&]?\w+['\"]? (?:was )?(?:referenced|not defined)|xml parsing|\bsh: (?:\d+: )?(?:line \d+: )?\S+: (?:command )?not found|: not found$|command not found|no such file or directory|syntax error|unexpected token|include(?:_once)?\(|require\(|fopen\("
    r"|\bsqlexception|sqlserverexception|pdoexception|operationalerror|programmingerror|database error|error in your sql|mysqli?_|pg_query|sqlite3?\.",
    re.MULTILINE,
)


def considerations(scene: Scene) -> Iterator[str]:
    """Name what came of a request."""
    if scene.is_inbound and scene.classes & WEB and _lists_hits(scene):
        yield "answer_lists_hits"
    if not scene.is_inbound and scene.classes & {"ssrf", "xxe", "web_exploit", "file_inclusion"}:
        yield from _fetched(scene)
    if not scene.is_inbound or not scene.classes & WEB or is_told(scene):
        return
    if _turned_to_sender(scene):
        yield "turned_to_sender"
    if _obeys_delay(scene):
        yield "answer_obeys_delay"
    if "webshell" in scene.classes and any(_FRAMED.match(answer.body) for answer in scene.answers if answer.is_http):
        yield "answer_framed"
    if any(answer.status in (500, 502, 503) for answer in scene.answers):
        yield "answer_breaks"
    if any(_STUMBLES.search(answer.body.lower()) for answer in scene.answers if answer.is_http):
        yield "answer_stumbles"


def _fetched(scene: Scene) -> Iterator[str]:
    """Say whether this host itself fetched what only a request from outside would have it fetch."""
    asked = [request for request in scene.requests if request.is_http]
    by_address = any(_IP_HOST.match(request.headers.get("host", "")) for request in asked)
    if any(_ENTITIES.search(one.target.lower()) and not _STANDARD.search(one.headers.get("host", "")) for one in asked):
        yield "fetches_entities_bare" if by_address else "fetches_entities"
    elif any(_SECRETS.search(one.target.lower()) and not is_session(one) for one in asked):
        yield "fetches_secrets"


def _lists_hits(scene: Scene) -> bool:
    """Return whether words were looked up: a search was asked for, and answered with what was found."""
    carriers = {match.alert.flow.id for match in scene.matches if match.where == "line" and is_search(match)}
    rows = zip(scene.carriers, scene.answers, strict=True)
    bodies = [answer.body.lower() for flow, answer in rows if flow.id in carriers and answer.status == 200]
    return (
        bool(bodies) and all(_HITS.search(body) for body in bodies) and (is_told(scene) or not scene.classes & _BLIND)
    )


def _turned_to_sender(scene: Scene) -> bool:
    """Return whether this host itself opened a connection to the sender after the first request."""
    came = [flow.first_seen for flow in scene.flows if flow.five_tuple.src_ip == scene.target]
    own = [flow.first_seen for flow in scene.flows if flow.five_tuple.dst_ip == scene.target]
    return bool(came and own) and max(own) > min(came)


def _obeys_delay(scene: Scene) -> bool:
    """Return whether an answer took as long as the request tells a database or a shell to wait."""
    for flow, request in zip(scene.carriers, scene.requests, strict=True):
        told = [int(number) for groups in _DELAY.findall(request.decoded.lower()) for number in groups if number]
        took = flow.last_seen - flow.first_seen
        if any(wait >= _LEAST_S and _NEAR * wait <= took <= 2 * wait + 3 for wait in told):
            return True
    return False
