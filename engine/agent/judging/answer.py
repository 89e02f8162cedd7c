"""What was answered: whether it shows that the attack worked, or that the application took it as content."""

# ruff: noqa: E501 - a pattern reads best whole

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.agent.judging.credentials import is_session
from engine.agent.judging.message import Message
from engine.agent.judging.payload import WEB, acceptance_is_harm, acts_anywhere
from engine.agent.judging.request import stranger_administers
from engine.agent.judging.scene import Scene
from engine.agent.judging.trades import is_report

_COMMAND_OUTPUT = re.compile(
    r"uid=\d+\([\w.-]+\) gid=\d+|\blinux [\w.-]+ \d+\.\d+\.\d+\S* |root:[x*]:0:0:|\b\w+:x:\d+:\d+:"
    r"|^-[rwxs-]{9}[.+]? +\d+ \w+ \w+|^drwx|\t\d{3,}\t0\d{3}\b|windows ip configuration|volume serial number"
    r"|nt authority\\system|\bpid\s+tty\b|www-data\n|microsoft windows \[version|total \d+\n[d-][rwx-]{9}"
    r"|inet (?:addr:)?\d+\.\d+\.\d+\.\d+ |\[boot loader\]|\[fonts\]|for 16-bit app support",
    re.MULTILINE,
)
_DATABASE = re.compile(
    r"xpath syntax error|sql syntax|sqlstate|ora-\d{5}|unclosed quotation|unterminated (?:quoted )?string"
    r"|syntax error at or near|duplicate entry '.*for key|mysql_fetch|psqlexception|sqlite_error|sqlite3::"
    r"|sqlserverexception|sqlsyntaxerror|jdbc\.\w*exception|pdoexception|operationalerror:|psycopg2?\.|mysqli_sql|you have an error in your sql|division by zero|quoted string not properly"
    r"|conversion failed when converting|\$2[aby]\$\d\d\$|[:,|~][0-9a-f]{32,40}\b|odbc sql server|invalid input syntax for"
)
_SECRET = re.compile(
    r"secretaccesskey|accesskeyid|begin (?:rsa |openssh |ec |dsa )?private key|access_token\"|db_pass(?:word)?\s*[=:]\s*\S"
    r"|\"image\"\s*:|\"containers?\"\s*:|aws_secret|app_key=base64|password\s*=\s*[\"']?\w|redis_version|ssh-rsa aaaa"
)
_TELLS_PORTS = re.compile(
    r"connection refused|timed? ?out|no route to host|upstream sent|econnrefused|invalid response|reset by peer"
)
_STORED = re.compile(
    r"\"(?:\w*id|ticket|slug|job|message_?id|queued|saved|version|artifact|issue|number|key|execution|name|file|asset"
    r"|revision|items|imported|matched|url|state|status|results?|title|success|ok|passed|accepted|count|total|updated|received|errors?|site)\"\s*:|<\w+ id=|created|accepted|queued|saved|stored"
)
_UNUSUAL = re.compile(
    r"deleteme|warning(?:</b>)?:|failed to open stream|fatal|exception|stack ?trace|denied|invalid|onerror=|octet-stream|\$\$\$|->\||<\?php|<!doctype \w+ \["
)
_LOGIN_PAGE = re.compile(r"log-?in|sign-?in|auth|permission|denied|error|captcha")


def considerations(scene: Scene) -> Iterator[str]:
    """Name what this host's answers say."""
    if not scene.is_inbound:
        return
    ours = scene.ours
    if _COMMAND_OUTPUT.search(ours):
        yield "answer_command_output"
    if scene.classes & WEB and _DATABASE.search(ours) and scene.classes & {"sql_injection", "scan"}:
        yield "answer_database"
    if scene.classes & {"ssrf", "file_inclusion", "xxe", "scan", "web_exploit"} and _SECRET.search(ours):
        yield "answer_secret"
    if scene.classes & {"ssrf"} and _TELLS_PORTS.search(ours):
        yield "answer_tells_ports"
    if scene.classes & {"xss"}:
        yield from _reflection(scene)
    yield from _acceptance(scene)
    yield from _dialogue(scene)


def _reflection(scene: Scene) -> Iterator[str]:
    for match in scene.matches:
        raw = match.text.strip()
        if "<" in raw or "=" in raw:
            if "html" in _content_types(scene) and raw and raw in scene.ours:
                yield "answer_reflects"
                return
            if raw.replace("<", "&lt;").replace(">", "&gt;") in scene.ours and "<" in raw:
                yield "answer_escapes"
                return


def _gives_script(scene: Scene) -> bool:
    """Return whether an answer holds script that a request for markup may have put there."""
    return "xss" in scene.classes and any("<script" in answer.decoded.lower() for answer in scene.answers)


def _content_types(scene: Scene) -> str:
    return " ".join(answer.headers.get("content-type", "") for answer in scene.answers)


def _acceptance(scene: Scene) -> Iterator[str]:
    """Say whether the application took it as content: its own word, which no sender chooses."""
    if (
        not scene.classes & (WEB | {"trojan", "mining", "privilege_escalation"})
        or (acceptance_is_harm(scene) and not _edited_by_staff(scene))
        or acts_anywhere(scene)
        or stranger_administers(scene)
    ):
        return
    carriers = {match.alert.flow.id for match in scene.matches} or {flow.id for flow in scene.carriers}
    pairs = [
        (request, answer)
        for flow, request, answer in zip(scene.carriers, scene.requests, scene.answers, strict=True)
        if flow.id in carriers
    ]
    if not pairs or not all(_takes(answer) for _, answer in pairs):
        gave = _SECRET.search(scene.ours) or _COMMAND_OUTPUT.search(scene.ours)
        if pairs and not gave and all(is_ordinary(answer) for _, answer in pairs) and not _gives_script(scene):
            yield "answer_ordinary_file" if "file_inclusion" in scene.classes else "answer_ordinary"
        return
    yield "answer_stored"
    if all(is_session(request) for request, _ in pairs):
        yield "session_accepted"


_EDITS = re.compile(
    r"/(?:wp-)?admin|/edit|/cms|/manage|/settings|/templates?\b|/themes?\b|/newsletter|/campaign|/studio|/builder|/backend|/console|/dashboard"
    r"|/drafts?\b|/autosave|/revisions?|/tags?\b|/widgets?|/layouts?|/banners?|/mailings?|/articles?/\d|/posts?/\d|/pages?/|/snippets?|/designer|/compose|/preview|/wiki|/notebook|/editor"
)
_SERVED = re.compile(r"^(?:2\d\d|3\d\d|\+ok|\* |a\d+ ok|[a-z]\d* ok)[ -]", re.MULTILINE)
_FAILED = re.compile(r"^(?:4\d\d|5\d\d|-err|a\d+ (?:no|bad))[ -]", re.MULTILINE)
_SCRIPT_NAME = re.compile(r"\.(?:php\d?|phtml|jspx?|aspx?|ashx|war|cgi|pl|py|sh)(?:$|[/?;])")
_SECRET_FIELD = re.compile(
    r"(?:nonce|csrf|xsrf|authenticity_token|__requestverificationtoken|form_key|token|sig(?:nature)?)\W{1,4}[\w%./+=-]{4,}"
)


def _carried(scene: Scene) -> list[tuple[Message, Message]]:
    """Return the requests that hold what was matched, each with its answer."""
    carriers = {match.alert.flow.id for match in scene.matches} or {flow.id for flow in scene.carriers}
    rows = zip(scene.carriers, scene.requests, scene.answers, strict=True)
    return [(request, answer) for flow, request, answer in rows if flow.id in carriers]


def _dialogue(scene: Scene) -> Iterator[str]:
    """Say whether the application knew the client and served it as it serves any other."""
    if not scene.classes & (WEB | {"trojan", "mining", "privilege_escalation", "dos"}) or acts_anywhere(scene):
        return
    pairs = [(request, answer) for request, answer in _carried(scene) if request.is_http]
    if pairs and all(_is_served(answer) for _, answer in pairs):
        harmed = "xss" in scene.classes and acceptance_is_harm(scene) and not _edited_by_staff(scene)
        known = not harmed and all(
            is_session(request) or _SECRET_FIELD.search(request.decoded.lower()) for request, _ in pairs
        )
        if known:
            yield "known_client_served"
        if known and any(_EDITS.search(request.target.lower()) for request, _ in pairs):
            yield "edits_content"
        if all(is_report(request) for request, _ in pairs):
            yield "reports_accepted"
    if (
        pairs
        and not scene.classes & {"webshell", "xss"}
        and all(_puts_file(request, answer) for request, answer in pairs)
    ):
        yield "put_as_file"
    if any(_comes_from_own_page(request) for request, _ in pairs):
        yield "followed_own_page"
    raw = [answer.decoded.lower() for request, answer in _carried(scene) if not request.is_http]
    if raw and all(len(_SERVED.findall(text)) >= 3 and not _FAILED.search(text) for text in raw):
        yield "ordinary_dialogue"


def _edited_by_staff(scene: Scene) -> bool:
    """Return whether markup was handed in where those who run a site edit it, in a session."""
    asked = [request for request, _ in _carried(scene)]
    return (
        "xss" in scene.classes
        and bool(asked)
        and all(is_session(one) and _EDITS.search(one.target.lower()) for one in asked)
    )


def _is_served(answer: Message) -> bool:
    """Return whether an answer is neither an error, nor a way to a login page, nor harm done."""
    text = answer.decoded.lower()
    if any(sign.search(text) for sign in (_COMMAND_OUTPUT, _DATABASE, _SECRET)):
        return False
    if answer.status in (301, 302, 303):
        return not _LOGIN_PAGE.search(answer.headers.get("location", "login").lower())
    return 200 <= answer.status < 300 or answer.status == 304


def _puts_file(request: Message, answer: Message) -> bool:
    """Return whether a file was handed in to be kept, with credentials, and is no script."""
    kept = request.raw[:4] == b"PUT " and answer.status in (200, 201, 204) and is_session(request)
    return kept and not _SCRIPT_NAME.search(request.target.lower())


def _comes_from_own_page(request: Message) -> bool:
    host = request.headers.get("host", "").partition(":")[0].lower()
    referer = request.headers.get("referer", "").lower().partition("//")[2].partition("/")[0].partition(":")[0]
    return bool(host) and referer == host


def _takes(answer: Message) -> bool:
    status, body = answer.status, answer.body.lower()
    if status in (201, 202, 204):
        return True
    if status in (301, 302, 303):
        return not _LOGIN_PAGE.search(answer.headers.get("location", "login").lower())
    return status == 200 and answer.kind == "json" and bool(_STORED.search(body))


def is_ordinary(answer: Message) -> bool:
    """Return whether an answer is a page like any other: no error, no refusal, no output."""
    text = answer.decoded.lower()
    signs = (_COMMAND_OUTPUT, _DATABASE, _SECRET, _UNUSUAL)
    return answer.status in (200, 206, 304) and not any(sign.search(text) for sign in signs)
