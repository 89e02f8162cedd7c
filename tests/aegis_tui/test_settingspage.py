"""The page of settings is the settings."""

from __future__ import annotations

import tomllib
from dataclasses import fields

from aegis_tui.arguments.parser import build_parser
from aegis_tui.commands.settings import FLAGS
from aegis_tui.grammar import grammar
from aegis_tui.settingspage import page
from engine.config import ENVIRONMENT, Settings, load
from engine.paths import ROOT

PAGE = ROOT / "docs" / "settings.md"


def rows() -> list[list[str]]:
    return [[cell.strip() for cell in line.split(" |")] for line in page().splitlines() if line.startswith("| `")]


def test_the_committed_page_is_what_the_settings_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m aegis_tui.settingspage > docs/settings.md"


def test_every_setting_and_every_variable_and_flag_is_in_it() -> None:
    assert [row[0].strip("| `") for row in rows()] == [item.name for item in fields(Settings)]
    assert [name for name in (*ENVIRONMENT, *FLAGS.values()) if f"`{name}` |" not in page()] == []


def test_each_default_of_the_page_is_one_that_the_file_takes() -> None:
    for row in rows():
        name, default = row[0].strip("| `"), row[2].strip("`")
        value = tomllib.loads(f"value = {default}")["value"]
        assert getattr(load({name: value}, {}, None).settings, name) == getattr(Settings(), name)


def test_each_flag_of_the_page_is_one_of_the_parser() -> None:
    known = {flag for command in grammar(build_parser()).every() for one in command.flags for flag in one.flags}
    known |= {flag for one in grammar(build_parser()).arguments for flag in one.flags}
    assert set(FLAGS.values()) <= known
