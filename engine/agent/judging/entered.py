"""Who came in by a weak password, and what was done with it."""

# ruff: noqa: E501 - a pattern reads best whole

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.agent.judging.measures import is_default, is_inside
from engine.agent.judging.scene import Scene

_ADMINISTERS = re.compile(
    r"deploy|datasource|console|export|webapps|manager/text|key|token|user|account|plugin|exec|script|config|setting|restore|backup|hook|firmware|upload|admin|role|job"
)
_USES = re.compile(
    r"keys \*|information_schema|mysql\.user|pg_(?:shadow|authid)|listdatabases|dropdatabase|copy running|configure terminal|useradd|adduser|chpasswd"
    r"|net user|/etc/(?:passwd|shadow)|create database|client list|\bbgsave|module load|/containers/create|/exec\b|show (?:databases|tables)|into (?:out|dump)file|load_file|create user|grant all|drop (?:table|database)|\bconfig set\b|slaveof|replicaof"
    r"|copy \w+ to|mysqldump|pg_dump|\bflushall\b|xp_cmdshell|create (?:or replace )?function|\b(?:stor|put) \S+\.(?:php|sh|jsp|aspx?|elf|exe|so)\b"
)
_DEFAULTS = re.compile(
    r"(?:user(?:name)?|login|log)[\"']?\s*[=:]\s*[\"']?(\w{3,12})[\"']?[&,;\s]+[\"']?(?:pass(?:word|wd)?|pwd)[\"']?\s*[=:]\s*[\"']?\1\b"
    r"|^user (\w{3,12})\r?\npass \2\r?$|(?:pass(?:word|wd)?|pwd)[\"']?\s*[=:]\s*[\"']?(?:admin|password|123456|12345|1234|root|guest|default|changeme)\b",
    re.MULTILINE,
)
_ANONYMOUS = re.compile(r"user (?:anonymous|ftp)\b")
_PUBLIC = re.compile(r"/pub|anonymous")
_PLANTS = re.compile(r"busybox|wget|tftp|chmod|/tmp/")
_TAKES = re.compile(r"\b(?:retr|get|select)\b[^\n]*(?:db|sql|dump|backup|passwd|shadow|conf|key)")
_DELIVERS = re.compile(r"\bstor \S+\.(?:csv|txt|log|jpg|pdf|dat)\b")


def considerations(scene: Scene) -> Iterator[str]:
    """Name what was done after the login."""
    if not scene.is_inbound or "weak_password" not in scene.classes:
        return
    text = scene.foreign
    yield from _uses(scene)
    if _ANONYMOUS.search(text) and _PUBLIC.search(f"{text}\n{scene.ours}"):
        yield "public_access"
    if _PLANTS.search(text):
        yield "runs_programs"
    elif _TAKES.search(text):
        yield "takes_data"
    elif _DELIVERS.search(text):
        yield "delivers_data"


def _uses(scene: Scene) -> Iterator[str]:
    """Look at who came in by a weak password, and what was done with it."""
    came = [flow for flow in scene.flows if flow.five_tuple.src_ip == scene.target]
    if came and not is_inside(scene.target):
        yield "came_from_outside"
    given = max((flow.bytes[1] for flow in came), default=0)
    changes = any(
        request.raw[:4] in (b"POST", b"PUT ", b"PATC", b"DELE")
        and _ADMINISTERS.search(request.target.lower())
        and answer.status < 400
        for request, answer in zip(scene.requests, scene.answers, strict=True)
    )
    sets = any(flow.five_tuple.dst_port == 161 and b"\xa3" in flow.head[0][:32] for flow in scene.carriers)
    if _DEFAULTS.search(scene.foreign) or any(
        is_default(request.headers.get("authorization", "")) for request in scene.requests
    ):
        yield "default_password"
    acts = changes or sets or given > 1_000_000 or _USES.search(scene.foreign)
    if is_inside(scene.target) and not acts and len(scene.flows) > 0:
        yield "uses_as_meant"
    if changes or sets or given > 1_000_000 or _USES.search(scene.foreign):
        yield "acts_after_login"
