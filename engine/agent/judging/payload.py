"""What the target sent: where the attack syntax stands, and what it would do there."""

# ruff: noqa: E501 - a pattern reads best whole

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from engine.agent.judging import entities
from engine.agent.judging.credentials import is_session
from engine.agent.judging.markup import is_harmful, without_providers
from engine.agent.judging.message import Message, is_phrase, is_prose
from engine.agent.judging.scene import Match, Scene
from engine.agent.judging.trades import keeps_as_text
from engine.types import Direction

_WEB = "sql_injection xss command_injection file_inclusion ssrf xxe web_exploit webshell deserialisation vulnerability_exploit scan"
WEB = frozenset(_WEB.split())
"""Classes whose attack is syntax in a request."""

_RUNS = re.compile(
    r"(?:wget|curl|fetch|tftp|ftpget|certutil|bitsadmin|iwr)\b[^\n]{0,160}(?:\||;|&&|\n)\s*(?:sudo )?(?:ba|da|a|z|k)?sh\b"
    r"|(?:wget|curl|tftp)\b[^\n]{0,120}(?:chmod|-o\s*/(?:tmp|var/tmp|dev/shm))|/dev/tcp/|\bnc(?:at)?\b[^\n]{0,40} -\w*e"
    r"|\b(?:ba)?sh -i\b|powershell[^\n]{0,40}-e(?:nc|ncodedcommand)?\b|busybox (?:wget|tftp)|mkfifo /tmp"
    r"|pty\.spawn|psexesvc|remcomsvc|paexec|smbexec|wmiexec|atexec|__output\b|exec\(base64|frombase64string|iex ?\(|downloadstring"
    r"|-w(?:indowstyle)? hidden|\biwr https?:|\bmshta https?:"
)
_STEALS = re.compile(
    r"minidump|lsass|mimikatz|sekurlsa|ntds\.dit|secretsdump|hashdump|procdump|vssadmin|shadowcopy|wbadmin delete"
    r"|sam save|reg save hk"
)
_CALLS = re.compile(
    r"(?:system|exec|shell_exec|passthru|popen|proc_open|assert|spawn)\s*\(\s*[\"'$]|processbuilder|getruntime"
    r"|invokefunction|os\.system|subprocess|__import__|child_process|\(\)\s*\{[^}]*\}\s*;|\beval\s*\(|\$\{?ifs\b|file_put_contents|fsockopen"
)
_SEPARATED = re.compile(
    r"\n[ \t]*(?:wget|curl|uname|whoami|chmod|busybox|sh|bash|nc)\b|(?:[;|`&]|\$\()\s*(?:id|whoami|uname|ls|cat|ping|sleep|nslookup|wget|curl|dir|type|ipconfig|ifconfig|net user"
    r"|touch|echo|sh|bash|nc|python\d?|perl|ps|env|dig|rm|hostname|pwd)\b"
)
_SECRET_FILES = re.compile(
    r"etc/(?:passwd|shadow|hostname|hosts)|id_rsa|id_ed25519|\.aws/credentials|win\.ini|boot\.ini|proc/self|wp-config"
    r"|\.env\b|\.git/(?:config|head)|web\.config|\.htpasswd|php://(?:filter|input)|expect://|phar://|data://"
)
_CLIMBS = re.compile(r"(?:\.\.[/\\]){3,}|(?:\.\.%2f){2,}|%252e|\.\.%252f|%c0%ae", re.IGNORECASE)
_PROBES = re.compile(
    r"union\s+(?:all\s+)?select\s+(?:null|\d|concat|group_concat|@@|char\()|sleep\s*\(\s*\d|benchmark\s*\(|waitfor\s+delay"
    r"|pg_sleep|extractvalue\s*\(|updatexml\s*\(|information_schema|xp_cmdshell|into\s+(?:out|dump)file|load_file\s*\("
    r"|['\"]\s*(?:or|and)\s+['\"\d(].{0,12}=|order\s+by\s+\d+\s*(?:--|#)|;\s*(?:drop|create|insert|update|alter|exec)\s"
    r"|['\")\d\s](?:and|or)\s+\(?\d+\s*=\s*\d+|['\")]\s*\|\|\s*\(|\bcase\s+when\b.{0,40}\bthen\b|dbms_pipe|utl_http|substring\s*\(.{0,40}\bselect\b|ascii\s*\(.{0,40}select"
)
_GADGETS = re.compile(
    r"commons[./]collections|invokertransformer|chainedtransformer|lazymap|templatesimpl|badattributevalue"
    r"|jdbcrowset|annotationinvocation|priorityqueue|beancomparator|jndidatasource|unicastref|urldns|java\.net\.url\b"
    r"|objectdataprovider|typeconfuse|windowsidentity|activitysurrogate|losformatter|process\.start|cposix|posix\nsystem"
    r"|cos\nsystem|csubprocess|nsystem|builtins\neval|popen|monolog|guzzlehttp|pdostatement|rmi://|ldap://|autocloseable"
    r"|!!python/object|!!javax|urlclassloader|posix.{0,8}system|subprocess.{0,8}(?:popen|call|check)|builtins.{0,8}(?:eval|exec)"
    r"|o:\d+:\"[^\"]{0,60}(?:swift|illuminate|symfony|think|phpggc|pending|zend)|(?:system|phpinfo|passthru|shell_exec)\";"
    r"|jdatabasedriver|simplepie|disconnecthandlers|textformattingrunproperties|powershell\.editor|tiedmapentry|xalan\.|signedobject|pythoninterpreter"
    r"|c3p0|wrapperconnection|\bnumpy\.?\n?f2py|marshal\nloads|runpy\n|webbrowser\nopen|aspectjweaver|hibernate\.(?:engine|tuple)|mozilla\.javascript|phar\.|swift_|requestcontext"
    r"|com\.sun\.rowset|ysoserial|xstream|processbuilder|scriptengine|bcel|groovy\.util|spring.*methodinvok"
)
_LOOKUP = re.compile(
    r"\$\{(?:jndi:(?!java:)|\$\{|lower:|upper:|env:|::-)|%\{\(?#|\$\{[^}]{0,20}getclass|#\{.{0,40}runtime|t\(java\."
)
_LOGGED_LOOKUP = re.compile(r"\$\{(?:jndi:(?!java:)|\$\{|lower:|upper:|::-)")
"""Expressions that the writing of a log evaluates; one that stays on this host is a setting."""
_HIDDEN = re.compile(
    r"/(?:opt|tmp|usr|var|dev|lib|etc|run|home/\w+|srv|mnt)(?:/[\w.-]+)*/\.(?!env|git|ssh|well-known)[a-z_]\w*"
)
_HIDES = re.compile(
    r"history -c|unset histfile|rm -f \$0|rm -- \$0|ld\.so\.preload|histfile=/dev/null|iptables -f|setenforce 0"
)
_INSIDE = re.compile(
    r"(?:https?|gopher|dict|ftp|file)://[\[]?(?:127\.|localhost|0\.0\.0\.0|::1|::ffff:|169\.254\.|10\.\d|192\.168\."
    r"|172\.(?:1[6-9]|2\d|3[01])\.|metadata|fd00:|0x7f|2130706433|\w+\.(?:internal|local|svc|cluster\.local)\b|0\d|\d{8,10}\b|\[::)|\.(?:nip|sslip|xip)\.io|localtest\.me|rebind|rbndr|//7f0{4,6}1|169\.254\.169\.254|(?:gopher|dict)://"
)
_NEIGHBOUR = re.compile(r"10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|f[cd]")
_INNERMOST = re.compile(r"//\[?(?:127\.|localhost|0|::|169\.254|metadata)|gopher:|dict:|file:|169\.254")
_TAKEOVER = re.compile(
    r"config\W+(?:\$?\d+\W+)?set\W+(?:\$?\d+\W+)?dir\W+(?:\$?\d+\W+)?(?:var/(?:spool|www|tmp)|root|home|etc|tmp|usr/(?:share|local)|srv/www|\S*(?:html|webapps|\.ssh|cron))"
    r"|dbfilename\W+(?:\d+\W+)?(?!\d+\s)(?![\w-]+\.rdb)[\w.-]+|module\W+(?:\$?\d+\W+)?load\W+(?:\$?\d+\W+)?(?:tmp|var/tmp|dev|\.)"
    r"|(?:slave|replica)of\W+(?:\$?\d+\W+)?(?!10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|127\.)\d{1,3}\.\d"
    r"|/var/spool/cron|authorized_keys|\"binds\"\s*:\s*\[\s*\"/[^\"]*:|\"privileged\"\s*:\s*true"
    r"|copy\s+\w+\s+from\s+program|script\.painless|_groovy|system\.exec"
)
_MOVES = re.compile(
    r"config\W+(?:\$?\d+\W+)?set\W+(?:\$?\d+\W+)?(?:dir|dbfilename)|(?:slave|replica)of\W|module\W+(?:\$?\d+\W+)?load"
)
_RANSOM = re.compile(
    r"\b(?:btc|bitcoin|monero|xmr)\b|your (?:files|data|database)[^\n]{0,60}(?:encrypt|copied|backed up|stolen|download)"
    r"|decrypt(?:or|ion key)|pay\b[^\n]{0,40}(?:btc|coin|recover|wallet)|\.onion\b|to (?:recover|restore) your"
)
_RANSOM_KEY = re.compile(
    r"(?:hwid|victim|machine_?id|host)\W[\s\S]{0,600}?(?:pub(?:key)?|rsa|aes)\W|(?:ext|skip|drives)=[\s\S]{0,600}?pubkey"
)
_ACTIVE_THEFT = re.compile(
    r"(?:document\.cookie|localstorage|sessionstorage)[\s\S]{0,80}|(?:fetch|xmlhttprequest|sendbeacon|new image|location)"
    r"[\s\S]{0,60}(?:cookie|token|/admin|role=)|onerror\s*=\s*[\"']?(?:alert|eval|fetch|prompt)|onload\s*=\s*[\"']?(?:alert|fetch|eval)"
    r"|<script[^>]*>\s*(?:alert|eval|fetch|document|new image)|<script[^>]+src\s*=|javascript:(?!void)"
)
_EXPLOIT_FORMS = re.compile(
    r"__proto__|constructor\W{1,4}prototype|\{\{\s*(?:\d+\s*\*\s*\d+|config|self|request\.|.{0,20}__class__|.{0,10}constructor)"
    r"|__(?:class|globals|subclasses|mro|builtins)__|<%=|\$\{\s*(?:\d+\s*\*\s*\d+|@|t\()|%\{|\bognl\b|xwork|class\.module\.classloader"
    r"|freemarker\.template|\.newinstance\(|java\.lang\.(?:runtime|process|system|class)|#(?:post_render|lazy_builder|markup|pre_render)|/\.\.;/|/;/|;\.(?:js|css|png|jpg)\b"
    r"|x-original-url|x-rewrite-url|x-beresource|autodiscover\.json\?@|eval-stdin|auto_prepend_file|allow_url_include|\"alg\":\s*\"none\""
    r"|transfer-encoding\s*:\s*(?:x|chunked,|[^\r\n]*,)|_method=__construct|server\[request_method\]|/actuator/(?:env|gateway|heapdump|restart|shutdown)"
    r"|introspection_?query|%00|%c0%af|%2e%2e%2f|/cgi-bin/[^\s]*(?:\.\.|%2e)|\bmtd\b.{0,20}=|boaform|hnap1|/setup\.cgi\?|/tmui/|/vpns?/\.\./"
)
_REQUESTS = 64
"""Requests that are looked at one by one."""
_OBJECTS = frozenset(("deserialisation", "vulnerability_exploit"))
_CLASS_NAMES = re.compile(r"\b[a-z_]\w{1,60}(?:[./][a-z_]\w{1,60}){2,}|\"@(?:type|class)\"|\bo:\d+:\"|c\w+\n\w+\n")
_TOOLS = re.compile(
    r"\b(?:sqlmap|nikto|nuclei|gobuster|dirbuster|feroxbuster|ffuf|wfuzz|masscan|zgrab|nmap|acunetix|netsparker|wpscan|hydra"
    r"|medusa|patator|xsstrike|commix|zmeu|jorgee|metasploit|havij|arachni|dirsearch)\b"
)
_MINER_JOB = re.compile(r"stratum\+(?:tcp|ssl)|(?:-o|--url)[\s\",=]+[\w.-]+:\d{3,5}\b")
_STATEMENT = re.compile(r"\s*(?:select|with|insert|update|explain|show)\s[^'\";#]*$", re.IGNORECASE)
_SEARCH = re.compile(r"/(?:search|suche|find|recherche|buscar|lookup|query|ask|kb|faq)\b")
_SEARCH_FIELD = re.compile(r"&(?:q|s|query|search|keywords?|term|suche|k|text|phrase)=")
_PUT_SCRIPT = re.compile(r"^(?:put|move|copy) \S+\.(?:php\d?|phtml|jspx?|aspx?|war)\b", re.MULTILINE)
_SCRIPT_FILE = re.compile(r"filename=\"?[^\"\r\n]*\.(?:php\d?|phtml|phar|jspx?|aspx?|ashx|cgi|war|pht)\b")
_PICTURE_FILE = re.compile(r"filename=\"?[^\"\r\n]*\.(?:gif|jpe?g|png|bmp|ico|webp|pdf|txt|zip)\b")
_CODE = re.compile(r"<\?(?:php\b|=)|<%@ ?page|<%=? ?(?:eval|runtime|request|execute)|<jsp:|runat=\"?server")
_ONE_LINER = re.compile(
    r"(?:eval|assert|system|exec|passthru|shell_exec|`)\s*[\(`]?\s*[@(]*\s*\$_?(?:post|get|request|cookie|server)"
    r"|runtime\.getruntime\(\)\.exec\(\s*request|\$\{param\.|request\.getparameter"
)


def considerations(scene: Scene) -> Iterator[str]:
    """Name what the request itself says."""
    yield from _position(scene)
    if not scene.is_inbound and scene.classes <= WEB:
        return
    text = scene.foreign if scene.is_inbound else scene.both
    acting = text if not is_told(scene) else ""
    if not acting and keeps_as_text(scene) and _LOOKUP.search(text):
        yield "lookup_expression"
    if _RUNS.search(acting) or _STEALS.search(acting):
        yield "runs_programs"
    if scene.is_inbound and (_CALLS.search(acting) or _SEPARATED.search(acting)) and scene.classes & WEB:
        yield "calls_commands"
    if _HIDDEN.search(acting) or _HIDES.search(acting):
        yield "hides_itself"
    if _TAKEOVER.search(acting):
        yield "takes_service_over"
    elif _MOVES.search(acting):
        yield "moves_service"
    if _RANSOM.search(acting) or (not scene.is_inbound and _RANSOM_KEY.search(scene.ours)):
        yield "demands_ransom"
    yield from _by_syntax(scene, acting)


def _by_syntax(scene: Scene, acting: str) -> Iterator[str]:
    if not scene.is_inbound:
        return
    for name, pattern in _SYNTAX.items():
        sought = without_providers(acting) if name == "script_theft" else acting
        if not pattern.search(sought) or (name == "gadget_chain" and not scene.classes & _OBJECTS):
            continue
        yield "points_at_neighbour" if name == "points_inside" and _asks_neighbour(scene, acting) else name
    if _TOOLS.search(acting):
        yield "attack_tool"
    if _MINER_JOB.search(acting):
        yield "miner_job"
    if any(_STATEMENT.match(match.field) for match in scene.matches) and "sql_injection" in scene.classes:
        yield "whole_statement"
    if scene.requests and any(request.raw.startswith((b"REQMOD ", b"RESPMOD ")) for request in scene.requests):
        yield "scanning_service"
    known = any(request.is_http and is_session(request) for request in scene.requests)
    hidden = _PICTURE_FILE.search(acting) and _CODE.search(acting)
    if (
        hidden
        or (_SCRIPT_FILE.search(acting) and _ONE_LINER.search(acting))
        or (_PUT_SCRIPT.search(acting) and not known)
    ):
        yield "plants_script"
    yield from entities.considerations(acting)
    objects = "\n".join(_object_text(scene)) if "deserialisation" in scene.classes else ""
    if _CLASS_NAMES.search(objects) and not _GADGETS.search(scene.foreign):
        yield "no_gadget"
    if scene.classes & {"xss"} and not _ACTIVE_THEFT.search(without_providers(scene.foreign)):
        yield "no_theft"


def _object_text(scene: Scene) -> Iterator[str]:
    """Yield where objects stand: bodies, streams, and the fields that were matched."""
    for flow, request in zip(scene.carriers, scene.requests, strict=True):
        if flow.five_tuple.src_ip == scene.target:
            yield (request.body if request.is_http else request.decoded).lower()
    yield from (match.field.lower() for match in scene.matches if match.where in ("line", "header"))


_SYNTAX = {
    "reads_secret_file": _SECRET_FILES,
    "climbs_folders": _CLIMBS,
    "probes_database": _PROBES,
    "gadget_chain": _GADGETS,
    "lookup_expression": _LOOKUP,
    "points_inside": _INSIDE,
    "script_theft": _ACTIVE_THEFT,
    "exploit_form": _EXPLOIT_FORMS,
}


def sent(scene: Scene) -> list[Message]:
    """Return what the target sent where it began the connection."""
    rows = zip(scene.carriers, scene.requests, strict=True)
    return [request for flow, request in rows if flow.five_tuple.src_ip == scene.target][:_REQUESTS]


@lru_cache(maxsize=512)
def holds_syntax(text: str) -> bool:
    """Return whether some lower-case text holds syntax of any kind that attacks are made of."""
    return any(pattern.search(text) for pattern in (*_SYNTAX.values(), _CALLS, _SEPARATED, _RUNS)) or entities.declares(
        text
    )


def acts_anywhere(scene: Scene) -> bool:
    """Return whether an expression was sent that acts wherever it is written down, as in a log."""
    if keeps_as_text(scene):
        return False
    strange = any(request.is_http and not is_session(request) for request in sent(scene))
    return bool(_LOGGED_LOOKUP.search(scene.foreign) or (strange and _LOOKUP.search(scene.foreign)))


def acceptance_is_harm(scene: Scene) -> bool:
    """Return whether the request asks for something that the server does by accepting it."""
    text = scene.foreign if not is_told(scene) else ""
    stored_script = "xss" in scene.classes and text and is_harmful(scene)
    known = all(is_session(request) for request in sent(scene) if request.is_http)
    fetched = "ssrf" in scene.classes and _INSIDE.search(text) and not (known or _asks_neighbour(scene, text))
    return bool(stored_script or fetched or ("xxe" in scene.classes and entities.loads(text)))


def _asks_neighbour(scene: Scene, text: str) -> bool:
    """Return whether somebody inside names a neighbour, and neither this host itself nor the metadata service."""
    inside = _NEIGHBOUR.match(scene.target)
    return bool(inside) and not _INNERMOST.search(text)


def is_told(scene: Scene) -> bool:
    """Return whether every place of the syntax is inside text that people or machines only tell."""
    if keeps_as_text(scene):
        return True
    placed = [match for match in scene.matches if match.where]
    return bool(placed) and all(_tells(match) for match in placed)


def _tells(match: Match) -> bool:
    if _LOOKUP.search(f"{match.text} {match.field}".lower()):
        return False  # it acts wherever it is written down, as in a log
    value = match.field.partition(":")[2] if match.where == "header" else match.field
    is_text = match.where == "body" or (match.where == "line" and is_search(match))
    return (is_text and is_prose(value)) or is_phrase(value)


def is_search(match: Match) -> bool:
    """Return whether the address looks words up, so that its value is what a person typed."""
    path, _, query = match.message.target.lower().partition("?")
    return bool(_SEARCH.search(path)) or bool(_SEARCH_FIELD.search(f"&{query}"))


def _is_sent(scene: Scene, match: Match) -> bool:
    """Return whether a match stands in what the target sent, not in this host's answer."""
    direction = match.alert.detection.spans[0].direction
    begun = match.alert.flow.five_tuple.src_ip == scene.target
    return (direction is Direction.TO_SERVER) is begun


def _position(scene: Scene) -> Iterator[str]:
    placed = [match for match in scene.matches if match.where]
    if not scene.is_inbound or not placed or not scene.classes & WEB | scene.classes & {"trojan", "mining"}:
        return
    if keeps_as_text(scene):
        return
    if is_told(scene):
        yield "in_prose"
    elif any(match.where in ("line", "header") and _is_sent(scene, match) for match in placed) and scene.classes != {
        "scan"
    }:
        yield "in_request_line"
    elif any(match.where == "body" and len(match.field) < 120 for match in placed):
        yield "in_short_value"
    if "trojan" in scene.classes and any(
        match.where == "raw" and match.alert.detection.spans[0].offset < 24 for match in placed
    ):
        yield "opens_raw_stream"
