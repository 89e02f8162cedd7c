"""What this host's own connections carry, and what its users download."""

# ruff: noqa: E501 - a pattern reads best whole

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.agent.judging.measures import LOOKS_AROUND, SHELL_TEXT, is_inside, is_opaque
from engine.agent.judging.payload import WEB
from engine.agent.judging.scene import Scene

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
_PLUNDER = re.compile(
    r"shadow|passwd|/?etc[-_.]|\.env|credential|secret|customer|payroll|hr_|(?:db|sql|mysql|pg)[-_]?dump|\.ssh|wallet|keepass|ntds"
)
_IP_HOST = re.compile(r"^\[?(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:]{3,})\]?(?::\d+)?$")
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
_HOSTED = re.compile(
    r"wscript\.shell|activexobject|shell\.application|adodb\.stream|powershell|cmd(?:\.exe)? /c|start-process|downloadfile|invoke-webrequest|mshta"
)
"""What opens a shell on the reader's machine."""
_THROWAWAY = re.compile(
    r"(?:^|[.-])(?:transfer|file|temp|tmp|paste|drop|anon\w*|go|share|up|upload|send|toss|bashupload|termbin)?(?:bin|file|files|fileio|drop|share|upload|send|sh|box)\d*\.|paste|gofile|catbox|0x0\.st|mega(?:upload)?\.|\bngrok"
    r"|webhook|telegram|discord|\.onion|onion-?gate|tor2web|tossbin|anonfile|file\.io|pixeldrain|wetransfer|sendspace|mediafire|userstorage"
)
_PING = re.compile(rb"abcdefgh|!\"#\$%&|\x10\x11\x12\x13|\x08\x09\x0a\x0b|\x00{16}", re.DOTALL)
_VAULTS = re.compile(r"cryptomator|gocryptfs|restic|borg|duplicity|duplicati|veeam|kopia|clevis|\btang\b|vault")
_INNER_NAME = re.compile(r"\.(?:internal|intern|intranet|local|lan|corp|home\.arpa)(?:\.|$)")
_OUTPUT = re.compile(
    r"\buid=\d+\(|\blinux \S+ \d+\.\d+\.\d+|\broot:x?:0:0|total \d+\n[d-]rw|nt authority|\"?(?:hostname|whoami|uname|osversion|computername)\"?\s*[:=]"
)
_DESKTOP = re.compile(r"windows nt|msie|macintosh")
_VOWELS = re.compile(r"[aeiouy]")
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
    if scene.is_inbound:
        yield from _downloads(scene)
        return
    if scene.classes <= WEB:
        yield "own_request"
        if any(code < 300 for code in scene.status):
            yield "own_request_served"
    if not scene.classes & _OUT and not scene.classes & {"lateral_movement", "scan"}:
        return
    yield from _ends(scene)
    hosts = [request.headers.get("host", "") for request in scene.requests if request.is_http]
    if any(_IP_HOST.match(host) for host in hosts):
        yield "host_is_address"
    agents = [request.headers.get("user-agent", "") for request in scene.requests if request.is_http]
    if agents and all(_VERSIONED.match(agent) and not _BROWSER.search(agent.lower()) for agent in agents):
        yield "named_agent"
    if scene.classes & {"c2_beacon", "trojan"} and any(
        is_opaque(request.body) for request in scene.requests if request.is_http
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
    if scene.classes & {"privilege_escalation", "trojan", "c2_beacon"} and SHELL_TEXT.search(scene.both):
        yield "shell_in_clear"
    yield from _mining(scene)
    yield from _downloads(scene)
    yield from _uploads(scene)


def _ends(scene: Scene) -> Iterator[str]:
    """Look at the far end: its place and its name, and what this host tells it."""
    if is_inside(scene.target):
        yield "ends_inside"
    elif _INNER_NAME.search(" ".join(scene.names)):
        yield "inner_name"
    hello = [flow for flow in scene.carriers if flow.app == "tls" or flow.head[0][:2] == b"\x16\x03"]
    if hello and all(not flow.name or _IP_HOST.match(flow.name) for flow in hello):
        yield "tls_without_name"
    named = {flow.name.lower() for flow in scene.carriers if flow.name and flow.app in ("tls", "http")}
    if any(_is_senseless(label) for name in named for label in name.partition(":")[0].split(".")[:-1]):
        yield "senseless_name"
    if LOOKS_AROUND.search(scene.both):
        yield "looks_around"
    if any(_THROWAWAY.search(name) for name in (*named, *scene.names)):
        yield "throwaway_host"
    echoes = [flow.head[0] for flow in scene.carriers if flow.five_tuple.proto == "icmp" and len(flow.head[0]) >= 24]
    if any(not _PING.search(echo) for echo in echoes):
        yield "odd_echo"
    if scene.classes & {"ransomware"} and _VAULTS.search(scene.both):
        yield "vault_format"
    if _OUTPUT.search(scene.ours):
        yield "outputs_leave"
    agents = [request.headers.get("user-agent", "").lower() for request in scene.requests if request.is_http]
    if any(_DESKTOP.search(agent) for agent in agents) and not scene.classes & {"phishing_download"}:
        yield "desktop_agent"


def _is_senseless(label: str) -> bool:
    """Return whether a part of a name is letters and digits that nobody chose."""
    for word in label.split("-"):
        digits, letters = sum(one.isdigit() for one in word), sum(one.isalpha() for one in word)
        mixed = len(re.findall(r"[a-z]\d|\d[a-z]", word)) >= 3
        if len(word) >= 7 and digits and letters and mixed:
            return True
        if letters >= 8 and digits == 0 and len(_VOWELS.findall(word)) * 5 <= letters:
            return True
    return False


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
    if _HOSTED.search(back):
        yield "script_drops"
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
