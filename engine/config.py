"""Settings from flags, environment and file, and where each value came from.

Flags win over the environment, the environment over the file, the file over the defaults.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

from engine.plainfile import content_of, open_plain

Item = TypeVar("Item")

SYSTEM_FILE = Path("/etc/aegis/config.toml")
"""The default file when running as root."""
FILE_BYTES = 1 << 20
"""Most of a settings file."""
_SHOWN = 80
"""Most characters of a key or a value in an error."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an administrator can choose. A field's name is its key in the file."""

    interface: tuple[str, ...] = ()
    """Interfaces that the console and the daemon watch; ``serve`` takes its own from its flag only."""
    promiscuous: bool = False
    """Whether packets for other hosts are captured too, where the network brings any."""
    no_dataplane: bool = False
    """Watch only: attach nothing to the kernel, and block nothing."""
    model: str = ""
    """ONNX file; empty means the one that is shipped."""
    threshold: float = 0.0
    """Score from which the model raises a detection; 0 means the model card's."""
    dedup_window: float = 60.0
    """How long repeats of the same detection fold into one alert."""
    block_ttl: float = 3600.0
    """How long a proposed block lasts: less for a source without a handshake, more for one that was blocked before."""
    model_name: str = ""
    """The chat model that investigates; empty means the program's default."""
    openai_base_url: str = ""
    """Endpoint of the chat model, any that speaks OpenAI's protocol; without this and a key, playbooks investigate."""
    openai_api_key: str = ""
    """Its key; with a key and no ``openai_base_url``, OpenAI is asked."""
    classifier_model_name: str = ""
    """The chat model that refines the class of a reported event; empty means the one that investigates."""
    classifier_base_url: str = ""
    """Where it is; empty means ``openai_base_url``."""
    classifier_api_key: str = ""
    """Its key; empty means ``openai_api_key``, where both have the same address."""
    embedding_model_name: str = ""
    """A model of the endpoint that embeds user documents and queries; empty means the one that is shipped."""
    tokens_per_day: int = 500_000
    """What the endpoints may be sent and may answer in a day (UTC); 0 is no limit."""
    price_in: float = 0.0
    """What a million tokens sent cost, in any currency: Health adds it up; 0 is not told."""
    price_out: float = 0.0
    """What a million tokens answered cost, in the same currency."""
    investigations: int = 2
    """Incidents investigated at the same time."""
    prompts: str = ""
    """Folder of prompts that replace the shipped ones of the same name."""
    playbooks: str = ""
    """Folder of playbooks that replace the shipped ones of the same class."""
    tools: tuple[str, ...] = ()
    """Names of the user's own tools that the analyst may use: entry points, or files of the folder below."""
    tools_folder: str = ""
    """Folder of the user's own tools."""
    asn_database: str = ""
    """MaxMind DB file (mmdb) that tells the network of an address; empty means none."""
    http: bool = False
    """In the console and the daemon: open the HTTP door; ``serve`` opens it always."""
    http_port: int = 9999
    """TCP port of the HTTP door, on the loopback address."""
    mcp: bool = False
    """In the console and the daemon: open the MCP door; ``serve`` opens it always."""
    mcp_port: int = 8000
    """TCP port of the MCP door, on the loopback address."""
    max_flows: int = 65536
    """Flows followed at a time, of each interface; when there are more, the oldest of one packet goes first."""
    flows_shown: int = 10_000
    """Flows that the console of a capture shows, the latest: up to 2 kB of memory each."""
    rules: str = ""
    """Folder of signature rules; empty means those that are shipped."""
    local: tuple[str, ...] = ()
    """Addresses that count as this host when a capture is replayed."""
    trusted_proxies: tuple[str, ...] = ()
    """Prefixes (CIDR) of proxies, CDNs and NATs that stand for many sources: a block that touches one is typed."""
    management_ports: tuple[int, ...] = ()
    """TCP ports over which this host is managed beside SSH: a block that touches a connection to one reverts by
    itself unless it is kept."""
    keep_days: int = 90
    """How long after its last alert, step, decision or note an incident is kept, with its report; 0 is for ever."""
    keep_flows_days: int = 14
    """How long a flow that ended is kept; 0 is for ever."""
    disk_budget_mb: int = 4096
    """What database and reports may take up before the oldest is removed; 0 is no limit."""
    notify: tuple[str, ...] = field(default=(), repr=False)
    """Whom to tell of incidents, as apprise URLs: most of them hold a credential."""
    notify_from: str = "high"
    """The least severity of an incident that is told: info, low, medium, high or critical."""
    notify_when: str = "always"
    """``always``, or ``unattended``: only while no console is open."""
    notify_every_s: float = 600.0
    """The time to one message, over six of them: at most six in six times as long; 0 is no limit."""
    log_level: str = "info"
    """The least that is written to the log: debug, info, warning or error."""
    captures: str = ""
    """Folder of captures that the library of the console offers for replay."""
    theme: str = "auto"
    """Colours of the console: auto, dark, light, high-contrast, ansi or mono; ``auto`` goes by NO_COLOR, TERM and
    COLORFGBG. ``:theme`` changes them until the console is closed."""
    density: str = "auto"
    """Panes of the console: ``compact`` shows one at a time, ``wide`` side by side, ``auto`` goes by the size."""
    clipboard: bool = False
    """Whether ``y`` in the console may write to the terminal's clipboard (OSC 52)."""
    utc: bool = False
    """Whether times are shown in UTC instead of local time."""
    keys: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Keys of the console in the place of the default ones: command name and keys, from the table ``[keys]``."""


@dataclass(frozen=True, slots=True)
class Effective:
    """The settings in force and the origin of each."""

    settings: Settings
    origins: Mapping[str, str] = field(default_factory=dict)
    """Field name to ``flag``, ``environment AEGIS_...``, the file's path, or ``default``."""


ENVIRONMENT = {
    "AEGIS_INTERFACE": "interface",
    "AEGIS_MCP_PORT": "mcp_port",
    "AEGIS_MODEL": "model",
    "AEGIS_THRESHOLD": "threshold",
    "AEGIS_DEDUP_WINDOW": "dedup_window",
    "AEGIS_NO_DATAPLANE": "no_dataplane",
    "MODEL_NAME": "model_name",
    "OPENAI_API_KEY": "openai_api_key",
    "OPENAI_BASE_URL": "openai_base_url",
    "EMBEDDING_MODEL_NAME": "embedding_model_name",
}
"""Environment variables and the field each one sets."""

SECRET = frozenset({"openai_api_key", "classifier_api_key", "notify"})
"""Fields whose value is never shown."""

LIMITS: dict[str, tuple[float, float]] = {
    "threshold": (0.0, 1.0),
    "dedup_window": (0.0, 86400.0),
    "block_ttl": (60.0, 604800.0),
    "mcp_port": (1, 65535),
    "http_port": (1, 65535),
    "tokens_per_day": (0, 10_000_000_000),
    "price_in": (0.0, 1e6),
    "price_out": (0.0, 1e6),
    "investigations": (1, 2),
    "max_flows": (64, 4_000_000),
    "flows_shown": (100, 100_000),
    "keep_days": (0, 36_500),
    "keep_flows_days": (0, 36_500),
    "disk_budget_mb": (0, 100_000_000),
    "notify_every_s": (0.0, 86400.0),
}
"""The least and the most of a number."""

UNITS = {
    "dedup_window": "seconds",
    "block_ttl": "seconds",
    "tokens_per_day": "tokens",
    "price_in": "a million tokens",
    "price_out": "a million tokens",
    "investigations": "incidents",
    "max_flows": "flows",
    "flows_shown": "flows",
    "keep_days": "days",
    "keep_flows_days": "days",
    "disk_budget_mb": "megabytes",
    "notify_every_s": "seconds",
}
"""What a number counts; those that are not here have no unit."""


def load(flags: Mapping[str, Any], environ: Mapping[str, str], file: Path | None) -> Effective:
    """Return the settings in force.

    Raises:
        ValueError: a key is unknown or a value does not fit; the text names the origin and the key.
        PermissionError: a file that steers the program is another user's, or others may write to it.
        OSError: the file cannot be read.
    """
    settings = Settings()
    origins = {item.name: "default" for item in fields(Settings)}
    for origin, key, value in [*_from_file(file, environ), *_from_environment(environ), *_from_flags(flags)]:
        settings = replace(settings, **{key: _fit(origin, key, value)})
        origins[key] = origin
    for path in _steering(settings):
        _refuse_foreign(path, path.stat(), environ)
    return Effective(settings, origins)


def _steering(settings: Settings) -> list[Path]:
    """Return the files and folders that were named and what lies in these, where they exist."""
    named = (settings.model, settings.asn_database, settings.rules, settings.prompts, settings.playbooks)
    found: list[Path] = []
    for path in [Path(name) for name in (*named, settings.tools_folder) if name]:
        found += [path, *sorted(path.iterdir())] if path.is_dir() else [path] if path.exists() else []
    return found


def _refuse_foreign(path: Path, found: os.stat_result, environ: Mapping[str, str]) -> None:
    """Have root obey nobody but itself and the user who called sudo."""
    if os.geteuid() != 0:
        return
    if found.st_uid not in (0, _caller(environ)):
        msg = f"refusing {path}: it belongs to uid {found.st_uid}, neither to root nor to who called sudo"
        raise PermissionError(msg)
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        msg = f"refusing {path}: others may write to it (mode {stat.S_IMODE(found.st_mode):04o}): chmod go-w"
        raise PermissionError(msg)


def _caller(environ: Mapping[str, str]) -> int:
    uid = environ.get("SUDO_UID", "")
    return int(uid) if uid.isascii() and uid.isdecimal() else 0


def _refuse_open_secrets(file: Path, found: os.stat_result, table: Mapping[str, Any]) -> None:
    if SECRET & table.keys() and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = f"{stat.S_IMODE(found.st_mode):04o}"
        msg = f"refusing {file}: it holds a key and others may read it (mode {mode}): chmod 600"
        raise PermissionError(msg)


def _from_file(file: Path | None, environ: Mapping[str, str]) -> list[tuple[str, str, Any]]:
    if file is None:
        return []
    with open_plain(file) as opened:
        found = os.fstat(opened.fileno())
        _refuse_foreign(file, found, environ)
        table = _parsed(file, content_of(opened, file, FILE_BYTES))
    known = {item.name for item in fields(Settings)}
    for key in table:
        if key not in known:
            near = _nearest(key[:_SHOWN], known)
            msg = f"{file}: unknown key {_told(key)}{near}; `aegis-tui config show` lists them all"
            raise ValueError(msg)
    _refuse_open_secrets(file, found, table)
    return [(str(file), key, value) for key, value in table.items()]


def _parsed(file: Path, content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except (RecursionError, MemoryError):
        msg = f"{file}: not read: lists or tables lie too deep in one another"
        raise ValueError(msg) from None
    except ValueError as error:  # of the text, or a number of more digits than Python reads
        msg = f"{file}: not TOML: {error}"
        raise ValueError(msg) from error


def _nearest(key: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415 - only after a slip

    near = difflib.get_close_matches(key, sorted(known), 2, 0.6)
    return f"; nearest: {', '.join(near)}" if near else ""


def _from_environment(environ: Mapping[str, str]) -> list[tuple[str, str, Any]]:
    return [(f"environment {name}", key, environ[name]) for name, key in ENVIRONMENT.items() if environ.get(name)]


def _from_flags(flags: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    return [("flag", key, value) for key, value in flags.items() if value not in (None, (), [], False, "")]


def _fit(origin: str, key: str, value: Any) -> Any:
    try:
        fitted = _PARSERS.get(key, _CASTS[type(getattr(Settings(), key))])(value)
    except (TypeError, ValueError) as error:
        told = "its value is secret" if key in SECRET else _told(value)
        msg = f"{origin}: {key} does not fit: {told} ({error})"
        raise ValueError(msg) from error
    low, high = LIMITS.get(key, (float("-inf"), float("inf")))
    if isinstance(fitted, int | float) and not low <= fitted <= high:
        msg = f"{origin}: {key} must be from {low:g} to {high:g}, not {fitted:g}"
        raise ValueError(msg)
    return fitted


def _told(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python writes no number of thousands of digits
        return "a value too long to show"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _as_tuple(value: Any) -> tuple[str, ...]:
    if not isinstance(value, str | list | tuple):
        msg = "a list expected"
        raise ValueError(msg)
    items = value.split(",") if isinstance(value, str) else value
    return tuple(_as_text(item).strip() for item in items if _as_text(item).strip())


def _as_text(value: Any) -> str:
    if not isinstance(value, str):
        msg = "text expected"
        raise ValueError(msg)
    return value


def _as_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if str(value).lower() not in words:
        msg = "true or false expected"
        raise ValueError(msg)
    return words[str(value).lower()]


def _as_float(value: Any) -> float:
    try:
        return float("" if isinstance(value, bool) else value)
    except (TypeError, ValueError, OverflowError):
        msg = "a number expected"
        raise ValueError(msg) from None


def _as_int(value: Any) -> int:
    number = _as_float(value)
    if not number.is_integer():
        msg = "whole number expected"
        raise ValueError(msg)
    return int(number)


_CASTS: dict[type, Callable[[Any], Any]] = {
    tuple: _as_tuple,
    bool: _as_bool,
    str: _as_text,
    float: _as_float,
    int: _as_int,
}


def _as_prefixes(value: Any) -> tuple[str, ...]:
    return _few(tuple(dict.fromkeys(str(ip_network(prefix)) for prefix in _as_tuple(value))), 1024)


def _as_ports(value: Any) -> tuple[int, ...]:
    items = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
    ports = tuple(dict.fromkeys(_as_int(item) for item in items))
    for port in ports:
        if not 1 <= port <= 65535:
            msg = f"{port} is no port"
            raise ValueError(msg)
    return _few(ports, 16)


def _few(items: tuple[Item, ...], most: int) -> tuple[Item, ...]:
    if len(items) > most:
        msg = f"at most {most}"
        raise ValueError(msg)
    return items


def _as_urls(value: Any) -> tuple[str, ...]:
    """Return apprise URLs; one may hold a comma, and no word of it is repeated in an error."""
    urls = tuple(_as_text(one).strip() for one in (value if isinstance(value, list | tuple) else [value]))
    if not all(_URL.match(url) for url in urls):
        msg = "a list of URLs expected, such as mailtos://user:password@example.org"
        raise ValueError(msg)
    return _few(urls, 16)


def _as_keys(value: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(value, Mapping):
        msg = 'a table expected, such as [keys] with block = "B"'
        raise ValueError(msg)
    return tuple((name, (keys,) if isinstance(keys, str) else _as_tuple(keys)) for name, keys in value.items())


def _one_of(*words: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in words:
            msg = f"one of {', '.join(words)} expected"
            raise ValueError(msg)
        return str(value)

    return parse


_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\x00-\x1f]+\Z")

THEMES = ("auto", "dark", "light", "high-contrast", "ansi", "mono")
DENSITIES = ("auto", "compact", "wide")

_PARSERS: dict[str, Callable[[Any], Any]] = {
    "trusted_proxies": _as_prefixes,
    "management_ports": _as_ports,
    "theme": _one_of(*THEMES),
    "density": _one_of(*DENSITIES),
    "keys": _as_keys,
    "notify": _as_urls,
    "notify_from": _one_of("info", "low", "medium", "high", "critical"),
    "notify_when": _one_of("always", "unattended"),
    "log_level": _one_of("debug", "info", "warning", "error"),
}
"""For the keys whose type does not say enough."""


def shown(effective: Effective) -> list[tuple[str, str, str]]:
    """Return ``(key, value, origin)`` for each setting, secrets hidden."""
    rows = []
    for item in fields(Settings):
        value = getattr(effective.settings, item.name)
        text = "(set)" if item.name in SECRET and value else worded(item.name, value)
        rows.append((item.name, text, effective.origins[item.name]))
    return rows


def worded(key: str, value: Any) -> str:
    """Return a value as a person reads it: numbers with their unit, and the words of the file; empty where it is."""
    if isinstance(value, tuple):
        return ", ".join(map(_item, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    return f"{text} {UNITS[key]}" if key in UNITS else text


def _item(value: Any) -> str:
    name, keys = value if isinstance(value, tuple) else (str(value), ())
    return f"{name}={' '.join(keys)}" if keys else str(name)
