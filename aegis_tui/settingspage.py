"""``python -m aegis_tui.settingspage > docs/settings.md``: the page of all settings, from the fields themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from aegis_tui.commands.settings import FLAGS
from engine.config import ENVIRONMENT, UNITS, Settings
from engine.meanings import meanings, span

HEAD = """# Settings

Made from the settings themselves: `python -m aegis_tui.settingspage > docs/settings.md`. A test compares.

Flags win over the environment, the environment over the file, the file over what is shipped. The file is
`/etc/aegis/config.toml` for root, `~/.config/aegis/config.toml` (`XDG_CONFIG_HOME`) for everybody else, or the one that
`--config FILE` names: [TOML](https://toml.io), one `name = value` a line, the table `[keys]` last. What does not fit is
refused at the start, with the file and the name. So is a file with a key or a URL of `notify` that others may read, and
as root one of somebody else's.

`aegis-tui config show` prints each setting, its value and where that comes from; `--explain` what it means, too. In the
console: `:settings`. A variable takes what the file would hold without quotes; lists have commas.

| setting | means | default | unit, range | variable | flag |
|---|---|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    return HEAD + "".join(f"{row}\n" for row in _rows())


def _rows() -> Iterator[str]:
    variables = {key: name for name, key in ENVIRONMENT.items()}
    for item in fields(Settings):
        key = item.name
        cells = (
            f"`{key}`",
            meanings()[key].replace("``", "`").replace("|", "\\|"),
            "`{}`" if key == "keys" else f"`{_as_toml(item.default)}`",
            ", ".join(filter(None, (UNITS.get(key, ""), span(key)))),
            _quoted(variables.get(key, "")),
            _quoted(FLAGS.get(key, "")),
        )
        yield f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


def _as_toml(value: Any) -> str:
    """Return a default as it would stand in the file; every list is empty."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[]"
    return f'"{value}"' if isinstance(value, str) else f"{value:.12g}"


def _quoted(name: str) -> str:
    return f"`{name}`" if name else ""


if __name__ == "__main__":
    print(page(), end="")
