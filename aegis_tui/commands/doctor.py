"""``doctor``: every ability, whether it works here, and what to do where it does not."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import socket
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from aegis_tui.commands.check import Check, Health
from aegis_tui.commands.dataplane import examine_dataplane, release
from aegis_tui.commands.settings import check_keys, effective, wrong_receivers
from aegis_tui.commands.terminal import moment
from engine.config import ENVIRONMENT, Settings
from engine.messenger import named, send
from engine.notify import trial
from engine.reason import reason
from engine.text import escape

KERNEL = (5, 11)
"""The first with the coarse boot clock that the kernel program reads."""

XDP_MTU = 3498
"""Above it many drivers refuse native XDP: packet and headroom no longer fit one page."""


def run(arguments: argparse.Namespace) -> int:
    """Print a line for each ability; exit 1 when one is missing, or a message did not arrive."""
    settings = effective(arguments).settings
    checks = list(examine_receivers(settings) if arguments.notify else examine(settings))
    for check in checks:
        print(json.dumps(check._asdict()) if arguments.json else _line(check))
    return 1 if any(check.health in (Health.MISSING, Health.FAILED) for check in checks) else 0


def examine(settings: Settings) -> Iterator[Check]:
    """Yield one check after the other; none of them changes anything."""
    ifaces = settings.interface or tuple(_interfaces())
    yield from _survived("kernel", lambda: [_kernel()])
    yield from _survived("privileges", lambda: [_privileges()])
    yield from _survived("interface", lambda: [_interface(name, wanted=bool(settings.interface)) for name in ifaces])
    yield from _survived("dataplane", lambda: examine_dataplane(ifaces))
    yield from _survived("capture", lambda: [_capture()])
    yield from _survived("sqlite", lambda: [_sqlite()])
    yield _guarded("model", "the rules judge alone: check AEGIS_MODEL, or reinstall", lambda: _model(settings))
    yield _guarded("rules", "name a folder of valid rules, or reinstall", lambda: _rules(settings))
    yield _guarded("knowledge", "reinstall: the analyst works without citations until then", _knowledge)
    yield from _survived("llm", lambda: [_endpoint(settings)])
    yield from _survived("notify", lambda: [_notify(settings)])
    yield from _survived("keys", lambda: [_keys(settings)])
    yield from _survived("environment", lambda: [_environment()])


def _survived(ability: str, look: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """Yield what a look finds; where it breaks, say so and let the others go on."""
    try:
        yield from look()
    except Exception as error:  # whatever is wrong with this host is what doctor is there to say
        yield Check(ability, Health.DEGRADED, _why(error), "it could not be looked at: please report this line")


def _why(error: Exception) -> str:
    return reason(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}".removesuffix(": ")


def _line(check: Check) -> str:
    remedy = f"\n{'':21}-> {check.remedy}" if check.remedy else ""
    return f"{check.ability:11} {check.health:8} {escape(check.detail)}{remedy}"


def _kernel() -> Check:
    if sys.platform != "linux" or release() < KERNEL:
        needed = ".".join(map(str, KERNEL))
        return Check("kernel", Health.DEGRADED, platform.release(), f"blocking needs Linux {needed} or later")
    return Check("kernel", Health.OK, f"Linux {platform.release()}")


def _privileges() -> Check:
    if os.geteuid() != 0:
        detail = f"uid {os.geteuid()}: replay, demo and reports work; capture and blocking do not"
        return Check("privileges", Health.DEGRADED, detail, "sudo aegis-tui --iface NAME")
    from engine.privileges import plan_of  # noqa: PLC0415 - only root drops anything

    user, blocked = plan_of(os.environ)
    if blocked:
        detail = f"root; {user} cannot read {blocked}, so the engine keeps uid 0 without capabilities"
        return Check("privileges", Health.DEGRADED, detail, "sudo make install")
    return Check("privileges", Health.OK, f"root; the engine drops to {user}")


def _interfaces() -> list[str]:
    return [name for _, name in socket.if_nameindex()][:8]


def _interface(name: str, *, wanted: bool) -> Check:
    import psutil  # noqa: PLC0415 - only this check needs it

    found = psutil.net_if_stats().get(name)
    if found is None:
        return Check("interface", Health.MISSING, f"{name} does not exist", f"one of: {', '.join(_interfaces())}")
    device = Path("/sys/class/net") / name / "device" / "driver"
    driver = device.resolve().name if device.exists() else "virtual"
    speed = f"{found.speed} Mb/s" if found.speed else "speed unknown"
    detail = f"{name}: {'up' if found.isup else 'down'}, MTU {found.mtu}, {speed}, driver {driver}"
    if wanted and not found.isup:
        return Check("interface", Health.DEGRADED, f"{detail}; nothing is seen of it", f"ip link set {name} up")
    if found.mtu > XDP_MTU:
        return Check("interface", Health.DEGRADED, detail, "native XDP may refuse this MTU; generic XDP is used then")
    return Check("interface", Health.OK, f"{detail}")


def _keys(settings: Settings) -> Check:
    try:
        changed = check_keys(settings)
    except ValueError as error:
        return Check("keys", Health.DEGRADED, str(error), "mend [keys] in the settings: the console does not start")
    return Check("keys", Health.OK, f"{changed} changed in [keys]" if changed else "as shipped")


def _capture() -> Check:
    try:
        import cypcap  # noqa: PLC0415 - a check must not fail for want of it
    except ImportError as error:
        return Check("capture", Health.MISSING, str(error), "reinstall")
    return Check("capture", Health.OK, cypcap.lib_version())


def _sqlite() -> Check:
    if not hasattr(sqlite3.Connection, "enable_load_extension"):
        detail = f"SQLite {sqlite3.sqlite_version}; this Python cannot load extensions: vectors are scanned by numpy"
        return Check("sqlite", Health.DEGRADED, detail, "the answers are the same; a distribution's Python can")
    return Check("sqlite", Health.OK, f"SQLite {sqlite3.sqlite_version}, loads sqlite-vec")


def _guarded(ability: str, remedy: str, check: Callable[[], str]) -> Check:
    try:
        return Check(ability, Health.OK, check())
    except (OSError, ValueError, ImportError) as error:
        return Check(ability, Health.DEGRADED, reason(error), remedy)
    except Exception as error:  # a damaged file breaks its reader in ways of its own
        return Check(ability, Health.DEGRADED, _why(error), remedy)


def _model(settings: Settings) -> str:
    from engine.parts import load_model  # noqa: PLC0415 - heavy

    model = load_model(settings)
    return f"{model.name} {model.version}, threshold {model.threshold:.4g}"


def _rules(settings: Settings) -> str:
    from engine.parts import load_rules  # noqa: PLC0415 - heavy

    rules = load_rules(settings)
    return f"version {rules.version}"


def _knowledge() -> str:
    from engine.knowledge import Knowledge  # noqa: PLC0415 - heavy

    knowledge = Knowledge()
    found = knowledge.search("exploit public-facing application", 1)
    return f"ATT&CK by {knowledge.backend}, answers {found[0].id if found else 'nothing'}"


def _endpoint(settings: Settings) -> Check:
    if not (settings.openai_base_url or settings.openai_api_key):
        return Check("llm", Health.OK, "none configured: the playbook analyst investigates, nothing leaves this host")
    url = urlsplit(settings.openai_base_url or "https://api.openai.com/v1")
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        socket.create_connection((url.hostname or "", port), timeout=3).close()
    except OSError as error:
        remedy = "the playbook analyst investigates until it answers; check OPENAI_BASE_URL"
        return Check("llm", Health.DEGRADED, f"{url.hostname}:{port} does not answer: {reason(error)}", remedy)
    return Check("llm", Health.OK, f"{url.hostname}:{port} answers, model {settings.model_name or 'default'}")


def _notify(settings: Settings) -> Check:
    if not settings.notify:
        return Check("notify", Health.OK, "nobody is told: `notify` in the configuration is empty")
    if wrong := wrong_receivers(settings):
        return Check("notify", Health.DEGRADED, "; ".join(wrong), "mend `notify` in the configuration")
    told = ", ".join(named(number, url) for number, url in enumerate(settings.notify, 1))
    return Check("notify", Health.OK, f"{told}; a test message: aegis-tui doctor --notify")


def examine_receivers(settings: Settings) -> Iterator[Check]:
    """Send each receiver a test message, and yield what came of it.

    Raises:
        ValueError: there is none.
    """
    if not settings.notify:
        msg = 'nobody is to be told: notify = ["URL", ...] in the configuration names who is (docs/notifications.md)'
        raise ValueError(msg)
    notice = trial(socket.gethostname(), moment(time.time()))
    outcomes = asyncio.run(send(settings.notify, notice))
    for number, (url, outcome) in enumerate(zip(settings.notify, outcomes, strict=True), 1):
        words = f"{named(number, url)}: {'told' if outcome.arrived else outcome.why}"
        remedy = "" if outcome.arrived else "check the URL, and that this host may connect there"
        yield Check("notify", Health.OK if outcome.arrived else Health.FAILED, words, remedy)


def _environment() -> Check:
    names = [name for name in ENVIRONMENT if os.environ.get(name)]
    if os.environ.get("SUDO_UID") and not names:
        remedy = (
            "sudo --preserve-env=OPENAI_API_KEY,OPENAI_BASE_URL,MODEL_NAME ..., or put them in /etc/aegis/config.toml"
        )
        return Check("environment", Health.DEGRADED, "sudo strips variables, and none of ours is left", remedy)
    return Check("environment", Health.OK, f"set: {', '.join(names) or 'none'}")
