"""A console's own way to the guard survives the guard, and asks nothing twice."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from aegis_tui.attached.guardline import GuardLine
from aegis_tui.attached.usher import Usher
from engine.guard.client import GuardClient
from tests.aegis_tui.daemonside import SharedGuard, Ways


async def test_it_finds_the_guard_again_when_it_was_started_anew(tmp_path: Path) -> None:
    line = GuardLine(cast(Usher, Ways(tmp_path)))
    with pytest.raises(OSError, match="No such file"):
        await line.ask(lambda guard: guard.hello())
    for _ in range(2):
        guard = SharedGuard(tmp_path)
        assert (await line.ask(lambda client: client.hello())).may_approve
        guard.close()
        guard.path.unlink()
    line.close()


async def test_a_refusal_is_no_reason_to_connect_again_and_a_loss_asks_nothing_twice(tmp_path: Path) -> None:
    guard, asked = SharedGuard(tmp_path), list[GuardClient]()

    def lost(client: GuardClient) -> None:
        asked.append(client)
        raise ConnectionResetError

    line = GuardLine(cast(Usher, Ways(tmp_path)))
    with pytest.raises(PermissionError, match="is not blocked"):
        await line.ask(lambda client: asked.append(client) or client.remove("203.0.113.9"))  # type: ignore[func-returns-value]
    with pytest.raises(ConnectionResetError):
        await line.ask(lost)
    assert (len(asked), asked[0] is asked[1]) == (2, True)
    line.close()
    guard.close()
