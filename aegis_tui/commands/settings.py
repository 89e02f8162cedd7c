"""``config show``, and the settings every command starts from."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aegis_tui.clock import show_utc
from aegis_tui.commands.layout import hanging, terminal_width
from engine import config
from engine.text import escape

if TYPE_CHECKING:
    from aegis_tui.keyboard.keymap import Keymap

_FLAGS = {
    "iface": "interface",
    "promiscuous": "promiscuous",
    "no_dataplane": "no_dataplane",
    "model": "model",
    "threshold": "threshold",
    "rules": "rules",
    "local": "local",
    "utc": "utc",
}

FLAGS = {key: f"--{flag.replace('_', '-')}" for flag, key in _FLAGS.items()} | {
    "http_port": "--http-port",
    "mcp_port": "--mcp-port",
}
"""Setting to the flag that sets it, of the commands that have it."""


def effective(arguments: argparse.Namespace) -> config.Effective:
    """Return the settings in force for a command.

    Raises:
        ValueError: a setting does not fit, or the file is no settings file.
        OSError: the file cannot be read.
    """
    flags = {key: getattr(arguments, flag, None) for flag, key in _FLAGS.items()}
    named = getattr(arguments, "config", None)
    return config.load(flags, os.environ, Path(named) if named else _default_file())


def keymap(found: config.Effective) -> Keymap:
    """Return what each key does.

    Raises:
        ValueError: the keys do not fit; the text names the file and the key.
    """
    from aegis_tui.keyboard.keymap import Keymap  # noqa: PLC0415 - textual only where a console is

    return Keymap(dict(found.settings.keys), found.origins.get("keys", ""))


def choose_zone(arguments: argparse.Namespace) -> None:
    """Have times written in UTC if that is wanted; settings that are broken are told by who needs them.

    A command that works whatever the settings hold does not look at them.
    """
    if not arguments.reads_settings:
        show_utc(arguments.utc)
        return
    found = argparse.Namespace(utc=arguments.utc, config=getattr(arguments, "config", None))
    try:
        show_utc(arguments.utc or effective(found).settings.utc)
    except (ValueError, OSError):
        show_utc(arguments.utc)


def endpoint_addresses(settings: config.Settings) -> list[str]:
    """Return the addresses of the models' endpoints, which must never be blocked."""
    asked = [settings.openai_base_url or "https://api.openai.com/v1"]
    if not (settings.openai_base_url or settings.openai_api_key):
        asked = []
    asked += [settings.classifier_base_url] if settings.classifier_base_url else []
    return sorted({address for url in asked for address in _addresses(urlsplit(url).hostname or "")})


def _addresses(host: str) -> set[str]:
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(host, None)}
    except OSError:
        return set()


def show(arguments: argparse.Namespace) -> int:
    """Print each setting, its value and its origin.

    Raises:
        ValueError: the keys of the console or the URLs of ``notify`` do not fit; the settings are printed by then.
    """
    found = effective(arguments)
    for key, value, origin in config.shown(found):
        print(f"{key:22} {escape(value) or '-':40} {escape(origin)}")
        if arguments.explain:
            _explain(key)
    check_keys(found.settings, found.origins.get("keys", ""))
    if wrong := wrong_receivers(found.settings):
        raise ValueError(f"{found.origins['notify']}: notify: {'; '.join(wrong)}")
    return 0


def _explain(key: str) -> None:
    from engine.meanings import meanings, span  # noqa: PLC0415 - it reads the settings' source

    words = meanings()[key].replace("``", "`")
    for line in hanging("", f"{words} ({span(key)})" if span(key) else words, terminal_width(), 4):
        print(line)


def wrong_receivers(settings: config.Settings) -> list[str]:
    """Return the URLs of ``notify`` that nobody can be told by, each with why and without a credential.

    It starts apprise in a process of its own, and sends nothing.
    """
    if not settings.notify:
        return []
    from engine.messenger import check, named  # noqa: PLC0415 - only where somebody is to be told

    outcomes = asyncio.run(check(settings.notify))
    pairs = enumerate(zip(settings.notify, outcomes, strict=True), 1)
    return [f"{named(number, url)}: {found.why}" for number, (url, found) in pairs if not found.arrived]


def check_keys(settings: config.Settings, origin: str = "") -> int:
    """Return how many commands have other keys than the default ones.

    Raises:
        ValueError: the keys do not fit.
    """
    from aegis_tui.keyboard.keymap import Keymap  # noqa: PLC0415 - it loads Textual

    if settings.keys:
        Keymap(dict(settings.keys), origin)
    return len(settings.keys)


def _default_file() -> Path | None:
    """Return where settings lie; whatever lies there is theirs, so that what it would protect is never left out."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "aegis" / "config.toml"
    file = config.SYSTEM_FILE if os.geteuid() == 0 else home
    try:
        file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return file
