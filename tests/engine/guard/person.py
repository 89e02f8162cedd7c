"""A person at a terminal of their own: takes the terminal on stdin, asks the guard, prints the answer.

``python person.py SOCKET approve P-1 203.0.113.9`` or ``python person.py SOCKET resume``.
"""

from __future__ import annotations

import fcntl
import sys
import termios
from pathlib import Path

from engine.guard import client
from engine.types import Terms


def main() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    path, action, *details = sys.argv[1:]
    with client.connect(Path(path)) as guard:
        try:
            if action == "approve":
                token = guard.review(details[0]).token
                print(guard.approve(details[0], token, details[1]).state)
            elif action == "propose":
                print(guard.propose(Terms("", details[0], 60.0, (), ""), "asked for", handshake=False).terms.prefix)
            else:
                print(guard.resume())
        except client.GuardError as error:
            print(f"refused: {error}")


main()
