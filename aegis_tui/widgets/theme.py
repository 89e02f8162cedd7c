"""Colours: what each style name looks like in each theme, and which theme fits the terminal.

Nothing else in the console names a colour. Styles say what something means; a word or a sign always says it as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual.theme import BUILTIN_THEMES
from textual.theme import Theme as TextualTheme


class Theme(NamedTuple):
    """The looks of one theme."""

    name: str
    styles: Mapping[str, Style]
    foreground: str = ""
    """Of text without a style, as ``#rrggbb``; empty leaves it to the terminal."""
    background: str = ""

    @property
    def own_colours(self) -> bool:
        """Whether it paints its own background: what the terminal's palette is does not matter then."""
        return bool(self.background)


def _painted(name: str, fore: str, back: str, styles: Mapping[str, Style]) -> Theme:
    base = Style(color=fore, bgcolor=back)
    return Theme(name, {style: base + look for style, look in {"": Style(), **styles}.items()}, fore, back)


def _over(fore: str, back: str, *, bold: bool | None = None) -> Style:
    return Style(color=fore, bgcolor=back, bold=bold)


# Members of the 256-colour palette, so that they are nearly the same where there is no true colour.
DARK = _painted(
    "dark",
    "#d0d0d0",
    "#121212",
    {
        "dim": Style(color="#949494"),
        "bold": Style(color="#ffffff", bold=True),
        "good": Style(color="#5fd787"),
        "warn": Style(color="#ffd75f"),
        "danger": Style(color="#ff8787", bold=True),
        "critical": _over("#ffffff", "#af0000", bold=True),
        "hit": _over("#121212", "#ffd75f", bold=True),
        "cursor": _over("#ffffff", "#005f87"),
    },
)
LIGHT = _painted(
    "light",
    "#262626",
    "#ffffff",
    {
        "dim": Style(color="#626262"),
        "bold": Style(color="#000000", bold=True),
        "good": Style(color="#005f00"),
        "warn": Style(color="#875f00"),
        "danger": Style(color="#af0000", bold=True),
        "critical": _over("#ffffff", "#af0000", bold=True),
        "hit": _over("#000000", "#ffd75f", bold=True),
        "cursor": _over("#ffffff", "#005f87"),
    },
)
HIGH_CONTRAST = _painted(
    "high-contrast",
    "#ffffff",
    "#000000",
    {
        "dim": Style(color="#d0d0d0"),
        "bold": Style(bold=True),
        "good": Style(color="#5fff5f"),
        "warn": Style(color="#ffff00"),
        "danger": Style(color="#ffafaf", bold=True),
        "critical": _over("#000000", "#ffafaf", bold=True),
        "hit": _over("#000000", "#ffff00", bold=True),
        "cursor": _over("#000000", "#ffffff"),
    },
)
ANSI = Theme(
    "ansi",
    {
        "": Style(),
        "dim": Style(dim=True),
        "bold": Style(bold=True),
        "good": Style(color="green"),
        "warn": Style(color="yellow"),
        "danger": Style(color="bright_red", bold=True),
        "critical": Style(color="bright_white", bgcolor="red", bold=True),
        "hit": Style(bold=True, reverse=True),
        "cursor": Style(reverse=True),
    },
)
"""The terminal's own colours; bright ones stand out on every common palette."""
ANSI_VT = Theme(
    "ansi",
    {
        "": Style(),
        "dim": Style(),
        "bold": Style(bold=True),
        "good": Style(color="green"),
        "warn": Style(color="yellow", bold=True),
        "danger": Style(color="red", bold=True),
        "critical": Style(color="white", bgcolor="red", bold=True),
        "hit": Style(color="black", bgcolor="white", bold=False),
        "cursor": Style(color="black", bgcolor="white", bold=False),
    },
)
"""For the Linux console and its like: bold is their only bright, faint is too dark to read, bold and reversed is grey
on grey, and plain yellow is brown."""
MONO = Theme(
    "mono",
    {
        "": Style(),
        "dim": Style(dim=True),
        "bold": Style(bold=True),
        "good": Style(),
        "warn": Style(bold=True),
        "danger": Style(bold=True, underline=True),
        "critical": Style(bold=True, reverse=True),
        "hit": Style(bold=True, reverse=True),
        "cursor": Style(reverse=True),
    },
)
MONO_VT = Theme(
    "mono",
    {
        **MONO.styles,
        "dim": Style(),
        "critical": Style(reverse=True),
        "hit": Style(reverse=True),
        "cursor": Style(reverse=True, bold=False),
    },
)

THEMES = {theme.name: theme for theme in (DARK, LIGHT, HIGH_CONTRAST, ANSI, MONO)}
NAMES = tuple(THEMES)

BARE = ("linux", "vt", "ansi", "cons", "dumb", "screen.linux", "tmux.linux")
"""Beginnings of TERM of terminals on which faint text cannot be read."""
COLOURLESS = ("vt", "dumb")
MANY_COLOURS = ("256color", "direct", "kitty", "ghostty", "alacritty", "foot", "wezterm")
LIGHT_BACKGROUNDS = ("7", "15")
"""What COLORFGBG ends in where the terminal is light."""


def fitting(wanted: str, environ: Mapping[str, str]) -> Theme:
    """Return the theme that was asked for, or the nearest that the terminal can show."""
    term = environ.get("TERM", "")
    bare = term.startswith(BARE)
    if environ.get("NO_COLOR") or term.startswith(COLOURLESS) or wanted == "mono":
        return MONO_VT if bare else MONO
    if _has_many(term, environ):
        is_light = environ.get("COLORFGBG", "").rpartition(";")[2] in LIGHT_BACKGROUNDS
        return THEMES.get(wanted, LIGHT if is_light else ANSI)
    return ANSI_VT


def _has_many(term: str, environ: Mapping[str, str]) -> bool:
    if term.startswith(BARE):
        return False
    return any(word in term for word in MANY_COLOURS) or environ.get("COLORTERM", "") in ("truecolor", "24bit")


class _InForce:
    theme = ANSI


def use(theme: Theme) -> None:
    """Draw with this theme from now on; a process has one terminal."""
    _InForce.theme = theme


def in_force() -> Theme:
    """Return the theme that is drawn with."""
    return _InForce.theme


def for_textual(theme: Theme) -> TextualTheme:
    """Return the theme as Textual knows it: for fields, frames and what no line covers."""
    fore, back = theme.foreground or "ansi_default", theme.background or "ansi_default"
    cursor = {"background": fore, "foreground": back} if theme.own_colours else CURSOR
    stock = {name: colour.replace("bright_", "") for name, colour in BUILTIN_THEMES["ansi-dark"].variables.items()}
    own = {name: fore if colour.startswith("ansi_") else colour for name, colour in stock.items()}
    faint = theme.styles["dim"].color
    names = {
        **({"text-disabled": faint.name} if faint else {}),
        **(own if theme.own_colours else stock),
        "wrong": _wrong(theme),
        "input-cursor-background": cursor["background"],
        "input-cursor-foreground": cursor["foreground"],
        "input-selection-background": cursor["background"],
        "input-selection-foreground": cursor["foreground"],
    }
    return TextualTheme(
        name=f"aegis-{theme.name}", primary=fore, secondary=fore, warning=fore, error=fore, success=fore, accent=fore,
        foreground=fore, background=back, surface=back, panel=back, boost=back, ansi=not theme.own_colours,
        dark=theme is not LIGHT, variables=names,
    )  # fmt: skip


def _wrong(theme: Theme) -> str:
    """Return the colour of what is typed and cannot be read, as Textual names it."""
    colour = theme.styles["danger"].color
    if colour is None:
        return "ansi_default"
    return colour.name if theme.own_colours else f"ansi_{colour.name}"


CURSOR = {"background": "ansi_white", "foreground": "ansi_black"}


def palette(theme: Theme) -> TerminalTheme:
    """Return what the terminal's default colours stand for in a theme with its own."""
    fore, back = (_rgb(colour) for colour in (theme.foreground, theme.background))
    return TerminalTheme(back, fore, [fore] * 8, [fore] * 8)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
