"""Services that do what they are there for: keepers of records, monitors, tools to administer with, callers in kind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from engine.agent.judging.credentials import is_session
from engine.agent.judging.message import Message
from engine.agent.judging.scene import Scene

INSIDE = re.compile(r"10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|f[cd][0-9a-f]{2}:")
"""Addresses that no network hands on."""
REPORTS = re.compile(
    r"csp-report|reports\+json|sentry|x-protobuf|otlp|/envelope/|/csp|/collect\b|/beacon\b|/_bulk|/loki/|/ingest|/telemetry|/rum\b"
    r"|/v1/(?:logs|traces|metrics)|/logs?\b|/log/|/events?\b|/report|/services/collector|/gelf|/js-?error"
)
"""Where other programs hand in what they noted down."""
_KEEPERS = re.compile(
    r"elasticsearch|opensearch|graylog|logstash|\bloki\b|splunk|fluent|\bvector\b|syslog|sentry|otel|opentelemetry|jaeger"
    r"|clickhouse|victoria|filebeat|datadog|wazuh|seq-?server"
)
_MONITORS = re.compile(
    r"blackbox|prober?\b|smokeping|gatus|uptime|cloudprober|nagios|icinga|checkmk|zabbix|health-?check|synthetic|probe_"
)
_CONSOLES = re.compile(
    r"webmin|miniserv|cockpit|cpanel|plesk|directadmin|hestia|ispconfig|filebrowser|node-?red|jupyter|metabase|superset|redash"
    r"|phpmyadmin|adminer|pgadmin|portainer|rundeck|awx|jenkins|gitlab|gitea|semaphore|proxmox|pveproxy|cfg-agent|bareos|bacula|veeam"
    r"|rancher|guacamole|foreman|netbox|home-?assistant|openhab|nextcloud|airflow|nifi|kibana|grafana|hue\b|zeppelin"
)
"""Tools in which those who are signed in read files, ask databases and run commands."""
_CALLERS = re.compile(
    r"^(?:prometheus|monitor|grafana|nagios|icinga|zabbix|backup|bkp|ci|cd|build|runner|deploy|git|jenkins|registry|sync|scheduler"
    r"|ansible|awx|argo|scan|vas|lb|proxy|metrics|log|crawler|mlflow|cron|batch|etl|probe|orchestrat|fleet|mgmt|admin|acs)"
    r"|(?:^|-)(?:runner|backup|sync|scheduler|exporter|collector|monitor|scanner|worker|controller|operator)(?:-|\d|$)"
)
"""First parts of the names of hosts that call others by trade."""
_STRAYS = re.compile(
    r"^(?:.*-)?(?:guest|wifi|wlan|byod|sandbox|kiosk|reception|laptop|lt|pc|ws|dev|test|student|visitor|printer|cam|tv)(?:-|\d|$)"
)
"""First parts of the names of hosts that have no business with a service's own protocol."""
_SERIAL = b"\xac\xed\x00\x05"
_OBJECT_TYPES = ("x-java-serialized-object", "x-amf", "hessian", "grpc", "msgpack", "x-burlap")
_OWN_WORDS = ("server", "x-powered-by")
_FAULT = re.compile(r"exception|\bfault\b|\berror\b|stack ?trace")
_TAG = re.compile(r"<(?:[\w-]+:)?([a-z][\w-]{3,40})[\s>/]")
_MACHINE = frozenset(("deserialisation", "vulnerability_exploit", "xxe", "ssrf", "web_exploit"))
_LOGGED_IN = re.compile(
    r"^230[ -]|^235[ -]|logged in|^a\d+ ok (?:login|authenticated)|^\+ok\b[^\n]*(?:logged|maildrop|ready for)",
    re.MULTILINE,
)
_ANONYMOUS = re.compile(r"user (?:anonymous|ftp)\b")


def considerations(scene: Scene) -> Iterator[str]:
    """Name what the trade of both ends says of a request that came in."""
    if not scene.is_inbound:
        return
    told = _told(scene)
    if keeps_as_text(scene):
        yield "keeps_text"
    if "ssrf" in scene.classes and _MONITORS.search(told) and _is_served(scene):
        yield "probes_by_trade"
    requests = _from_target(scene)
    if _CONSOLES.search(told) and requests and all(is_session(one) for one in requests) and _is_served(scene):
        yield "administers_by_trade"
    if scene.classes & _MACHINE and _answers_in_kind(scene):
        yield "answers_in_kind"
    if _logged_in_first(scene):
        yield "logged_in_first"
    yield from _names(scene)


def keeps_as_text(scene: Scene) -> bool:
    """Return whether a keeper of records was handed records, which it stores and does not act on."""
    requests = _from_target(scene)
    return bool(requests) and all(is_report(one) for one in requests) and bool(_KEEPERS.search(_told(scene)))


def is_report(request: Message) -> bool:
    """Return whether a request hands in what another program noted down."""
    told = f"{request.target.partition('?')[0]} {request.headers.get('content-type', '')}".lower()
    return request.raw[:4] in (b"POST", b"PUT ") and bool(REPORTS.search(told))


def _from_target(scene: Scene) -> list[Message]:
    rows = zip(scene.carriers, scene.requests, strict=True)
    return [request for flow, request in rows if request.is_http and flow.five_tuple.src_ip == scene.target]


def _told(scene: Scene) -> str:
    """Return what this host says of the service: its program, unit and the headers of its answers."""
    ports = {flow.five_tuple.dst_port for flow in scene.carriers}
    parts = [text for one in scene.processes for text in (one.exe, one.unit, *one.cmdline)]
    parts += [entry.comm for one in scene.services for entry in one.entries if entry.port in ports]
    told = [entry for answer in scene.answers for entry in answer.headers.items()]
    parts += [value for name, value in told if name in _OWN_WORDS or name.endswith("-product")]
    return " ".join(parts).lower()


def _is_served(scene: Scene) -> bool:
    return bool(scene.status) and all(200 <= code < 400 for code in scene.status)


def _answers_in_kind(scene: Scene) -> bool:
    """Return whether the service answers as it answers its own clients: the same kind of object, and no complaint."""
    pairs = [(flow.head, ask, answer) for flow, ask, answer in _rows(scene)]
    return bool(pairs) and all(_is_in_kind(head, ask, answer) for head, ask, answer in pairs)


def _rows(scene: Scene) -> Iterator[tuple[Any, Message, Message]]:
    for flow, ask, answer in zip(scene.carriers, scene.requests, scene.answers, strict=True):
        if flow.five_tuple.src_ip == scene.target:
            yield flow, ask, answer


def _is_in_kind(head: tuple[bytes, bytes], ask: Message, answer: Message) -> bool:
    text = answer.decoded.lower()
    if _FAULT.search(text.partition("\r\n\r\n")[2] or text) or answer.status >= 400:
        return False
    if _SERIAL in head[0] and _SERIAL in head[1]:
        return True
    kinds = [one.headers.get("content-type", "").lower() for one in (ask, answer)]
    if any(kind in kinds[0] and kind in kinds[1] for kind in _OBJECT_TYPES):
        return True
    asked, told = _TAG.findall(ask.body.lower()), set(_TAG.findall(answer.body.lower()))
    by_name = any(f"{name}{end}" in told for name in asked for end in ("response", "result", "reply"))
    return by_name or (ask.kind == "xml" and answer.kind == "xml" and bool(told.intersection(asked[:1])))


def _logged_in_first(scene: Scene) -> bool:
    """Return whether a server that speaks in lines accepted a name and password before anything else."""
    for flow, ask, _ in _rows(scene):
        sent, back = ask.decoded.lower(), flow.head[1].decode("latin1").lower()
        if ask.is_http or _ANONYMOUS.search(sent):
            continue
        by_key = sent.lstrip("*$0123456789\r\n ").startswith("auth") and back.startswith("+ok")
        if by_key or (_LOGGED_IN.search(back) and not scene.classes & {"weak_password", "brute_force"}):
            return True
    return False


def _names(scene: Scene) -> Iterator[str]:
    """Say what the name of a host inside tells of its trade."""
    if not INSIDE.match(scene.target):
        return
    first = [name.partition(".")[0] for name in scene.names]
    if any(_STRAYS.search(name) for name in first):
        yield "stray_caller"
    elif any(_CALLERS.search(name) for name in first):
        yield "caller_by_trade"
