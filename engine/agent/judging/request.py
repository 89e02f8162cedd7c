"""What a request is beside its syntax: who sends it, what it reaches for, and how it is dressed."""

# ruff: noqa: E501 - a pattern reads best whole

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from engine.agent.judging import markup
from engine.agent.judging.credentials import is_session
from engine.agent.judging.markup import is_same_site
from engine.agent.judging.message import Message
from engine.agent.judging.payload import WEB, holds_syntax, is_told, sent
from engine.agent.judging.scene import Scene
from engine.agent.judging.trades import INSIDE

_PASSED_ON = re.compile(
    r"^(?:host|referer|origin|x-(?:forwarded|real|client|original)[\w-]*|forwarded|via|true-client-ip|cf-connecting-ip|contact|from)\s*:\s*[\w:/.,\[\] -]*\r?$",
    re.MULTILINE,
)
"""Header lines in which addresses stand for other reasons."""
_COLLECTORS = re.compile(
    r"interact\.sh|\boast\.\w+|burpcollaborator|oastify|dnslog\.|ceye\.io|requestbin|webhook\.site|canarytokens|pipedream\.net|ngrok|beeceptor|trycloudflare|serveo\.net"
)
"""Services that tell a stranger that something turned to them, or hand it on to him."""
_OPAQUE = frozenset(("webshell", "deserialisation", "vulnerability_exploit"))
"""Classes whose attacks may look like nothing."""
_BARE_ADDRESS = re.compile(
    r"(?:https?:|ftp:|ldaps?:|rmi:|dns:|tftp:|smb:)?(?://|\\\\)(?:[^/\s@]*@)?(\d{1,3}(?:\.\d{1,3}){3})\b"
)
_INNER = re.compile(r"10\.|127\.|0\.|169\.254\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.")
_INNER_SECRETS = re.compile(
    r"(?:gopher|dict|ldaps?|tftp|jar|netdoc)://|file:/|/latest/(?:meta-data|user-data|dynamic|api/token)|computemetadata|/metadata/(?:instance|identity|v1)|/opc/v\d"
    r"|:(?:22|25|111|445|2375|2376|2379|3306|3389|5432|5984|6379|8500|9200|10250|10255|11211|27017)\b|/(?:v1\.\d+/)?containers/|/api/v1/(?:namespaces|secrets|pods)|/v1/(?:kv|agent)|/v2/keys|/_cat/|/server-status|/actuator/(?:env|heapdump)|/admin\b"
    r"|//(?:0x[0-9a-f]+|0\d+\.|\d{8,10}\b|\[::|\[0:|127\.\d+\b(?!\.)|127\.(?!0\.0\.1)\d)|(?:nip|sslip|xip)\.io|localtest\.me|rbndr|rebind|//[^/\s]{1,60}@(?:127|10\.|169|192\.168|localhost)|#@|%2540|169\.254\.169"
)
"""What servers inside keep from strangers, and disguises of inner addresses."""
_SCRIPTED = re.compile(
    r"^(?:python|go-http|curl|wget|libwww|lwp|java/|okhttp|axios|ruby|perl|aiohttp|httpx|node-fetch|php|guzzle|scrapy|httpie|fasthttp|winhttp)"
    r"|^mozilla/\d\.\d\s*$|^.{0,4}$|^hello|msie [5-9]\.|chrome/[1-7]\d\.|firefox/[1-6]?\d\.|custom-?asynchttp|\bxtc\b|masscan"
)
"""Agents of script libraries, and of browsers that nobody has used for years."""
_PRODUCT = re.compile(r"[a-z][\w .-]{2,40}/v?\d")
_GENERAL = re.compile(
    r"mozilla|opera|curl|python|go-http|wget|java/|okhttp|axios|libwww|perl|ruby|httpx|aiohttp|node|php|sqlmap|nikto|nmap|nuclei|gobuster|masscan|zgrab"
)
_MUCH, _LONG_S = 20_000, 30.0
"""What an attempt seldom needs: bytes, and seconds."""
_DISGUISED = re.compile(
    r"%25(?:3c|3e|27|22|2e|2f|5c|28)|(?:union|select|and|or|from|where|order)/\*.{0,20}?\*/|/\*!\d*|\$\{?ifs\b|fromcharcode|\batob\s*\(|\bunescape\("
    r"|(?:chr|char)\(\d+\)?\s*(?:,|\|\||\.|\+)|%c0%a[ef]|%u00[0-9a-f]{2}|base64 (?:-d|--decode)|frombase64string|\\x[0-9a-f]{2}\\x[0-9a-f]{2}|&#x?\d{2,3};&#x?\d{2,3};"
    r"|\$\{(?:lower|upper|::-)|'\s*\|\|\s*'|(?:\w\\\w\\\w)|\w''\w|\w\"\"\w|0x[0-9a-f]{8,}|%0[09ad](?:union|select|and|or)|\+concat\(|concat\(0x"
)
_MIXED_CASE = re.compile(
    r"(?!script|SCRIPT|Script)[sS][cC][rR][iI][pP][tT]>|\b(?!union|UNION|Union)[uU][nN][iI][oO][nN]\b|\b(?!select|SELECT|Select)[sS][eE][lL][eE][cC][tT]\b"
)
_IN_UPLOADS = re.compile(
    r"/(?:uploads?|uploaded|avatars?|images?|img|pics?|photos?|attachments?|files?|media|te?mp|cache|userfiles|upfile|thumbs?|gallery|documents?|docs|download|pub|static|css|js|fonts?|data|logs?|backup)"
    r"/(?:[^?\s]*/)?[^/?\s]*\.(?:php\d?|phtml|pht|phar|jspx?|aspx?|ashx|asmx|cfm|cgi)(?:$|[/?;])"
)
_QUIET_HEADER = re.compile(
    r"(?:user-agent|referer(?!\s*:\s*https?:)|accept[\w-]*|x-api-version|x-forwarded-[\w-]+|x-client-ip|origin|from|host|content-type)\s*:"
)
"""Header lines that programs fill in and nobody types code into."""
_HOLES = re.compile(
    r"eval-stdin|/_ignition/execute|/(?:wls-wsat|_async)/|/console/(?:css|images)/|/invoker/(?:jmx|ejb|readonly)|/jmx-console|/web-console|/struts|redirect(?:action)?:|/solr/\w+/(?:dataimport|config|replication)"
    r"|/manager/html|/hudson|/script(?:text)?(?:$|\?)|/api/jsonws/invoke|/druid/indexer|/nacos/v1|/gponform|/tmunblock|/hnap1|/boaform|/goform/|/cgi-bin/(?:supervisor|luci|nas_sharing|kerbynet|mainfunction|viewcert|jarrewrite|\.)"
    r"|/dana-na/|/dana/|/remote/(?:fgt_lang|login\?lang|logincheck)|/\+csc|/mgmt/(?:tm|shared)|/tmui|/vpns?/|/webtools/control|/sdk/weblanguage|createpage-entervariables|bootstrapstatusprovider|setupadministrator"
    r"|/geoserver/.*(?:wfs|wms)|/autodiscover/.*(?:json\?@|mapi|powershell)|/ecp/.*(?:viewstate|proxylogon|ddiservice)|/owa/auth/\w+\.(?:aspx|js)|/_search.*script|/ws_utc|/users/register.*mail|/node/\d+\?_format=hal|/vendor/(?:phpunit|elfinder)|connector\.minimal|/fckeditor/|/kcfinder/|/filemanager/"
    r"|/latest/user-data|/server-status|/v2/keys|/v1\.\d+/containers|/containers/(?:create|\w+/(?:start|exec))|/api/v1/namespaces|/exec\?|/run/\w+/|/wp-json/\S*(?:users|register)|xmlrpc\.php|admin-ajax\.php\?action=\w*(?:option|upload|import|user|file)|/setup\.(?:cgi|php)|/install\.php|/phpunit"
)
"""Addresses that only known holes of products have brought to anybody's mind."""
_ADMINISTERS = re.compile(
    r"users_can_register|default_role|\"?(?:role|roles|is_?admin|is_?superuser|group|permissions?)\"?\W{1,5}(?:administrator|admin|root|true|superuser)|admin\w*(?:\[|%5b|\.)(?:user|pass)|create_?user|add_?user|new_?admin|reset_?password"
    r"|/(?:users?|accounts?|admins?)/(?:add|create|new|register)|/plugins?/(?:install|upload|add)|/theme/(?:install|upload)|siteurl|auto_prepend|allow_url|/actuator/(?:env|gateway|restart|shutdown)|/(?:set|save|update)_?(?:config|settings|options?)|/api/v\d/(?:users|settings|config)\b"
)
_SYSTEMS = frozenset(("web_exploit", "vulnerability_exploit", "webshell", "command_injection", "deserialisation"))
_ASSET = re.compile(r"\.(?:woff2?|ttf|eot|otf|svg|png|jpe?g|gif|webp|ico|css|map|mp[34]|avif)$")
_INNER_PATH = re.compile(
    r"https?://(?:localhost|\[::1\]|(?:10|127|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.[\d.]+|[\w.-]+\.(?:internal|local|svc|lan|intern))(?::\d+)?(/[^\s\"'&<]*|)"
)
_HEALTH = re.compile(
    r"^/(?:[\w-]+/)?(?:health\w*|ping|ready\w*|live\w*|status|metrics|version|favicon\.ico)/?$"
    r"|\.(?:png|jpe?g|gif|webp|avif|svg|pdf|ics|rss|css|woff2?|mp[34])(?:$|\?)"
)
_ADDRESS_GIVEN = re.compile(r"https?://(?:[^/\s@&?]*@)?([a-z][\w-]*(?:\.[\w-]+)+)")


def considerations(scene: Scene) -> Iterator[str]:
    """Name what a request that came in is beside its syntax."""
    if not scene.is_inbound or not scene.classes & WEB or scene.classes == {"scan"}:
        return
    asked = sent(scene)
    if not is_told(scene):
        yield from _reaches(scene)
        yield from _dressed(scene, asked)
    web = [request for request in asked if request.is_http]
    if web:
        yield from _sender(scene, web)
        yield from _path(scene, web)


def _reaches(scene: Scene) -> Iterator[str]:
    """Say whether this host is told to turn to the sender, or to an address without a name."""
    text = _PASSED_ON.sub("", scene.foreign)
    if re.search(rf"(?<![\w.]){re.escape(scene.target)}(?!\w|\.\d)", text):
        yield "names_itself" if scene.classes == {"ssrf"} and INSIDE.match(scene.target) else "calls_back"
    elif _COLLECTORS.search(text):
        yield "calls_collector"
    elif any(not _INNER.match(address) for address in _BARE_ADDRESS.findall(text)):
        yield "calls_bare_address"
    if "ssrf" in scene.classes and _INNER_SECRETS.search(text):
        yield "points_at_secrets"


def _dressed(scene: Scene, asked: list[Message]) -> Iterator[str]:
    raw = "\n".join(
        f"{request.raw.decode('latin1')}\n{request.decoded}"
        for request in asked
        if holds_syntax(request.decoded.lower())
    )
    fields = [match.field.lower() for match in scene.matches if match.where == "header"]
    if any(_QUIET_HEADER.match(field) and holds_syntax(field) for field in fields):
        yield "in_quiet_header"
    if _DISGUISED.search(raw.lower()) or _MIXED_CASE.search(raw):
        yield "disguised"
    if "xss" in scene.classes:
        yield from markup.considerations(scene, asked)
    if _tries_variants(asked):
        yield "tries_variants"
    dirty = [holds_syntax(request.decoded.lower()) for request in asked if request.is_http]
    if len(dirty) > 1 and all(dirty):
        yield "only_syntax"
    elif dirty and not any(dirty) and not scene.classes & _OPAQUE:
        yield "no_syntax"


def _tries_variants(asked: list[Message]) -> bool:
    """Return whether several forms of syntax were sent to one place, as those do who look for one that works."""
    by_path: dict[str, set[str]] = defaultdict(set)
    for request in asked:
        path, _, query = request.target.lower().partition("?")
        sent = f"{query}\n{request.body.lower()}"
        if holds_syntax(sent):
            by_path[path].add(sent)
    return any(len(forms) >= 2 for forms in by_path.values())


def _sender(scene: Scene, web: list[Message]) -> Iterator[str]:
    strange = not any(is_session(one) for one in web)
    if stranger_administers(scene):
        yield "stranger_administers"
    if strange and all(_SCRIPTED.search(one.headers.get("user-agent", "").lower()) for one in web):
        yield "bare_client"
    if all(is_session(one) for one in web) and scene.status and all(200 <= code < 400 for code in scene.status):
        yield "session_served"
    agents = [one.headers.get("user-agent", "").lower() for one in web]
    if strange and not any("referer" in one.headers for one in web):
        yield "came_unknown"
    if all(_PRODUCT.match(agent) and not _GENERAL.search(agent) for agent in agents):
        yield "product_calls"
    placed = [match for match in scene.matches if match.where]
    if placed and all(match.where == "body" and match.message.kind == "json" for match in placed):
        yield "in_json"
    carried = [flow for flow in scene.carriers if flow.five_tuple.src_ip == scene.target]
    if (
        any(sum(flow.bytes) > _MUCH or flow.last_seen - flow.first_seen > _LONG_S for flow in carried)
        and max(scene.status, default=500) < 400
    ):
        yield "much_passes"


def stranger_administers(scene: Scene) -> bool:
    """Return whether somebody who shows no credentials sets up accounts, roles or settings."""
    asked = [one for one in scene.requests if one.is_http and one.raw[:3] != b"GET" and not is_session(one)]
    told = (f"{one.target}\n{one.body}".lower() for one in asked)
    return bool(scene.classes & _SYSTEMS) and any(_ADMINISTERS.search(text) for text in told)


def _path(scene: Scene, web: list[Message]) -> Iterator[str]:
    paths = [one.target.lower() for one in web]
    if any(_IN_UPLOADS.search(path) for path in paths):
        yield "script_in_uploads"
    if any(_HOLES.search(path) for path in paths):
        yield "known_hole"
    in_line = [match for match in scene.matches if match.where == "line"]
    if (
        "file_inclusion" in scene.classes
        and in_line
        and len(in_line) == len(scene.matches)
        and all(_asks_for_asset(match.message) for match in in_line)
    ):
        yield "asks_for_asset"
    given = [name for one in web for name in _ADDRESS_GIVEN.findall(f"{one.target}\n{one.body}".lower())]
    hosts = {one.headers.get("host", "").partition(":")[0].lower() for one in web}
    inner = [path for one in web for path in _INNER_PATH.findall(f"{one.target}\n{one.body}".lower())]
    if inner and all(_HEALTH.search(path) for path in inner):
        yield "points_at_health"
    if given and all(is_same_site(name, host) for name in given for host in hosts):
        yield "own_site_address"


def _asks_for_asset(request: Message) -> bool:
    """Return whether all that is asked for is a picture, a font or a style, wherever the path leads."""
    path, _, query = request.target.lower().partition("?")
    return bool(_ASSET.search(path)) and not {"\0", ";"} & set(path) and not holds_syntax(query)
