"""The process behind the connection: who it is, who started it, what it started, and out of which file."""

# ruff: noqa: E501 - a pattern reads best whole

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.agent.judging.scene import Scene
from engine.types import ProcessFacts

DAY_S = 86_400.0
TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/", "/run/user/", "/proc/")  # noqa: S108 - compared with, never opened
PACKAGED = (
    "/usr/",
    "/bin/",
    "/sbin/",
    "/lib/",
    "/opt/",
    "/snap/",
    "/nix/",
    "C:\\Program Files",
    "C:\\Windows\\System32\\",
)
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
    r"|buildbot|gocd|bamboo|concourse|webhook|runner\b|\bci-|\bcd-|provision|orchestrat|deployer|scheduler\b"
)
_SERVERS = re.compile(
    r"^(?:apache2|httpd|nginx|lighttpd|caddy|php-fpm.*|php-cgi|uwsgi|gunicorn.*|node|java|tomcat.*|jetty|w3wp|mysqld"
    r"|mariadbd|postgres|mongod|redis-server|memcached|smbd|nmbd|cupsd|named|proftpd|vsftpd|elasticsearch|exim4?|dovecot"
    r"|ruby|puma.*|unicorn.*|passenger.*|asterisk|squid|slapd|snmpd|rsyslogd|httpd\.worker|openresty|dotnet|beam\.smp)$"
)
"""Programs that answer the network and have no business with a shell."""
_BROWSERS = re.compile(
    r"firefox|chrom(?:e|ium)|epiphany|falkon|opera|brave|vivaldi|thunderbird|evolution|outlook|msedge|konqueror"
)
_BY_PLACE = frozenset({"packaged_client", "packaged_server", "automation", "runs_by_trade"})
"""What is believed of a program for where it lies and who started it; a fresh file takes that away."""
_PLAIN_SHELL = re.compile(r"^(?:sh|bash|dash|php|perl|ruby|python[\d.]*|tail|ps)$")
"""What applications start for their own ends too, where nothing more is known of it."""
_STRANGER = re.compile(
    r"/(?:downloads?|temp|cache)/|\b(?:wine|mshta|wscript|cscript|rundll32|regsvr32|powershell)\b|^\d+ (?:/tmp|/var/tmp|/dev/shm)/",
    re.IGNORECASE,
)
"""Children out of folders where downloads land, and hosts of foreign scripts."""
_FORWARDERS = re.compile(r"squid|unbound|systemd-resolv|dnsmasq|named|haproxy|privoxy|tinyproxy|bind|pdns|coredns|nscd")
"""Programs that ask for others."""
_LOG_STORES = re.compile(
    r"^(?:loki|rsyslogd|syslog-ng|fluentd?|fluent-bit|vector|promtail|victoria-?logs|influxd|clickhouse|splunkd|td-agent|beats?)"
)
"""Programs whose trade it is to keep what they are told, word for word."""
_EVIL_ARGUMENTS = re.compile(
    r"/dev/tcp/|base64\.b64decode|exec\(|memfd|-i >&|\b(?:ba|da|z|k)?sh -i\b|\bnc\b.* -e|socket\.|import socket|pty\.spawn|base(?:32|64) |/\.[a-z]\w*/"
    r"|--donate|stratum|-H (?:\.\.\.|:)|:aad3|minidump|StrictHostKeyChecking=no",
    re.IGNORECASE,
)


def considerations(scene: Scene) -> Iterator[str]:
    """Name what the processes say; only those that were found."""
    fresh = any(_is_fresh_and_odd(scene, index) for index in range(len(scene.files)))
    for facts in scene.processes:
        yield from (name for name in _one(scene, facts) if not (fresh and name in _BY_PLACE))
    if fresh:
        yield "fresh_program"
    if any(_is_fresh_and_rising(scene, index) for index in range(len(scene.files))):
        yield "fresh_suid"


def _one(scene: Scene, facts: ProcessFacts) -> Iterator[str]:  # noqa: PLR0912 - one question a branch
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
    telling = bool(_EVIL_ARGUMENTS.search(" ".join(facts.cmdline))) and not is_automation(facts)
    if telling:
        yield "telling_arguments"
    if odd or attacked or strange or telling:
        return
    if scene.is_inbound and is_automation(facts):
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
    elif _is_lured(scene, facts):
        return
    elif _is_packaged(facts):
        yield "forwards" if is_forwarder(facts) else "packaged_server" if scene.is_inbound else "packaged_client"
        if is_automation(facts) and not scene.is_inbound:
            yield "automation"
    elif _has_unit(facts) and not scene.is_inbound and facts.exe:
        yield "packaged_client"
    elif is_automation(facts) and not scene.is_inbound:
        yield "automation"


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


def is_automation(facts: ProcessFacts) -> bool:
    told = " ".join((facts.exe, facts.unit, facts.user, " ".join(facts.parents), " ".join(facts.cmdline)))
    return bool(_AUTOMATION.search(told.lower()))


def _is_packaged(facts: ProcessFacts) -> bool:
    return facts.exe.startswith(PACKAGED) and _has_unit(facts)


def _has_unit(facts: ProcessFacts) -> bool:
    """Return whether a process belongs to a service, not merely to somebody's session."""
    return bool(facts.unit) and not facts.unit.endswith(".scope")


def _is_lured(scene: Scene, facts: ProcessFacts) -> bool:
    """Return whether a person's own browser or mail program fetched it: it is the true program in every lure."""
    return "phishing_download" in scene.classes and bool(_BROWSERS.search(facts.exe))


def _child_of_server(scene: Scene, facts: ProcessFacts) -> bool:
    """Return whether a server's descendant is a shell, an interpreter, or a stranger."""
    name = facts.exe.rpartition("/")[2] or facts.comm
    if is_automation(facts) or _SERVERS.match(name):
        return False
    above = [_name(line) for line in facts.parents]
    if not any(_SERVERS.match(one) for one in above) or _is_worker(scene, facts, above):
        return False
    return bool(SHELLS.match(name)) or any(SHELLS.match(one) for one in above) or not facts.exe.startswith(PACKAGED)


def _is_worker(scene: Scene, facts: ProcessFacts, above: list[str]) -> bool:
    """Return whether a process is the server itself: its master's name on its own command line."""
    told = " ".join(facts.cmdline[:3])
    return scene.is_inbound and facts.exe.startswith(PACKAGED) and any(one and one in told for one in above)


def _strange_children(scene: Scene, facts: ProcessFacts) -> Iterator[str]:
    name = facts.exe.rpartition("/")[2] or facts.comm
    lines = [
        *facts.children,
        *(f"{one.pid} {' '.join(one.cmdline)}" for one in scene.relatives if one.ppid == facts.pid),
    ]
    for line in lines:
        if scene.target in line or _EVIL_ARGUMENTS.search(line):
            yield "child_serves_target"
        if _STRANGER.search(line):
            yield "child_from_downloads"
        if _name(line).startswith("."):
            yield "hidden_child"
        busy = _RUNS_FOR_OTHERS.match(name) or is_automation(facts)
        if not busy and _SERVERS.match(name) and SHELLS.match(_name(line)) and _name(line) != name:
            yield (
                "server_ran_shell" if len(line.split()) == 2 and _PLAIN_SHELL.match(_name(line)) else "server_has_shell"
            )


def _is_fresh_and_rising(scene: Scene, index: int) -> bool:
    """Return whether a program file got the right to run as its owner within the last day."""
    file = scene.files[index]
    rising = file.mode.lstrip("0o")[:1] in ("4", "6") and len(file.mode.lstrip("0o")) == 4
    return rising and scene.case.now - max(file.modified_at, file.changed_at) < DAY_S


def _is_fresh_and_odd(scene: Scene, index: int) -> bool:
    """Return whether a program file is new and not where packages put theirs."""
    file = scene.files[index]
    new = scene.case.now - max(file.modified_at, file.changed_at) < DAY_S
    return new and not file.package and (not file.path.startswith(PACKAGED) or file.owner not in ("root", ""))
