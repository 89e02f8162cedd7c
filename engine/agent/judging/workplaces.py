"""Where a program works and in whose name: accounts of services, temporary folders, sessions of persons, compilers."""

# ruff: noqa: E501, S108 - a pattern reads best whole; paths are compared with, never opened

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.agent.judging.programs import is_automation
from engine.agent.judging.scene import Scene
from engine.types import ProcessFacts

_TEMPORARY = re.compile(r"^/(?:tmp|var/tmp|dev/shm)(?:/|$)|/(?:uploads?|cache|images|files)(?:/|$)")
_TOOLS = re.compile(
    r"^(?:(?:ba|da|a|z|k)?sh|python[\d.]*|perl|ruby|php[\d.]*|nc(?:\.\w+)?|ncat|netcat|socat|curl|wget|busybox|openssl|ssh|scp|sftp"
    r"|rsync|rclone|tar|dig|nslookup|host|base64|xxd|telnet|ftp|lftp|tftp|powershell|pwsh|iodine|dnscat)$"
)
"""Programs of a shell: what somebody types, and no service is."""
_PIPES = re.compile(r"^(?:nc(?:\.\w+)?|ncat|netcat|socat|telnet|tftp)$")
_SERVICE_ACCOUNTS = re.compile(
    r"^(?:www-data|apache|httpd|nginx|tomcat\d*|mysql|mariadb|postgres|redis|mongodb|elasticsearch|nobody|daemon|http|web|app|ftp\w*"
    r"|jboss|wildfly|jetty|solr|confluence|jira|node|php\S*|backup|mail|postfix|exim|dovecot|memcache\w*|cups|lp|games|asterisk|squid)$"
)
_FETCHES = re.compile(r"^(?:curl|wget|fetch)$")
_SHELL = re.compile(r"^(?:ba|da|a|z|k)?sh$|^python[\d.]*$|^perl$")
_PIPED = re.compile(r"(?:curl|wget)\b[^|]*\|\s*(?:sudo )?(?:ba|da|a|z|k)?sh\b|<\(\s*(?:curl|wget)")
_BUILDERS = re.compile(r"^(?:go|cargo|rustc|make|ninja|bazel|gradle|mvn|npm|yarn|pytest|tox|gdb|dlv|air)$")
_SESSION = re.compile(r"^(?:session-|user@)|\.scope$")
_INLINE = re.compile(r"^-\w*[ce]$")
_ARCHIVES = re.compile(
    r"\.(?:tar|tgz|t?gz|zip|7z|sql|dump|bak|rar|pst|mbox)\b|cat > ?\S+|mysqldump|pg_dump|/etc/shadow"
)


_HANDS_OUT = re.compile(
    r"check_?mk|nrpe|zabbix_agent|munin-node|snmpd|telegraf|netdata|collectd|node_exporter|osquery|wazuh|ossec|xinetd|ser2net|conserver|ttyd|p910nd|cups|lpd\b"
    r"|(?:bacula|bareos)-[fs]d|veeam|amanda|\burbackup|rsync --daemon|tftpd|chrony|ntpd|guacd|xrdp|vncserver|x11vnc|moo|\bmud\b|honeypot|cowrie|tang|krb5kdc|salt-minion"
)
"""Programs whose trade it is to give away what they see or to hand on a console."""
_OFFENSIVE = re.compile(
    r"evil-?winrm|crackmapexec|\bcme\b|\bnxc\b|netexec|impacket|(?:psexec|wmiexec|smbexec|atexec|dcomexec|secretsdump|ntlmrelayx|getuserspns)(?:\.py)?\b"
    r"|\bchisel\b|ligolo|\bgost\b|\bfrpc\b|revsocks|\bresponder(?:\.py)?\b|bloodhound|sharphound|mimikatz|rubeus|kerbrute|certipy|\bhydra\b|medusa|patator"
    r"|\bnmap\b|masscan|zmap|\bfscan\b|sqlmap|nuclei|metasploit|msfvenom|meterpreter|sliver|cobalt|havoc|xmrig|linpeas|pspy|dnscat|iodine|dns2tcp|ptunnel|merlin|pupy|sshuttle|proxychains",
    re.IGNORECASE,
)
"""Tools that are made for attacks; testers use them too."""


def considerations(scene: Scene) -> Iterator[str]:
    """Name what the surroundings of the processes say; only those that were found."""
    for facts in scene.processes:
        yield from _one(scene, facts)


def _one(scene: Scene, facts: ProcessFacts) -> Iterator[str]:
    name = facts.exe.rpartition("/")[2]
    above = [_name(line) for line in facts.parents]
    if any(_BUILDERS.match(one) for one in above[:2]) and facts.exe.startswith("/tmp/"):
        yield "built_here"
    told = " ".join((facts.exe, *facts.cmdline, *facts.parents, *facts.children))
    if _OFFENSIVE.search(told):
        yield "offensive_tool"
    if scene.is_inbound and _HANDS_OUT.search(f"{facts.exe} {facts.unit} {' '.join(facts.cmdline[:3])}") and facts.unit:
        yield "hands_out_by_trade"
    if scene.is_inbound or is_automation(facts):
        return
    by_hand = any(_SHELL.match(one) for one in above) and "sshd" in above
    if _TEMPORARY.search(facts.cwd):
        yield "works_in_temporary"
    if _TOOLS.match(name) and _SERVICE_ACCOUNTS.match(facts.user):
        yield "service_account_shell"
    if _PIPES.match(name):
        yield "bare_pipe"
    if _PIPED.search(told) or (_FETCHES.match(name) and any(_SHELL.match(_name(line)) for line in facts.children)):
        yield "fetches_and_runs"
    if _TOOLS.match(name) and any(_INLINE.match(word) for word in facts.cmdline[1:3]):
        yield "inline_program"
    if by_hand and _ARCHIVES.search(told) and scene.classes & {"exfiltration", "dns_tunnel"}:
        yield "archive_by_hand"
    elif by_hand and facts.uid >= 1000:
        yield "person_at_work"


def _name(line: str) -> str:
    """Return the program's name in ``pid comm`` or ``pid command line``."""
    words = line.split()[1:]
    return words[0].rpartition("/")[2].rstrip(":") if words else ""
