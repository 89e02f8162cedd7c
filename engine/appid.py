"""Names the application protocol of a flow from its first payload bytes, and what it says of itself."""

from __future__ import annotations

import re
import struct

NAME_CHARS = 256
"""Longest name kept."""

_HTTP_REQUEST = re.compile(rb"(?:GET|POST|HEAD|PUT|DELETE|OPTIONS|PATCH|TRACE|CONNECT|PROPFIND|[A-Z]{3,16}(?= /)) \S")
_HTTP_HOST = re.compile(rb"\r?\nhost:[ \t]*([^\r\n]*)\r?\n", re.IGNORECASE)
_REDIS_COMMAND = re.compile(rb"\*\d+\r\n\$\d+\r\n")
_SMB_MAGICS = frozenset((b"\xffSMB", b"\xfeSMB"))
_POSTGRESQL_STARTS = frozenset((b"\x00\x03\x00\x00", b"\x04\xd2\x16\x2f"))
"""Protocol version 3.0, and the request for TLS."""
_LINE = re.compile(rb"[^\r\n]*")
_DNS_PORTS = frozenset((53, 5353, 5355, 137))
_QUIC_VERSIONS = frozenset((b"\0\0\0\1", b"\x6b\x33\x43\xcf", b"\0\0\0\0"))

_CLIENT_OPENINGS = (
    (b"SSH-", "ssh"),
    (b"PRI * HTTP/2", "http2"),
    (b"\x13BitTorrent protocol", "bittorrent"),
)
_SERVER_BANNERS = ((b"SSH-", "ssh"), (b"RFB 0", "vnc"), (b"+OK", "pop3"), (b"* OK", "imap"), (b"-ERR", "redis"))
_UDP_PORTS = {67: "dhcp", 68: "dhcp", 69: "tftp", 123: "ntp", 161: "snmp", 162: "snmp", 514: "syslog"}
_TCP_PORTS = {23: "telnet", 88: "kerberos", 389: "ldap"}


def recognise(proto: str, ports: tuple[int, int], to_server: bytes, to_client: bytes) -> tuple[str, str]:
    """Return the application and its name, each empty while unknown, from the start of each direction."""
    if proto == "tcp":
        app, name = _tcp(ports, to_server, to_client)
    elif proto == "udp":
        app, name = _udp(ports, to_server or to_client)
    else:
        return "", ""
    return app, name.decode("utf-8", "backslashreplace")[:NAME_CHARS]


def client_hello_complete(to_server: bytes) -> bool:
    """Whether a TLS ClientHello has come in full, so that no server name can follow."""
    return len(to_server) >= 9 and len(to_server) >= 9 + int.from_bytes(to_server[6:9], "big")


def _tcp(ports: tuple[int, int], to_server: bytes, to_client: bytes) -> tuple[str, bytes]:
    if to_server[:2] == b"\x16\x03" or to_client[:2] == b"\x16\x03":
        return "tls", server_name(to_server)
    if _HTTP_REQUEST.match(to_server) or to_client[:7] == b"HTTP/1.":
        return _http(to_server)
    for opening, app in _CLIENT_OPENINGS:
        if to_server.startswith(opening):
            return app, _first_line(to_client or to_server) if app == "ssh" else b""
    if to_client.startswith((b"220 ", b"220-")):
        return _mail_or_files(ports, to_server, to_client), _first_line(to_client)
    for banner, app in _SERVER_BANNERS:
        if to_client.startswith(banner):
            return app, _first_line(to_client)
    return _binary_tcp(ports, to_server, to_client)


def _udp(ports: tuple[int, int], payload: bytes) -> tuple[str, bytes]:
    if not _DNS_PORTS.isdisjoint(ports) and len(payload) >= 12:
        return _dns(payload)
    if payload[:1] >= b"\xc0" and payload[1:5] in _QUIC_VERSIONS:
        return "quic", b""
    if payload.startswith((b"M-SEARCH *", b"NOTIFY *")):
        return "ssdp", b""
    if b" SIP/2.0\r\n" in payload or payload.startswith(b"SIP/2.0 "):
        return "sip", b""
    return _UDP_PORTS.get(ports[1]) or _UDP_PORTS.get(ports[0], ""), b""


def _http(to_server: bytes) -> tuple[str, bytes]:
    if b" RTSP/1." in to_server:
        return "rtsp", b""
    if b" SIP/2.0" in to_server:
        return "sip", b""
    host = _HTTP_HOST.search(to_server)
    return "http", host[1].strip() if host else b""


def _mail_or_files(ports: tuple[int, int], to_server: bytes, to_client: bytes) -> str:
    if ports[1] in (25, 465, 587, 2525) or b"SMTP" in to_client or to_server[:4].upper() in (b"EHLO", b"HELO"):
        return "smtp"
    return "ftp" if ports[1] == 21 or b"FTP" in to_client or to_server[:5].upper() == b"USER " else ""


def _binary_tcp(ports: tuple[int, int], to_server: bytes, to_client: bytes) -> tuple[str, bytes]:
    app, name = "", b""
    if to_server[4:8] in _SMB_MAGICS or to_client[4:8] in _SMB_MAGICS:
        app = "smb"
    elif to_server[:2] == b"\x03\x00" and to_server[5:6] == b"\xe0":
        app, name = "rdp", _first_line(to_server.partition(b"Cookie: mstshash=")[2])
    elif to_server[4:8] in _POSTGRESQL_STARTS:
        app = "postgresql"
    elif to_client[3:5] == b"\x00\x0a" and b"\0" in to_client[5:64]:
        app, name = "mysql", to_client[5:64].partition(b"\0")[0]
    elif _REDIS_COMMAND.match(to_server):
        app = "redis"
    elif 53 in ports and len(to_server) >= 14:
        app, name = _dns(to_server[2:])
    return app or _TCP_PORTS.get(ports[1], ""), name


def _first_line(text: bytes) -> bytes:
    line = _LINE.match(text)
    return line[0] if line else b""


def _dns(message: bytes) -> tuple[str, bytes]:
    """Return the first question's name; a label pointer, which no question needs, ends it."""
    if not 1 <= int.from_bytes(message[4:6], "big") <= 32:
        return "dns", b""
    labels = []
    at = 12
    while at < len(message) and 0 < message[at] < 64:
        labels.append(message[at + 1 : at + 1 + message[at]])
        at += 1 + message[at]
    return "dns", b".".join(labels)


def server_name(to_server: bytes) -> bytes:
    """Return the server name of a TLS ClientHello, or nothing where it is absent or not there yet."""
    hello = to_server[5:]
    if hello[:1] != b"\x01":
        return b""
    try:
        at = 38
        at += 1 + hello[at]
        at += 2 + int.from_bytes(hello[at : at + 2], "big")
        at += 1 + hello[at]
        end = at + 2 + int.from_bytes(hello[at : at + 2], "big")
        at += 2
        while at < end:
            kind, length = struct.unpack_from(">HH", hello, at)
            if kind == 0:
                size = int.from_bytes(hello[at + 7 : at + 9], "big")
                name = hello[at + 9 : at + 9 + size]
                return name if len(name) == size else b""
            at += 4 + length
    except (IndexError, struct.error):
        return b""
    return b""
