"""The process behind the connection: who it is, who started it, what it started, and out of which file."""

# ruff: noqa: E501 - a pattern reads best whole

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.agent.judging.scene import Scene
from engine.types import ProcessFacts

DAY_S = 86_400.0
TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/", "/run/user/", "/proc/")  # noqa: S108 - compared with, never opened
PACKAGED = ("/usr/", "/bin/", "/sbin/", "/lib/", "/opt/", "/snap/", "/nix/")
_HIDDEN = re.compile(r"/\.[^/.]")

SHELLS = re.compile(
    r"^(?:-?(?:ba|da|a|z|k|c|tc)?sh|python[\d.]*|perl|ruby|php|nc|ncat|netcat|socat|curl|wget|id|whoami|uname|cat|ls"
    r"|nslookup|base32|base64|busybox|tftp|openssl|ping|sleep|find|tar|xxd|powershell|pwsh|net|hostname|ps|env)$"
)
_RUNS_FOR_OTHERS = re.compile(
    r"^(?:sshd?|login|in\.telnetd|telnetd|su|sudo|cron|crond|anacron|systemd|init|screen|tmux|xrdp.*|gdm.*|jenkins"
    r"|gitlab-runner|buildkite.*|teamcity.*|runner.*|rundeck.*|drone.*|awx.*|salt.*|puppet.*|chef.*|ansible.*|zabbix.*"
    r"|nrpe|telegraf|monit|agent|containerd.*|dockerd|docker-proxy|kubelet|apt.*|dpkg|unattended.*|postfix|master)$"
)
"""Programs whose trade it is to start others."""
_AUTOMATION = re.compile(
    r"jenkins|gitlab-runner|rundeck|buildkite|teamcity|actions-runner|drone|awx|salt|puppet|chef|ansible|airflow|nomad"
    r"|buildbot|gocd|bamboo|concourse|webhook"
)
_SERVERS = re.compile(
    r"^(?:apache2|httpd|nginx|lighttpd|caddy|php-fpm.*|php-cgi|uwsgi|gunicorn.*|node|java|tomcat.*|jetty|w3wp|mysqld"
    r"|mariadbd|postgres|mongod|redis-server|memcached|smbd|nmbd|cupsd|named|proftpd|vsftpd|elasticsearch|exim4?|dovecot"
    r"|ruby|puma.*|unicorn.*|passenger.*|asterisk|squid|slapd|snmpd|rsyslogd|httpd\.worker|openresty|dotnet|beam\.smp)$"
)
"""Programs that answer the network and have no business with a shell."""
_FORWARDERS = re.compile(r"squid|unbound|systemd-resolv|dnsmasq|named|haproxy|privoxy|tinyproxy|bind|pdns|coredns|nscd")
"""Programs that ask for others."""
_LOG_STORES = re.compile(
    r"^(?:loki|rsyslogd|syslog-ng|fluentd?|fluent-bit|vector|promtail|victoria-?logs|influxd|clickhouse|splunkd|td-agent|beats?)"
)
"""Programs whose trade it is to keep what they are told, word for word."""
_EVIL_ARGUMENTS = re.compile(
    r"/dev/tcp/|base64\.b64decode|exec\(|memfd|-i >&|\bnc\b.* -e|socket\.|import socket|pty\.spawn|base(?:32|64) |/\.[a-z]\w*/"
    r"|--donate|stratum|-H (?:\.\.\.|:)|:aad3|minidump|StrictHostKeyChecking=no",
    re.IGNORECASE,
)


def considerations(scene: Scene) -> Iterator[str]:
    """Name what the processes say; only those that were found."""
    for facts in scene.processes:
        yield from _one(scene, facts)
    if any(_is_fresh_and_odd(scene, index) for index in range(len(scene.files))):
        yield "fresh_program"


def _one(scene: Scene, facts: ProcessFacts) -> Iterator[str]:
    odd = is_odd_place(facts)
    if odd:
        yield "odd_program"
    if _pretends(facts):
        yield "pretends"
    attacked = _child_of_server(scene, facts)
    if attacked:
        yield "server_started_it"
    strange = list(_strange_children(scene, facts))
    if strange:
        yield strange[0]
    telling = bool(_EVIL_ARGUMENTS.search(" ".join(facts.cmdline))) and not _is_automation(facts)
    if telling:
        yield "telling_arguments"
    if odd or attacked or strange or telling:
        return
    if scene.is_inbound and _is_automation(facts):
        yield "runs_by_trade"
    if scene.is_inbound and _LOG_STORES.search(facts.exe.rpartition("/")[2]):
        yield "keeps_text"
    if (
        not scene.is_inbound
        and "ssrf" in scene.classes
        and _SERVERS.match(facts.exe.rpartition("/")[2])
        and _is_driven(scene)
    ):
        yield "server_was_driven"
    elif _is_packaged(facts):
        yield "forwards" if is_forwarder(facts) else "packaged_server" if scene.is_inbound else "packaged_client"
        if _is_automation(facts) and not scene.is_inbound:
            yield "automation"
    elif facts.unit and not scene.is_inbound and facts.exe:
        yield "packaged_client"


def _is_driven(scene: Scene) -> bool:
    """Return whether a server asks inside for what only somebody outside would want."""
    odd_ports = {22, 25, 3306, 5432, 6379, 11211, 27017, 2375, 10250}
    spoken = any(flow.five_tuple.dst_port in odd_ports for flow in scene.carriers if flow.app == "http")
    return spoken or (scene.target.startswith("169.254.") and "token" not in scene.ours.partition("\r\n\r\n")[0])


def is_odd_place(facts: ProcessFacts) -> bool:
    """Return whether a program lies where anyone may write, is hidden, or is deleted without an upgrade's look."""
    upgraded = facts.unit and facts.exe.startswith(PACKAGED)
    return facts.exe.startswith(TEMPORARY) or bool(_HIDDEN.search(facts.exe)) or (facts.exe_deleted and not upgraded)


def is_forwarder(facts: ProcessFacts) -> bool:
    """Return whether a process asks for others: what it does says little about itself."""
    return bool(_FORWARDERS.search(facts.exe.rpartition("/")[2] or facts.comm))


def _name(line: str) -> str:
    """Return the program's name in ``pid comm`` or ``pid command line``."""
    words = line.split()[1:]
    return words[0].rpartition("/")[2].rstrip(":") if words else ""


def _pretends(facts: ProcessFacts) -> bool:
    first = facts.cmdline[0] if facts.cmdline else ""
    return bool(facts.exe) and first.startswith("[") and first.endswith("]")


def _is_automation(facts: ProcessFacts) -> bool:
    told = " ".join((facts.exe, facts.unit, facts.user, " ".join(facts.parents), " ".join(facts.cmdline)))
    return bool(_AUTOMATION.search(told.lower()))


def _is_packaged(facts: ProcessFacts) -> bool:
    return facts.exe.startswith(PACKAGED) and bool(facts.unit)


def _child_of_server(scene: Scene, facts: ProcessFacts) -> bool:
    """Return whether a server's descendant is a shell, an interpreter, or a stranger."""
    name = facts.exe.rpartition("/")[2] or facts.comm
    if _is_automation(facts) or _SERVERS.match(name):
        return False
    above = [_name(line) for line in facts.parents]
    if not any(_SERVERS.match(one) for one in above):
        return False
    return bool(SHELLS.match(name)) or any(SHELLS.match(one) for one in above) or not facts.exe.startswith(PACKAGED)


def _strange_children(scene: Scene, facts: ProcessFacts) -> Iterator[str]:
    name = facts.exe.rpartition("/")[2] or facts.comm
    lines = [
        *facts.children,
        *(f"{one.pid} {' '.join(one.cmdline)}" for one in scene.relatives if one.ppid == facts.pid),
    ]
    for line in lines:
        if scene.target in line or _EVIL_ARGUMENTS.search(line):
            yield "child_serves_target"
        if _name(line).startswith("."):
            yield "hidden_child"
        busy = _RUNS_FOR_OTHERS.match(name) or _is_automation(facts)
        if not busy and _SERVERS.match(name) and SHELLS.match(_name(line)) and _name(line) != name:
            yield "server_has_shell"


def _is_fresh_and_odd(scene: Scene, index: int) -> bool:
    """Return whether a program file is new and not where packages put theirs."""
    file = scene.files[index]
    new = scene.case.now - max(file.modified_at, file.changed_at) < DAY_S
    return new and not file.package and (not file.path.startswith(PACKAGED) or file.owner not in ("root", ""))
