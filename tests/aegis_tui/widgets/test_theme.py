"""Every style of every theme can be read, and every terminal gets a theme it can show."""

from __future__ import annotations

import pytest
from rich.color import Color, ColorSystem
from rich.color_triplet import ColorTriplet
from rich.style import Style

from aegis_tui.widgets.theme import (
    ANSI,
    ANSI_VT,
    DARK,
    HIGH_CONTRAST,
    LIGHT,
    MONO,
    MONO_VT,
    THEMES,
    Theme,
    fitting,
    for_textual,
)

XTERM = (
    "000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5 7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff ffffff"
)
VGA = "000000 aa0000 00aa00 aa5500 0000aa aa00aa 00aaaa aaaaaa 555555 ff5555 55ff55 ffff55 5555ff ff55ff 55ffff ffffff"
FAINT = 2 / 3
"""What is left of faint text on xterm and VTE."""

Colours = tuple[ColorTriplet, ColorTriplet]


def _triplets(palette: str) -> list[ColorTriplet]:
    return [ColorTriplet(*bytes.fromhex(colour)) for colour in palette.split()]


def _luminance(colour: ColorTriplet) -> float:
    parts = [part / 255 for part in colour]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(colours: Colours) -> float:
    light, dark = sorted(map(_luminance, colours), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _on_palette(style: Style, palette: str, *, console: bool) -> Colours:
    """Return text and background on a dark terminal; on the Linux ``console`` bold is bright even reversed."""
    colours = _triplets(palette)
    fore = style.color.number if style.color and style.color.number is not None else 7
    back = style.bgcolor.number if style.bgcolor and style.bgcolor.number is not None else 0
    if style.reverse:
        fore, back = back, fore
        if console and style.bold:
            fore += 8
    elif style.bold and fore < 8:
        fore += 8
    text = colours[fore]
    if style.dim:
        text = ColorTriplet(
            *(round(part * FAINT + other * (1 - FAINT)) for part, other in zip(text, colours[back], strict=True))
        )
    return text, colours[back]


def _painted(style: Style, *, many: bool) -> Colours:
    assert style.color is not None
    assert style.bgcolor is not None
    both = (style.color, style.bgcolor)
    if many:
        text, ground = (colour.get_truecolor() for colour in both)
    else:
        text, ground = (_nearest(colour) for colour in both)
    return text, ground


def _nearest(colour: Color) -> ColorTriplet:
    number = colour.downgrade(ColorSystem.EIGHT_BIT).number
    assert number is not None
    return Color.from_ansi(number).get_truecolor()


def _looks(theme: Theme) -> list[tuple[str, Style]]:
    """Return every style alone and under the cursor."""
    under = [(f"{name} under the cursor", style + theme.styles["cursor"]) for name, style in theme.styles.items()]
    return [*theme.styles.items(), *under]


@pytest.mark.parametrize("many", [True, False], ids=["true colour", "256 colours"])
@pytest.mark.parametrize(
    ("theme", "least"), [(DARK, 4.5), (LIGHT, 4.5), (HIGH_CONTRAST, 7.0)], ids=["dark", "light", "high"]
)
def test_a_painted_style_stands_out_from_its_background(theme: Theme, least: float, many: bool) -> None:
    for name, style in _looks(theme):
        assert _contrast(_painted(style, many=many)) >= least, name


@pytest.mark.parametrize("theme", [ANSI, MONO], ids=["ansi", "mono"])
def test_a_style_stands_out_on_xterm(theme: Theme) -> None:
    for name, style in _looks(theme):
        assert _contrast(_on_palette(style, XTERM, console=False)) >= 4.5, name


@pytest.mark.parametrize("theme", [ANSI_VT, MONO_VT], ids=["ansi", "mono"])
def test_a_style_stands_out_on_the_linux_console(theme: Theme) -> None:
    for name, style in _looks(theme):
        assert _contrast(_on_palette(style, VGA, console=True)) >= 4.5, name


@pytest.mark.parametrize("theme", [*THEMES.values(), ANSI_VT, MONO_VT], ids=lambda theme: theme.name)
def test_every_theme_has_every_style(theme: Theme) -> None:
    assert theme.styles.keys() == ANSI.styles.keys()


@pytest.mark.parametrize("theme", [MONO, MONO_VT], ids=["mono", "mono on a bare terminal"])
def test_mono_names_no_colour(theme: Theme) -> None:
    assert not any(style.color or style.bgcolor for style in theme.styles.values())


def test_the_bare_terminals_get_the_eight_colours_without_bright_ones() -> None:
    colours = [colour for style in ANSI_VT.styles.values() for colour in (style.color, style.bgcolor) if colour]
    assert all(colour.number is not None and colour.number < 8 for colour in colours)


@pytest.mark.parametrize(
    ("wanted", "environ", "theme"),
    [
        ("auto", {"TERM": "xterm-256color"}, ANSI),
        ("auto", {"TERM": "xterm-256color", "COLORFGBG": "0;15"}, LIGHT),
        ("auto", {"TERM": "xterm-256color", "COLORFGBG": "15;0"}, ANSI),
        ("dark", {"TERM": "tmux-256color"}, DARK),
        ("light", {"TERM": "xterm", "COLORTERM": "truecolor"}, LIGHT),
        ("dark", {"TERM": "xterm"}, ANSI_VT),
        ("dark", {"TERM": "linux", "COLORTERM": "truecolor"}, ANSI_VT),
        ("auto", {"TERM": "screen"}, ANSI_VT),
        ("auto", {"TERM": "vt100"}, MONO_VT),
        ("dark", {"TERM": "xterm-256color", "NO_COLOR": "1"}, MONO),
        ("dark", {"TERM": "linux", "NO_COLOR": "1"}, MONO_VT),
        ("mono", {"TERM": "xterm-256color"}, MONO),
        ("auto", {}, ANSI_VT),
    ],
    ids=str,
)
def test_the_theme_fits_the_terminal(wanted: str, environ: dict[str, str], theme: Theme) -> None:
    assert fitting(wanted, environ) is theme


@pytest.mark.parametrize(
    ("theme", "colour"),
    [(MONO, "ansi_default"), (MONO_VT, "ansi_default"), (ANSI, "ansi_bright_red"), (DARK, "#ff8787")],
    ids=["mono", "mono-vt", "ansi", "dark"],
)
def test_a_filter_that_cannot_be_read_has_a_colour_only_where_there_are_colours(theme: Theme, colour: str) -> None:
    assert for_textual(theme).variables["wrong"] == colour
