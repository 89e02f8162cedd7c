"""``config show``, and the settings every command starts from."""

from __future__ import annotations

import argparse
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

from aegis_tui.clock import show_utc
from engine import config
from engine.text import escape

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


def effective(arguments: argparse.Namespace) -> config.Effective:
    """Return the settings in force for a command.

    Raises:
        ValueError: a setting does not fit.
        OSError: the file that was named cannot be read.
    """
    flags = {key: getattr(arguments, flag, None) for flag, key in _FLAGS.items()}
    named = getattr(arguments, "config", None)
    return config.load(flags, os.environ, Path(named) if named else _default_file())


def choose_zone(arguments: argparse.Namespace) -> None:
    """Have times written in UTC if that is wanted; settings that are broken are told by who needs them."""
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
        ValueError: the keys of the console do not fit; the settings are printed by then.
    """
    found = effective(arguments)
    for key, value, origin in config.shown(found):
        print(f"{key:22} {escape(value) or '-':40} {escape(origin)}")
    check_keys(found.settings, found.origins.get("keys", ""))
    return 0


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
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "aegis" / "config.toml"
    file = config.SYSTEM_FILE if os.geteuid() == 0 else home
    return file if file.is_file() else None
