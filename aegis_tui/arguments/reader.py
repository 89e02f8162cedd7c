"""An argument parser that answers a slip with the nearest word, and a command without an action with what it offers."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn


class Reader(argparse.ArgumentParser):
    """Reads one command; the parsers of the commands below it are made of the same class."""

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:  # type: ignore[override]
        """Read what this command knows; what it does not know is its own error, told with its own usage."""
        found, strange = super().parse_known_args(args, namespace)
        if strange:
            flags = [word for word in strange if word.startswith("-")]
            self.error(_no("option" if flags else "value", (flags or strange)[0], self._option_string_actions))
        if self._below() is not None and not hasattr(found, "run"):
            self._offer()
        return found, strange

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if not isinstance(action, argparse._SubParsersAction):
            super()._check_value(action, value)
        elif value not in action.choices:
            self.error(_no("command", str(value), action.choices))

    def error(self, message: str) -> NoReturn:
        """Say what is wrong; of a command with others below it the usage is long, and only where it stands is told."""
        if self._below() is None:
            super().error(message)
        self.exit(2, f"{self.prog}: {message}; `{self.prog} --help` lists all there are\n")

    def _offer(self) -> NoReturn:
        below = self._below()
        assert below is not None  # noqa: S101 - asked before
        offers = [f"  {one.dest:12} {one.help}\n" for one in below._choices_actions]
        self.exit(2, f"{self.prog}: say what to do\n{''.join(offers)}")

    def _below(self) -> argparse._SubParsersAction[Any] | None:
        return next((one for one in self._actions if isinstance(one, argparse._SubParsersAction)), None)


def _no(kind: str, word: str, known: Iterable[str]) -> str:
    """Return that there is no such word, and which are nearest."""
    import difflib  # noqa: PLC0415 - only after a slip

    near = difflib.get_close_matches(word.partition("=")[0], known, 3, 0.6)
    return f"no {kind} {word!r} here" + (f"; nearest: {', '.join(near)}" if near else "")
