"""How the target's traffic behaves: spread, floods, repetition, and what an outbound connection carries."""

# ruff: noqa: E501 - a pattern reads best whole

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from engine.agent.judging.payload import WEB
from engine.agent.judging.scene import Scene
from engine.types import Flow, FlowState

_READABLE_JSON = re.compile(r"\{\s*\"[\w-]+\"\s*:\s*(?:\"[^\"]{0,60}\"|[\d.\[\]{}]|true|false)")
_VERSIONED = re.compile(r"^[A-Za-z][\w .-]{2,40}/v?\d+\.\d+")
_BROWSER = re.compile(r"mozilla/|opera/")
_SIGNED = re.compile(r"sha256sums|\.asc\b|\.sig\b|signed message|inrelease|repomd\.xml|checksums")
_LURE = re.compile(
    r"\.(?:xlsm|docm|pptm|dotm|xlam|hta|vbs|wsf|jse|lnk|scr|pif|iqy|chm|one)\b|\.(?:pdf|docx?|xlsx?|jpg|png)\.\w{2,4}\b"
)
_LURE_WORDS = re.compile(
    r"invoice|notice|delivery|payroll|bonus|overdue|remittance|parcel|refund|urgent|verify|voicemail|docusign"
)
_ADDRESSED = re.compile(r"[?&]\w{1,6}=[\w.+-]+(?:@|%40)[\w.-]+")
_INSIDE_NET = re.compile(r"10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|127\.|169\.254\.|f[cd][0-9a-f]{2}:|fe80:")
_ADMINISTERS = re.compile(
    r"key|token|user|account|plugin|exec|script|config|setting|restore|backup|hook|firmware|upload|admin|role|job"
)
_USES = re.compile(
    r"show (?:databases|tables)|into (?:out|dump)file|load_file|create user|grant all|drop (?:table|database)|\bconfig set\b|slaveof|replicaof"
    r"|copy \w+ to|mysqldump|pg_dump|\bflushall\b|xp_cmdshell|create (?:or replace )?function|\b(?:stor|put) \S+\.(?:php|sh|jsp|aspx?|elf|exe|so)\b"
)
_TRIED_USER = re.compile(
    r"(?:\b(?:user(?:name)?|login|log|email|uid|account|j_username)[\"']?\s*[=:]\s*[\"']?|^user )([\w.@+-]{2,})",
    re.MULTILINE,
)
_TRIED_WORD = re.compile(
    r"(?:\b(?:pass(?:word|wd)?|pwd|j_password)[\"']?\s*[=:]\s*[\"']?|^pass )([^&\"'\s,}]+)", re.MULTILINE
)
_LOGIN_FAILS = re.compile(
    r"login incorrect|access denied|invalid (?:user|password|credential)|authentication failed|^5(?:30|35) |-err|wrong ?pass|denied for user",
    re.MULTILINE,
)
_LISTED = re.compile(r"\bpass(?:word|wd)?\s*[:=]\s*\S+")
_CREDENTIALS = re.compile(r"(?:pass(?:wd|word)?|pwd|mailpass\w*|pin|otp)=")
_WALLET = re.compile(
    r"\"(?:login|user)\"\s*:\s*\"[48][0-9A-Za-z]{80,}|mining\.(?:subscribe|authorize)|\"method\"\s*:\s*\"eth_submitlogin\"|\"method\"\s*:\s*\"login\"[\s\S]*\"(?:algo|agent|rigid)\""
    r"|\b(?:xmrig|xmr-stak|ccminer|nbminer|t-rex|lolminer|cpuminer)\b[/\w.-]*"
)
_POOL = re.compile(
    r"(?:^|[.-])(?:xmr\w*|monero\w*|stratum|randomx|nanopool|minexmr|supportxmr|nicehash|2miners|kawpow|ethermine|f2pool"
    r"|unmineable|hashrate|minergate|rvn|etc-\w+)(?:[.-]|\d|$)|(?:coin|mine|mining|hash|rx|randomx)[\w-]*pool"
)
_SCIENCE = re.compile(r"fold|protein|boinc|einstein|rosetta|grid|science")
_BOT_WORDS = re.compile(
    r"(?:^|[:;]\s?)[!.*]\W{0,2}(?:wget|curl|udp|syn|http|tcp|flood|ddos|scan|kill|sh|run|exec|cmd|download|update)\b|\bprivmsg\b|\bnick \S+"
    r"|^(?:flood|ddos|kill|exec|cmd|download|upload|shell|inject) \S|\bidle$|\brun:|\"(?:cmd|command|exec|shell|task)\"\s*:\s*\"\w",
    re.MULTILINE,
)
_SHELL_TEXT = re.compile(
    r"no job control in this shell|^(?:id|whoami|uname -a|cat /etc/\w+|sudo -l)\b|[$#] (?:id|whoami|uname|ls|cd|cat|wget|curl)\b|c:\\[^\n]*>|/bin/(?:ba)?sh",
    re.MULTILINE,
)
_PLUNDER = re.compile(
    r"shadow|passwd|/?etc[-_.]|\.env|credential|secret|customer|payroll|hr_|(?:db|sql|mysql|pg)[-_]?dump|\.ssh|wallet|keepass|ntds"
)
_NOPS = re.compile(rb"\x90{32,}|A{60,}")
_ELF = re.compile(rb"^.{0,8}(?:\x7fELF|MZ.{50,120}This program)", re.DOTALL)
_IP_HOST = re.compile(r"^\[?(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:]{3,})\]?(?::\d+)?$")
_REFUSAL = re.compile(
    r"deleteme|illegal|not allowed|forbidden|blocked|invalid (?:value|parameter|character|format)|captcha|noauth"
)
_ENCODED = re.compile(r"^[A-Za-z0-9+/_=%-]+$")
_LOCKED = re.compile(
    r"\.(?:lock(?:ed|bit)?|encrypt(?:ed)?|crypt\w*|enc\d*|decrypt\w*)|(?:how_to|restore|recover|decrypt|readme)[\w-]*\.(?:txt|html|hta)"
)
_RISING = re.compile(
    r"linpeas|linenum|pspy|exploit[-_.]?(?:suggester|db)|dirty(?:cow|pipe)|pwnkit|pkexec|\bcve-20\d\d|privesc|suid3num|\bgcc\b[^\n]* -o"
    r"|sudo -u#-1|--privileged|/proc/\w+/root|docker\.sock|nsenter|cap_setuid|overlayfs"
)
_ACCOUNTS = re.compile(
    r"root:[x*$]|:\$(?:6|5|1|y|2[aby])\$|begin [a-z ]*private key|insert into|create table|-- mysql dump"
)
_SECOND = re.compile(
    r"\.(?:docx?|xlsx?|pptx?|pdf|jpe?g|png|dwg|txt|csv|db|sql|zip|psd|vmdk|mp4|rtf|mdb|odt|bmp|tiff?|log|json|xml|ai|indd|pst|eml|vhdx?|accdb|dbf|mpp|vsdx?|raw|mov|html?)\.(?!bak|old|orig|tmp|gz|zip|gpg|part|~)[a-z0-9_-]{3,12}"
)
_BAIT = re.compile(
    r"(?:micros\w*|adobe|chrome|firefox|java|flash|zoom|teams|office|windows|google|apple|dropbox|docusign|paypal|dhl|fedex)\w*-"
    r"|-(?:update|secure|login|verify|account|support|download|parcel|info|invoice|portal)s?\b|\w-\w+-\w"
    r"|(?:secure|login|verify|account|update|parcel|invoice)s?-"
)
_FETCHERS = re.compile(r"powershell|mshta|certutil|microsoft bits|wscript|office (?:word|excel|powerpoint)|cscript")
_OFFERED = re.compile(
    r"\.(?:exe|msi|js|jse|vbs|hta|iso|img|scr|bat|cmd|ps1|jar|lnk|vhd|apk|dmg)\b|\x01cd001|this program cannot|wscript\.shell"
)
_SMUGGLE = re.compile(r"mssaveoropenblob|createobjecturl|\batob\s*\(|new blob\(|application/hta")
_OUT = frozenset(
    [
        "c2_beacon",
        "trojan",
        "mining",
        "exfiltration",
        "phishing_download",
        "ransomware",
        "dns_tunnel",
        "privilege_escalation",
    ]
)


def considerations(scene: Scene) -> Iterator[str]:
    """Name what the traffic says."""
    if scene.is_inbound:
        yield from _sweep(scene)
        yield from _refused(scene)
        yield from _floods(scene)
        yield from _sessions(scene)
        yield from _downloads(scene)
    else:
        yield from _outbound(scene)
    yield from _machine_code(scene)
    if scene.classes & {"privilege_escalation"} and _RISING.search(scene.both):
        yield "rising_tool"
    if scene.classes & {"exfiltration", "dns_tunnel"} and not scene.is_inbound and _ACCOUNTS.search(scene.ours):
        yield "accounts_leave"


def _sweep(scene: Scene) -> Iterator[str]:
    begun = [flow for flow in scene.flows if flow.five_tuple.src_ip == scene.target]
    ports = {flow.five_tuple.dst_port for flow in begun}
    shaken = sum(flow.handshake for flow in begun)
    if len(ports) >= 12 and shaken * 3 < len(begun):
        yield "sweeps_ports"
    elif "scan" in scene.classes and _speaks_one_to_many(begun):
        yield "same_bytes_many_ports"
    if "scan" in scene.classes and "robots.txt" in scene.foreign:
        yield "reads_robots"
    if "scan" in scene.classes and any(_is_linked(scene, request.target) for request in scene.requests):
        yield "follows_pages"


def _speaks_one_to_many(flows: list[Flow]) -> bool:
    """Return whether the same first bytes went to three ports or more, or many ports were connected to."""
    first = {(flow.head[0][:24], flow.five_tuple.dst_port) for flow in flows if flow.head[0]}
    same = Counter(start for start, _ in first)
    return max(same.values(), default=0) >= 3 or len({flow.five_tuple.dst_port for flow in flows}) >= 8


def _is_linked(scene: Scene, target: str) -> bool:
    """Return whether a page of this host names a path that was asked for."""
    path = target.lower().partition("?")[0]
    return len(path) > 4 and any(path in answer.body.lower() and answer.status == 200 for answer in scene.answers)


def _refused(scene: Scene) -> Iterator[str]:
    """Say whether the syntax was tried again and again and refused: nobody types that by mistake."""
    if not scene.classes & WEB or not scene.status:
        return
    tries = sum(alert.count for alert in scene.alerts if alert.detection.detector != "model")
    refused = sum(_is_refusal(answer.status, answer.decoded) for answer in scene.answers if answer.status)
    per_second = tries / max(scene.span_s, 1.0)
    if tries >= 3 and refused * 2 >= len(scene.status) and per_second >= 0.1:
        yield "tries_again"
    elif tries >= 20 and per_second >= 0.3:
        yield "tries_often"
    elif refused == len(scene.status):
        yield "refused"


def _is_refusal(status: int, text: str) -> bool:
    return 400 <= status < 600 or bool(_REFUSAL.search(text.lower()))


def _floods(scene: Scene) -> Iterator[str]:
    if "dos" not in scene.classes:
        return
    flows = [flow for flow in scene.flows if flow.five_tuple.src_ip == scene.target]
    shaken = sum(flow.handshake for flow in flows)
    tcp = [flow for flow in flows if flow.five_tuple.proto == "tcp"]
    if len(tcp) >= 50 and shaken * 10 < len(tcp):
        yield "never_connects"
    elif len(tcp) >= 20 and shaken * 10 >= 9 * len(tcp) and scene.status and max(scene.status) < 400:
        yield "real_connections"
    if any(
        flow.packets[0] > 2000 * max(flow.last_seen - flow.first_seen, 1.0) and flow.packets[1] * 10 < flow.packets[0]
        for flow in flows
    ):
        yield "packet_flood"
    waiting = [flow for flow in tcp if flow.handshake and not flow.head[1] and flow.last_seen - flow.first_seen >= 10]
    if waiting and len(tcp) >= 20:
        yield "holds_connections"
    if scene.pace >= 10 and flows:
        yield "flood_pace"
    yield from _reflects(flows)
    asked = [request for request in scene.requests if request.target]
    sessions = {one.headers.get("cookie") or one.headers.get("authorization") or one.body[:80] for one in asked} - {""}
    if scene.status and all(code < 400 for code in scene.status) and sessions:
        yield "varied_and_served"
    if asked and not sessions and scene.pace > 5 and not any("referer" in one.headers for one in asked):
        yield "same_request_again"
    if scene.status and any(code in (429, 500, 502, 503, 504) for code in scene.status):
        yield "service_suffers"


def _reflects(flows: list[Flow]) -> Iterator[str]:
    """Say whether small questions from a server's port draw large answers: a stranger asks in a victim's name."""
    datagrams = [flow for flow in flows if flow.five_tuple.proto == "udp"]
    asked, given = sum(flow.bytes[0] for flow in datagrams), sum(flow.bytes[1] for flow in datagrams)
    if (
        any(flow.five_tuple.src_port < 1024 and flow.packets[0] > 1 for flow in datagrams) and given > 5 * max(asked, 1)
    ) or any(flow.bytes[1] > 15 * max(flow.bytes[0], 1) and flow.packets[0] > 100 for flow in datagrams):
        yield "reflects"
    elif len({flow.five_tuple.src_port for flow in datagrams}) > 10 or (datagrams and given < 5 * asked):
        yield "ordinary_datagrams"


def _sessions(scene: Scene) -> Iterator[str]:
    """Look at logins and streams on this host's own ports."""
    text, ours = scene.foreign, scene.ours
    if scene.classes & {"weak_password"}:
        yield from _uses(scene)
        if re.search(r"user (?:anonymous|ftp)\b", text) and re.search(r"/pub|anonymous", f"{text}\n{ours}"):
            yield "public_access"
        if re.search(r"busybox|wget|tftp|chmod|/tmp/", text):
            yield "runs_programs"
        elif re.search(r"\b(?:retr|get|select)\b[^\n]*(?:db|sql|dump|backup|passwd|shadow|conf|key)", text):
            yield "takes_data"
        elif re.search(r"\bstor \S+\.(?:csv|txt|log|jpg|pdf|dat)\b", text):
            yield "delivers_data"
    if scene.classes & {"privilege_escalation", "trojan", "lateral_movement"} and _SHELL_TEXT.search(ours + text):
        yield "shell_in_clear"
    if scene.classes & {"brute_force"}:
        yield from _guesses(scene)
        yield from _tries(scene)
    if scene.classes & {"webshell"} and any(_is_opaque(request.body) for request in scene.requests):
        yield "opaque_exchange"
    if scene.classes & {"ransomware"}:
        yield from _written(scene)
    if scene.classes & {"trojan", "vulnerability_exploit"}:
        yield from _protocol(scene)
    if scene.classes & {"vulnerability_exploit", "dos", "web_exploit", "deserialisation"}:
        cut = [flow for flow in scene.carriers if flow.state is FlowState.RESET and flow.head[0] and not flow.head[1]]
        if len(cut) >= 2 and len(cut) == len(scene.carriers):
            yield "service_falls"


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
    if changes or sets or given > 1_000_000 or _USES.search(scene.foreign):
        yield "acts_after_login"


def is_inside(ip: str) -> bool:
    """Return whether an address is of a private network."""
    return bool(_INSIDE_NET.match(ip))


def _tries(scene: Scene) -> Iterator[str]:
    """Compare the names and passwords that were tried, where they can be read."""
    users = _TRIED_USER.findall(scene.foreign)
    words = [word for word in _TRIED_WORD.findall(scene.foreign) if "***" not in word and "xxx" not in word]
    if len(set(words)) >= 2 and len(set(users)) <= len(set(words)):
        yield "different_passwords"
    elif len(set(users)) >= 3:
        yield "different_accounts"
    elif len(words) >= 2 and len(set(words)) == 1 and len(set(users)) <= 1:
        yield "same_password_again"
    refused = len(_LOGIN_FAILS.findall(scene.ours)) + sum(code in (401, 403, 429) for code in scene.status)
    if refused * 2 >= len(scene.carriers) > 0 and scene.count >= 20:
        yield "logins_refused"


def _guesses(scene: Scene) -> Iterator[str]:
    """Look at the pace of guesses: a program's or people's."""
    pace = scene.pace
    if scene.count >= 30 and pace >= 0.2:
        yield "guesses_fast"
    elif scene.span_s > 600 and any(code < 400 for code in scene.status):
        yield "many_users_succeed"
    elif pace < 0.06:
        yield "steady_pace"


def _is_opaque(body: str) -> bool:
    """Return whether a body is nothing but encoded bytes."""
    value = body.strip().partition("=")[2] or body.strip()
    return len(value) >= 48 and bool(_ENCODED.match(value))


def _written(scene: Scene) -> Iterator[str]:
    if _LOCKED.search(scene.foreign):
        yield "ransom_extension"
    if _SECOND.search(scene.foreign):
        yield "second_extension"
    windows = [flow.head[0][at : at + 96] for flow in scene.carriers for at in range(64, len(flow.head[0]) - 95, 32)]
    if any(entropy(window) > 5.7 for window in windows):
        yield "writes_ciphertext"


def _protocol(scene: Scene) -> Iterator[str]:
    for flow in scene.carriers:
        sent, back = flow.head
        if (
            len(sent) >= 8
            and len(back) >= 8
            and not sent[:4].isalpha()
            and sent[:4] == back[:4]
            and not sent.startswith(b"\0\0")
        ):
            yield "same_protocol"
            return


def _outbound(scene: Scene) -> Iterator[str]:
    if scene.classes <= WEB:
        yield "own_request"
        if any(code < 300 for code in scene.status):
            yield "own_request_served"
    if not scene.classes & _OUT and not scene.classes & {"lateral_movement", "scan"}:
        return
    hosts = [request.headers.get("host", "") for request in scene.requests if request.is_http]
    if any(_IP_HOST.match(host) for host in hosts):
        yield "host_is_address"
    agents = [request.headers.get("user-agent", "") for request in scene.requests if request.is_http]
    if agents and all(_VERSIONED.match(agent) and not _BROWSER.search(agent.lower()) for agent in agents):
        yield "named_agent"
    if scene.classes & {"c2_beacon", "trojan"} and any(
        _is_opaque(request.body) for request in scene.requests if request.is_http
    ):
        yield "opaque_exchange"
    if scene.classes & {"c2_beacon", "trojan"} and any(alert.detection.detector == "beacon" for alert in scene.alerts):
        yield "keeps_a_beat"
    shaken = sum(flow.handshake for flow in scene.flows)
    if "scan" in scene.classes and scene.count >= 50 and shaken * 3 < len(scene.flows):
        yield "sweeps_out"
    if agents and all(_READABLE_JSON.search(answer.body) for answer in scene.answers if answer.is_http):
        yield "readable_exchange"
    if scene.classes & {"c2_beacon", "trojan"} and _BOT_WORDS.search(scene.foreign):
        yield "takes_orders"
    if scene.classes & {"privilege_escalation", "trojan", "c2_beacon"} and _SHELL_TEXT.search(scene.both):
        yield "shell_in_clear"
    yield from _mining(scene)
    yield from _downloads(scene)
    yield from _uploads(scene)


def _mining(scene: Scene) -> Iterator[str]:
    if "mining" not in scene.classes:
        return
    names = " ".join([flow.name.lower() for flow in scene.carriers] + list(scene.names))
    if _WALLET.search(scene.ours):
        yield "miner_login"
    elif _POOL.search(names):
        yield "pool_name"
    if _SCIENCE.search(names):
        yield "science_name"
    if sum(sum(flow.bytes) for flow in scene.carriers) > 5_000_000:
        yield "bulk_of_work"


def _downloads(scene: Scene) -> Iterator[str]:
    if "phishing_download" not in scene.classes:
        return
    text, back = (scene.foreign, scene.foreign) if scene.is_inbound else (scene.ours, scene.foreign)
    offered = " ".join(answer.headers.get("content-disposition", "") for answer in scene.answers).lower()
    if _LURE.search(f"{text} {offered}") or "vbaproject" in back:
        yield "lure_file"
    if len(_LISTED.findall(scene.ours)) >= 2 and scene.is_inbound:
        yield "credentials_listed"
    if _SMUGGLE.search(back):
        yield "smuggles_file"
    if any(_BAIT.search(_registered(name)) for name in [flow.name.lower() for flow in scene.carriers]):
        yield "bait_name"
    if any(_FETCHERS.search(request.headers.get("user-agent", "").lower()) for request in scene.requests):
        yield "odd_fetcher"
    if _LURE_WORDS.search(f"{text} {offered}"):
        yield "lure_words"
    yield from _referers(scene)
    if _ADDRESSED.search(text):
        yield "addressed_to_user"
    if _CREDENTIALS.search(text):
        yield "password_leaves"
    if _SIGNED.search(f"{text}\n{back}"):
        yield "signed_download"
    if _impersonates(scene):
        yield "borrowed_name"


def _registered(name: str) -> str:
    """Return the part of a name that somebody registered."""
    return ".".join(name.partition(":")[0].split(".")[-2:])


def _referers(scene: Scene) -> Iterator[str]:
    """Say whether a download came from a page of the same site."""
    for request in scene.requests:
        if (
            not request.target
            or request.raw[:3] != b"GET"
            or not _BROWSER.search(request.headers.get("user-agent", "").lower())
        ):
            continue
        host = request.headers.get("host", "").partition(":")[0].lower().split(".")[-2:]
        referer = request.headers.get("referer", "").lower()
        site = referer.partition("//")[2].partition("/")[0].partition(":")[0].split(".")[-2:]
        yield "same_site" if site == host else "foreign_site"
        if site != host and _OFFERED.search(f"{request.target.lower()} {scene.foreign[:2000]}"):
            yield "program_offered"
        return


def _impersonates(scene: Scene) -> bool:
    """Return whether a host carries the name of the user's own organisation in front of a foreign one."""
    for request in scene.requests:
        host = request.headers.get("host", "").lower()
        for owner in re.findall(r"(?:@|%40)([\w-]+)\.([\w.-]+)", request.decoded.lower()):
            own = ".".join(owner)
            if owner[0] in host and not host.endswith(own) and len(owner[0]) > 3:
                return True
    redirect = [
        answer.headers.get("location", "").lower() for answer in scene.answers if answer.status in (301, 302, 303)
    ]
    hosts = [request.headers.get("host", "").lower() for request in scene.requests]
    asked = any(_CREDENTIALS.search(request.body.lower()) for request in scene.requests)
    return asked and any(to.startswith("http") and not any(host and host in to for host in hosts) for to in redirect)


def _uploads(scene: Scene) -> Iterator[str]:
    if "exfiltration" not in scene.classes:
        return
    if _PLUNDER.search(scene.ours):
        yield "plunder_names"


def _machine_code(scene: Scene) -> Iterator[str]:
    if any(_ELF.match(flow.head[0 if scene.is_inbound else 1]) for flow in scene.carriers):
        yield "program_over_raw"
    if scene.classes & {"vulnerability_exploit"} and any(_dense(flow.head[0]) for flow in scene.carriers):
        yield "shellcode"


def _dense(head: bytes) -> bool:
    """Return whether long filler is followed by bytes without pattern."""
    found = _NOPS.search(head)
    if not found:
        return False
    rest = head[found.end() :]
    return len(found[0]) >= 120 or (len(rest) >= 64 and entropy(rest) > 5.5)


def entropy(data: bytes) -> float:
    """Return the bits per byte that some data holds."""
    counts = Counter(data)
    return -sum(n / len(data) * math.log2(n / len(data)) for n in counts.values()) if data else 0.0
