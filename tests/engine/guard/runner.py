"""A guard that dies at a chosen step, or counts otherwise: ``python -I runner.py SETTINGS OPTION…``.

What runs is the guard's own code; only in this process its functions are wrapped, or its constants changed.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any


def told(**settings: Any) -> str:
    """Return the settings as one argument.

    ``during`` and ``at`` name functions, ``module:Class.name``: from the first call of ``during`` on, the ``nth``
    call of ``at`` ends the process, before it or ``after`` it. Whatever else is named, ``module.NAME``, is a constant.
    """
    return json.dumps(settings)


def main() -> int:
    """Change what was asked for, and run the guard."""
    settings = json.loads(sys.argv.pop(1))
    for name in [name for name in settings if "." in name]:
        module, _, constant = name.partition(".")
        setattr(importlib.import_module(f"engine.guard.{module}"), constant, settings.pop(name))
    if settings:
        _die(**settings)
    from engine.guard.__main__ import main as guard

    return guard()


def _die(at: str, during: str, nth: int = 1, after: bool = False) -> None:
    armed, calls = False, 0

    def arm(call: Callable[[], Any]) -> Any:
        nonlocal armed
        armed = True
        return call()

    def end(call: Callable[[], Any]) -> Any:
        nonlocal calls
        calls += armed
        last = armed and calls == nth
        result = call() if after or not last else None
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    _wrap(at, end)
    _wrap(during, arm)


def _wrap(name: str, around: Callable[[Callable[[], Any]], Any]) -> None:
    module, _, path = name.partition(":")
    owner: Any = importlib.import_module(f"engine.guard.{module}")
    *parts, last = path.split(".")
    for part in parts:
        owner = getattr(owner, part)
    original = getattr(owner, last)

    @wraps(original)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        return around(lambda: original(*arguments, **named))

    setattr(owner, last, wrapped)


if __name__ == "__main__":
    sys.exit(main())
