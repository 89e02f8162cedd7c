"""Logins that are tried: whose names, which words, how fast, and whether every try is the same."""

# ruff: noqa: E501 - a pattern reads best whole

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.agent.judging.scene import Scene

_TRIED_USER = re.compile(
    r"(?:\b(?:user(?:name)?|login|log|email|uid|account|j_username)[\"']?\s*[=:]\s*[\"']?|^user |mstshash=|username=\"|\blogin )\"?([\w.@+-]{2,})",
    re.MULTILINE,
)
_TRIED_WORD = re.compile(
    r"(?:\b(?:pass(?:word|wd)?|pwd|j_password)[\"']?\s*[=:]\s*[\"']?|^pass )([^&\"'\s,}]+)", re.MULTILINE
)
_LOGIN_FAILS = re.compile(
    r"login incorrect|access denied|invalid (?:user|password|credential)|authentication failed|^5(?:30|35) |-err|wrong ?pass|denied for user",
    re.MULTILINE,
)
_WORDLIST = re.compile(
    r"\b(?:admin|root|test|guest|oracle|user|administrator|postgres|ftp|info|support|mysql|ubuntu|pi|demo|sa|operator|manager|service|tomcat|nagios|git|debian|centos"
    r"|ec2-user|www-data|webmaster|sales|contact|office|student|123456|password|qwerty|letmein|admin123|toor|changeme)\b"
)
"""Names and words with which every list of guesses begins."""


def considerations(scene: Scene) -> Iterator[str]:
    """Name what the tries themselves say."""
    if scene.is_inbound and "brute_force" in scene.classes:
        yield from _guesses(scene)
        yield from _tries(scene)
        yield from _repeats(scene)


def _tries(scene: Scene) -> Iterator[str]:
    """Compare the names and passwords that were tried, where they can be read."""
    users = _TRIED_USER.findall(scene.foreign)
    words = [word for word in _TRIED_WORD.findall(scene.foreign) if "***" not in word and "xxx" not in word]
    if len(set(words)) == 1 and len(set(users)) >= 2:
        yield "one_password"
    elif len(set(words)) >= 2 and len(set(users)) <= len(set(words)):
        yield "different_passwords"
    elif len(set(users)) >= 3:
        yield "different_accounts"
    elif len(words) >= 2 and len(set(words)) == 1 and len(set(users)) <= 1:
        yield "same_password_again"
    listed = {
        login.user.lower()
        for logins in scene.logins
        for login in logins.entries
        if login.ip == scene.target and not login.ok
    }
    if len({*_WORDLIST.findall(scene.foreign), *(name for name in listed if _WORDLIST.fullmatch(name))}) >= 3:
        yield "wordlist_names"
    stems = [re.sub(r"\d+", "#", name) for name in set(users)]
    if len(stems) >= 2 and len(set(stems)) == 1 and "#" in stems[0]:
        yield "numbered_accounts"
    refused = len(_LOGIN_FAILS.findall(scene.ours)) + sum(code in (401, 403, 429) for code in scene.status)
    if refused * 2 >= len(scene.carriers) > 0 and scene.count >= 20:
        yield "logins_refused"


def _repeats(scene: Scene) -> Iterator[str]:
    """Compare the tries byte by byte, whatever protocol they are in."""
    tries = [
        flow for flow in scene.carriers if flow.five_tuple.src_ip == scene.target and flow.app not in ("ssh", "tls")
    ]
    if len(tries) < 2:
        return
    sent, back = ({_unnumbered(flow.head[side]) for flow in tries} for side in (0, 1))
    if len(sent) == 1:
        yield "same_bytes_again"
    elif len(sent) == len(tries) and len(back) == 1:
        yield "each_try_differs"


def _unnumbered(head: bytes) -> bytes:
    """Return a message without what changes from one to the next by itself."""
    return re.sub(
        rb"(?i)^(?:date|content-length|x-request-id|user-agent|cookie):[^\r\n]*|\d+", b"", head, flags=re.MULTILINE
    )


def _guesses(scene: Scene) -> Iterator[str]:
    """Look at the pace of guesses: a program's or people's."""
    pace = scene.pace
    if scene.count >= 30 and pace >= 0.2:
        yield "guesses_fast"
    elif scene.span_s > 600 and any(code < 300 for code in scene.status):
        yield "many_users_succeed"
    elif pace < 0.06:
        yield "steady_pace"
