"""The keys in force: the table of ``keys.py`` with what the person's ``[keys]`` puts in the place of defaults."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

from textual.keys import ASCII_KEY_NAMES, KEY_NAME_REPLACEMENTS, Keys

from aegis_tui.keyboard.keys import APP_COMMANDS, DIALOG_COMMANDS, PANE_COMMANDS, Command

OPEN_A_DIALOG = frozenset({"block", "extend"})
"""Commands that lead to the dialog before a block: none of the dialog's own keys may be theirs."""

FIXED = frozenset({"ctrl+q", "ctrl+c", "ctrl+z"})
"""Keys that the terminal or Textual takes before the console does."""

FACES = {
    "full_stop": ".", "comma": ",", "left_square_bracket": "[", "right_square_bracket": "]", "slash": "/",
    "question_mark": "?", "colon": ":", "escape": "esc", "pagedown": "pgdn", "pageup": "pgup", "up": "↑", "down": "↓",
    "left": "←", "right": "→", "less_than_sign": "<", "greater_than_sign": ">",
}  # fmt: skip
"""How a key is written where its name is no sign."""

FOOTER = {
    name: place
    for place, name in enumerate(
        ("open", "screen-overview", "block", "undo", "end-suppression", "extend", "keep", "refuse", "play", "filter",
         "pane-next")
    )
}  # fmt: skip
"""The most useful commands, which the footer of a small terminal names before all others."""

ALWAYS = ("command", "help", "quit")
"""What every footer names, at its end."""

_PLACE = re.compile(r"\{([a-z-]+)\}")
NAMED = frozenset(key.value for key in Keys)
MODIFIED = re.compile(r"(?:(?:ctrl|alt|shift)\+)+(?P<key>.+)")
UNSENT = re.compile(r"(?:\w+\+)*(?P<modifier>super|hyper|meta)\+.+")
"""Modifiers that the desktop takes, or that no keyboard has: a key that nobody can press has lost its command."""


class Keymap:
    """What each key does, checked once."""

    def __init__(self, remapped: Mapping[str, Sequence[str]] | None = None, origin: str = "") -> None:
        """Take command names to their keys; ``origin`` names the file in errors.

        Raises:
            ValueError: a name or a key is not known, a key does two things in one view, or would open a dialog that
                the same key answers.
        """
        self._origin = origin
        self._keys = {command.name: tuple(filter(None, command.keys.split(","))) for command in commands()}
        self._remapped = {name: self._normal(name, keys) for name, keys in (remapped or {}).items()}
        self._keys |= self._remapped
        if self._remapped:  # the shipped keys are checked by a test, not at each start
            self._refuse_dialog_keys()
            self._refuse_conflicts()

    def keys(self, name: str) -> tuple[str, ...]:
        """Return Textual's names of a command's keys."""
        return self._keys.get(name, ())

    def first(self, name: str) -> str:
        """Return the key to name in a sentence, or the word for the ``:`` line where there is none."""
        keys = self.keys(name)
        return face(keys[0]) if keys else f":{name}"

    def filled(self, words: str) -> str:
        """Return a command's words with the keys in force in their places."""
        return _PLACE.sub(lambda place: self.first(place[1]), words)

    def faces(self, name: str) -> str:
        """Return a command's keys as a person reads them."""
        return " ".join(face(key) for key in self.keys(name))

    def shown(self, command: Command) -> str:
        """Return the keys of a command and of those shown in its row, as the footer and the help write them."""
        row = [command, *(other for other in commands() if other.pair == command.name)]
        if not any(one.name in self._remapped for one in row):
            return command.shown
        return " ".join(face(key) for one in row for key in self.keys(one.name))

    def moved(self) -> dict[str, str]:
        """Return what panes and views bind otherwise, as Textual's keymap takes it."""
        own = {command.name for command in commands() if command.action}
        return {name: ",".join(keys) for name, keys in self._remapped.items() if name in own}

    def for_app(self) -> Iterator[tuple[str, Command]]:
        """Return keys, separated by commas, and command of what the application binds."""
        for command in APP_COMMANDS:
            if self.keys(command.name):
                yield ",".join(self.keys(command.name)), command

    def acts(self, command: Command, view: str) -> bool:
        """Return whether a key of the command is its own in a view: there another may have it."""
        rivals = [other for other in APP_COMMANDS if set(self.keys(other.name)) & set(self.keys(command.name))]
        serving = [other for other in rivals if serves(other, view)]
        return command is (serving or rivals or [command])[0]

    def hints(self, view: str) -> list[tuple[str, str]]:
        """Return key and label for a view's footer, the most useful first, without those that it never leaves out."""
        ordered = sorted(commands(), key=lambda command: FOOTER.get(command.name, len(FOOTER)))
        told = [
            command
            for command in ordered
            if command.label and command.name not in ("command", "quit") and serves(command, view)
        ]
        return [(self.shown(command), command.label) for command in told if self.shown(command)]

    def help(self, view: str) -> list[tuple[str, str]]:
        """Return keys and help of what does something in a view, each pair of keys once."""
        told = [command for command in commands() if not command.pair and serves(command, view)]
        return [
            (self.shown(command), self.filled(command.row or command.help)) for command in told if self.shown(command)
        ]

    def _normal(self, name: str, keys: Sequence[str]) -> tuple[str, ...]:
        if name not in self._keys:
            nearest = difflib.get_close_matches(name, self._keys, 1, 0.0)
            raise ValueError(f"{self._at(name)}: no command of this name; nearest: {nearest[0]}")
        return tuple(dict.fromkeys(self._key(name, key) for key in keys))

    def _key(self, name: str, key: str) -> str:
        if unsent := UNSENT.fullmatch(key):
            why = f"few terminals send {unsent['modifier']}+"
            raise ValueError(f"{self._at(name)}: {key!r} would do nothing, {why}; take ctrl+, alt+ or shift+")
        normal = key_name(key)
        if not normal or normal in FIXED:
            why = "is not free: the terminal takes it" if normal else "is no key"
            raise ValueError(f"{self._at(name)}: {key!r} {why}; a key is such as b, B, f5, space, ctrl+b or slash")
        return normal

    def _refuse_dialog_keys(self) -> None:
        reserved = {key for command in DIALOG_COMMANDS for key in command.keys.split(",")}
        for name in OPEN_A_DIALOG & self._remapped.keys():
            for key in self._remapped[name]:
                if key in reserved:
                    told = "the key that opens the dialog before a block must not answer it"
                    raise ValueError(f"{self._at(name)}: {face(key)} is a key of that dialog: {told}")

    def _refuse_conflicts(self) -> None:
        known = list(commands())
        for at, command in enumerate(known):
            for other in known[at + 1 :]:
                shared = set(self.keys(command.name)) & set(self.keys(other.name))
                if shared and _meet(command, other):
                    blamed = other.name if other.name in self._remapped else command.name
                    rival = command.name if blamed == other.name else other.name
                    raise ValueError(f"{self._at(blamed)}: {face(min(shared))} is the key of {rival} already")

    def _at(self, name: str) -> str:
        return f"{self._origin}: [keys] {name}" if self._origin else f"[keys] {name}"


def commands() -> tuple[Command, ...]:
    """Return what a person can remap and call by name."""
    return (*PANE_COMMANDS, *APP_COMMANDS)


def serves(command: Command, view: str) -> bool:
    """Return whether a command does something in a view."""
    return not command.views or view in command.views


def face(key: str) -> str:
    """Return a key as a person reads it."""
    if key in FACES or len(key) == 1:
        return FACES.get(key, key)
    for name, written in KEY_NAME_REPLACEMENTS.items():
        key = name if key == written else key
    try:
        sign = unicodedata.lookup(key.replace("_", " "))
    except KeyError:
        return key
    return sign if sign.isprintable() and not sign.isspace() else key


def key_name(key: str) -> str:
    """Return Textual's name of a key, from a sign such as ``/`` or a name such as ``pgdn``; empty for none."""
    by_face = {written: name for name, written in FACES.items()}
    if key in by_face:
        return by_face[key]
    if len(key) == 1:
        return _name_of_sign(key)
    modified = MODIFIED.fullmatch(key)
    if modified:
        inner = key_name(modified["key"])
        return key[: modified.start("key")] + inner if inner else ""
    return key if key in NAMED or _is_sign(key) else ""


def _name_of_sign(sign: str) -> str:
    if sign.isalnum():
        return sign
    if sign == " ":
        return "space"
    if not sign.isprintable():
        return ""
    name = unicodedata.name(sign, "").lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)


def _is_sign(name: str) -> bool:
    return name in KEY_NAME_REPLACEMENTS.values() or name in ASCII_KEY_NAMES.values() or len(face(name)) == 1


def _meet(one: Command, other: Command) -> bool:
    return not (one.views and other.views) or bool(one.views & other.views)


def named(name: str, among: Iterable[Command] | None = None) -> Command | None:
    """Return the command of a name, or the only one whose name begins so."""
    known = list(among or commands())
    exact = [command for command in known if command.name == name]
    begun = [command for command in known if command.name.startswith(name)]
    return exact[0] if exact else begun[0] if name and len(begun) == 1 else None


_kept = [Keymap()]


def use(keymap: Keymap) -> None:
    """Have every text that names a key name those of a keymap."""
    _kept[0] = keymap


def key_of(name: str) -> str:
    """Return the key to name in a sentence for a command, as the keymap in force has it."""
    return _kept[0].first(name)


def help_of(command: Command) -> str:
    """Return what a command does, with the keys in force in its words."""
    return _kept[0].filled(command.help)


def screen_of(*names: str) -> str:
    """Return the screens of these names as a sentence names them: by their keys, such as ``screen 1 or 2``."""
    return f"screen {' or '.join(key_of(f'screen-{name}') for name in names)}"


def keys_of(name: str) -> tuple[str, ...]:
    """Return Textual's names of a command's keys, as the keymap in force has them."""
    return _kept[0].keys(name)
