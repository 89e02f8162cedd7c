"""A process of its own that hands one message to apprise, one URL after the other, and says what came of each.

So nothing of apprise is in the engine's memory, a server that does not answer holds nothing up, and one that answers
with garbage breaks nothing. The URLs come over a pipe: a command line can be read by every user.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus, urlsplit

from engine import paths
from engine.notify import Notice
from engine.text import escape

SEND_S = 60.0
"""Longest that one message may take, to all its receivers."""
REPLY_BYTES = 64 * 1024
COVERED = "[hidden]"
"""In the place of a part of a URL; dots would read as a sentence that is cut off."""

_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from engine.messenger import main; main()"
_HOSTED = frozenset(kind + s for kind in ("json", "xml", "form", "gotify", "mailto", "mqtt") for s in ("", "s"))
"""Kinds of URL whose host is one; in others a token stands in its place."""


_NO_RECEIVER = "apprise knows no such kind of URL, or a part of it is missing"


class Told(NamedTuple):
    """What came of telling one receiver."""

    arrived: bool
    why: str
    """Why it did not arrive, without a word of the URL."""


def named(number: int, url: str) -> str:
    """Return a receiver as it may be shown: its place in the list, its kind, and its host where that is no token."""
    kind = url.partition("://")[0].lower()
    try:
        found = urlsplit(url)
        host = found.hostname if kind in _HOSTED else None
    except ValueError:
        host = None
    return f"{number} ({escape(kind, limit=16)}{f' at {escape(host, limit=64)}' if host else ''})"


async def send(urls: Sequence[str], notice: Notice) -> tuple[Told, ...]:
    """Return what came of each URL; never raises for what a server does."""
    return await _ask(urls, notice)


async def check(urls: Sequence[str]) -> tuple[Told, ...]:
    """Return whether each URL is one that could be told, without telling anybody anything."""
    return await _ask(urls, ())


async def _ask(urls: Sequence[str], notice: Notice | tuple[()]) -> tuple[Told, ...]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", _PROGRAM, str(paths.ROOT),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={}, cwd="/", start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SEND_S):
            reply, _ = await child.communicate(json.dumps([list(urls), *notice]).encode())
    except TimeoutError:
        return (Told(False, f"no answer within {SEND_S:g} s"),) * len(urls)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return _understood(reply, len(urls))


def _understood(reply: bytes, wanted: int) -> tuple[Told, ...]:
    try:
        told = tuple(Told(arrived is True, str(why)[:300]) for arrived, why in json.loads(reply[:REPLY_BYTES]))
    except (ValueError, TypeError):
        told = ()
    return told if len(told) == wanted else (Told(False, "the process that sends it broke"),) * wanted


def main() -> None:
    """Send what standard input holds, or check the URLs where it holds nothing to send.

    What cannot be traced can give no credential away.
    """
    from engine.privileges import drop  # noqa: PLC0415 - in the child only

    with suppress(OSError):  # an engine as uid 0 without capabilities has none to give up
        drop({})
    urls, *notice = json.load(sys.stdin)
    told = [_tell(url, Notice(*notice)) if notice else _check(url) for url in urls]
    print(json.dumps(told))


def _tell(url: str, notice: Notice) -> Told:
    import apprise  # noqa: PLC0415 - a tenth of a second, and then its plugins

    heard = _Heard()
    asset = apprise.AppriseAsset(
        app_id="aegis-tui", app_desc="aegis-tui", app_url="", image_url_mask="", image_url_logo="",
        secure_logging=True, async_mode=False,
    )  # fmt: skip
    receiver = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if receiver is None:
        return Told(False, _NO_RECEIVER)
    weight = apprise.NotifyType.FAILURE if notice.grave else apprise.NotifyType.WARNING
    with heard:
        try:
            arrived = receiver.notify(
                body=notice.body, title=notice.title, notify_type=weight, body_format=apprise.NotifyFormat.TEXT
            )
        except Exception as error:  # a hundred kinds of receiver, each with errors of its own
            return Told(False, f"apprise broke: {type(error).__name__}")
    return Told(bool(arrived), "" if arrived else heard.why(url))


def _check(url: str) -> Told:
    import apprise  # noqa: PLC0415 - a tenth of a second, and then its plugins

    if apprise.Apprise.instantiate(url, suppress_exceptions=True) is None:
        return Told(False, _NO_RECEIVER)
    return Told(_has_port(url), "" if _has_port(url) else "its port is none: 1 to 65535")


def _has_port(url: str) -> bool:
    """Whether the port of a URL that has a host may be one; in others a token stands in its place."""
    if url.partition("://")[0].lower() not in _HOSTED:
        return True
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


class _Heard(logging.Handler):
    """Keeps what apprise says to its log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self._said.append(record.getMessage())

    def __enter__(self) -> None:
        logging.getLogger("apprise").addHandler(self)

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)

    def why(self, url: str) -> str:
        """Return the last line, in which every part of the URL that could be secret is covered."""
        said = self._said[-1] if self._said else "it was refused, or nothing answered"
        return escape(covered(said, url), limit=200)


def covered(said: str, url: str) -> str:
    """Return a text in which no part of a URL stands but its kind."""
    rest = url.partition("://")[2]
    pieces = re.split(r"[/?&=@:;,#]", rest)
    # A server repeats a credential as it was sent, which is not how it is written in a URL.
    told = [*pieces, *map(unquote, pieces), *map(unquote_plus, pieces), rest.replace("+", " ")]
    words = {word for text in told for word in (text, *re.split(r"[\W_]+", text))}
    for part in sorted(words, key=len, reverse=True):
        # A mark without letters, so that no shorter part is found in it.
        said = said.replace(part, "\0") if len(part) > 2 else said
    return said.replace("\0", COVERED)
