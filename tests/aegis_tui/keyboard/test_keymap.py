"""Keys that a person chose: in force everywhere, and refused where they would do harm."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegis_tui.acting.appearing import Preferences
from aegis_tui.app import AegisApp
from aegis_tui.keyboard.keymap import Keymap, commands, face, key_name
from aegis_tui.keyboard.keys import DIALOG_COMMANDS
from aegis_tui.screens.decision import Decision
from engine.paths import ROOT
from tests.aegis_tui import scenario
from tests.aegis_tui.console import Clock, Host, LateClock, console, engine, settle
from tests.aegis_tui.screens.test_block_dialog import text

FILE = "/etc/aegis/config.toml"


def _remapped(fake: Host, clock: Clock | None = None, **keys: tuple[str, ...]) -> AegisApp:
    named = {name.replace("_", "-"): keys for name, keys in keys.items()}
    return AegisApp(fake, monotonic=clock or LateClock(), preferences=Preferences(keymap=Keymap(named)))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"blok": ("B",)}, "no command of this name; nearest: block"),
        ({"block": ("bee",)}, "'bee' is no key"),
        ({"block": ("",)}, "'' is no key"),
        ({"block": ("u",)}, "u is the key of undo already"),
        ({"screen-blocks": ("j",)}, "j is the key of down already"),
        ({"block": ("enter",)}, "enter is a key of that dialog"),
        ({"extend": ("space",)}, "space is a key of that dialog"),
        ({"quit": ("ctrl+c",)}, "is not free"),
        ({"block": ("hyper+x",)}, "'hyper+x' would do nothing, few terminals send hyper+"),
        ({"block": ("ctrl+super+f5",)}, "few terminals send super+"),
        ({"block": ("meta+b",)}, "few terminals send meta+"),
    ],
    ids=str,
)
def test_keys_that_do_not_fit_are_refused_with_their_file(keys: dict[str, tuple[str, ...]], words: str) -> None:
    with pytest.raises(ValueError, match="^" + FILE) as refused:
        Keymap(keys, FILE)
    assert f"[keys] {next(iter(keys))}: " in str(refused.value)
    assert words in str(refused.value)


def test_two_commands_may_change_their_keys() -> None:
    keymap = Keymap({"up": ("j",), "down": ("k",)})
    assert (keymap.faces("up"), keymap.faces("down")) == ("j", "k")


@pytest.mark.parametrize(
    "sign", ["/", "?", ":", ".", "b", "B", "é", "pgdn", "esc", "f5", "ctrl+b", "ctrl+/", "space", "alt+b", "shift+f5"]
)
def test_a_key_is_read_as_it_is_written(sign: str) -> None:
    written = face(key_name(sign))
    assert written == sign or key_name(written) == key_name(sign)


def test_the_shipped_keys_are_not_in_each_other_s_way() -> None:
    assert Keymap({"block": Keymap().keys("block")}).keys("block") == ("b",)  # all are checked once one was chosen


@pytest.mark.parametrize("view", ["overview", "incident", "blocks", "replay", "health"])
def test_one_key_is_one_command_in_every_view(view: str) -> None:
    keymap = Keymap()
    for key in {key for command in commands() for key in keymap.keys(command.name)}:
        acting = [keys for keys, command in keymap.for_app() if key in keys.split(",") and keymap.acts(command, view)]
        assert len(acting) <= 1


async def test_another_key_does_what_it_was_given_and_the_old_one_nothing() -> None:
    async with _remapped(engine(), freeze=("f7",)).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("space")
        await settle(pilot)
        assert "FROZEN" not in text(pilot)
        await pilot.press("f7")
        await settle(pilot)
        assert "FROZEN" in text(pilot)


async def test_panes_and_the_turning_of_panes_follow_other_keys() -> None:
    async with _remapped(engine(), down=("ctrl+n",), pane_next=("f6",)).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        table = pilot.app.screen.table()  # type: ignore[attr-defined]  # run_test gives the base class
        before = table.key
        await pilot.press("ctrl+n")
        assert table.key != before
        await pilot.press("tab")
        await settle(pilot)
        assert pilot.app.screen.table() is table  # type: ignore[attr-defined]  # as above
        await pilot.press("f6")
        await settle(pilot)
        assert pilot.app.screen.pane().id == "trace"  # type: ignore[attr-defined]  # as above


async def test_help_and_footer_show_the_keys_in_force() -> None:
    async with _remapped(engine(), block=("f9", "f10"), help=("f8",)).run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        footer = text(pilot).splitlines()[-1]
        assert "f9 f10 block" in footer
        assert "f8 help" in footer
        await pilot.press("f8")
        await settle(pilot)
        assert "f9 f10     review a proposal" in text(pilot)


def _texts(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield every text of the console's programs that is no docstring."""
    for file in sorted(folder.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        told = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in told:
                yield file, node.value


def test_no_text_names_a_screen_by_a_key_that_a_person_may_have_changed() -> None:
    literal = re.compile(r"\bscreens? [0-9]\b|\besc (?:clears|ends|on)\b")
    assert [found for found in _texts(ROOT / "aegis_tui") if literal.search(found[1])] == []


async def test_words_on_the_screen_name_the_keys_in_force() -> None:
    chosen = {"back": ("f12",), "screen_incident": ("f3",), "screen_overview": ("f2",), "suppress": ("f4",)}
    fake = engine(scenario.snapshot(incidents=(), alerts=(), proposals=()))
    app = _remapped(fake, Clock(), **chosen)
    async with app.run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        assert "r is about an incident: choose one on screen f2 or f3" in text(pilot)
    told = [words for _, words in app.keymap.help("overview")]
    assert "mark the row for b, u, f4, d and go to the next; f12 clears" in told


async def test_a_table_that_shows_nothing_names_the_key_that_clears_its_filter() -> None:
    async with _remapped(engine(), back=("f12",)).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"nosuchrow")
        await settle(pilot)
        assert "f12 clears the filter" in text(pilot)


async def test_a_key_that_two_commands_share_does_what_the_screen_is_about() -> None:
    fake = engine()
    async with console(fake).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        assert fake.commands() == [("save_report", "INC-00000042")]
        await pilot.press("3", "r")
        await settle(pilot)
    assert fake.commands() == [("save_report", "INC-00000042")]


RESERVED = {key for command in DIALOG_COMMANDS for key in command.keys.split(",")}


@pytest.mark.parametrize("key", ["b", "B", "f2", "ctrl+b", "y", "space", "enter", "tab", "right", "l"])
async def test_no_key_pressed_again_and_again_blocks(key: str) -> None:
    if key in RESERVED:
        with pytest.raises(ValueError, match="is a key of that dialog"):
            Keymap({"block": (key,)})
        return
    fake = engine()
    async with _remapped(fake, block=(key,), copy=("f5",)).run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        for _ in range(8):
            await pilot.press(key)
            await settle(pilot)
        assert isinstance(pilot.app.screen, Decision)
    assert not any(call[0] == "decide" for call in fake.asked)


async def test_the_first_keys_are_not_heard_under_another_key() -> None:
    fake = engine()
    keymap = Keymap({"block": ("f2",)})
    app = AegisApp(fake, monotonic=Clock(), preferences=Preferences(keymap=keymap))
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("f2")
        await settle(pilot)
        await pilot.press("tab", "tab", "tab", "tab", "enter", "escape")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Decision)
    assert not any(call[0] == "decide" for call in fake.asked)


def test_of_two_keys_on_one_row_each_tells_of_itself_alone() -> None:
    paired = {command.pair for command in commands() if command.pair}
    assert [command.name for command in commands() if command.name in paired and not command.row] == []
