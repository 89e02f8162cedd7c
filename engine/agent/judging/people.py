"""People: who logged in from the address, and what persons made of it before."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.agent.judging.payload import WEB
from engine.agent.judging.scene import Scene
from engine.types import Disposition, Login

DAY_S = 86_400.0
MANY = 20
_HARMLESS = (Disposition.BENIGN_POSITIVE, Disposition.FALSE_POSITIVE)
_CRAWLERS = re.compile(
    r"\.(?:googlebot\.com|google\.com|search\.msn\.com|applebot\.apple\.com|yandex\.(?:com|ru|net)|baidu\.com)$"
)
_PASSING = re.compile(
    r"(?:^|[.-])(?:dhcp|guest|dyn|dynamic|pool|vm\d*|hosting|cloud|vps|tor|exit|dialup|dsl|cable)(?:[.-]|\d|$)"
)
_LOGIN_CLASSES = frozenset(("brute_force", "weak_password", "lateral_movement"))


def considerations(scene: Scene) -> Iterator[str]:
    """Name what logins, names and earlier incidents say."""
    entries = [login for logins in scene.logins for login in logins.entries if login.ip == scene.target]
    if entries:
        yield from _logins(scene, entries)
    elif "brute_force" in scene.classes and scene.logins and scene.is_inbound and _speaks_ssh(scene):
        yield "no_login_tried"
    yield from _past(scene)
    if len(_vouchers(scene, entries)) >= 2:
        yield "vouched_for"
    if any(_CRAWLERS.search(name) for name in scene.names):
        yield "known_crawler"
    elif any(_PASSING.search(name) for name in scene.names):
        yield "passing_address"


def _speaks_ssh(scene: Scene) -> bool:
    return bool(scene.carriers) and all(flow.app == "ssh" for flow in scene.carriers)


def _vouchers(scene: Scene, entries: list[Login]) -> set[str]:
    """Return who speaks for the address beside itself: a person's earlier word, a user's login, a name."""
    past = [one for told in scene.past for one in told.entries]
    known = any(one.ok and one.last_at < scene.began - 1 for one in entries) and sum(not one.ok for one in entries) == 0
    harmless = any(one.disposition in _HARMLESS and one.event_class in scene.classes for one in past)
    guilty = any(one.disposition is Disposition.TRUE_POSITIVE and scene.began - one.opened_at < DAY_S for one in past)
    told = {"past": harmless and not guilty, "login": known, "name": bool(scene.names)}
    return {name for name, holds in told.items() if holds}


def _logins(scene: Scene, entries: list[Login]) -> Iterator[str]:
    good = [one for one in entries if one.ok]
    bad = [one for one in entries if not one.ok]
    failed, users = sum(one.count for one in bad), {one.user for one in bad}
    by_key = {one.user for one in good if one.method == "publickey"}
    got_in = {one.user for one in good}
    most_got_in = bad and len(users & got_in) * 2 > len(users) and failed <= 5 * len(users)
    if most_got_in and (len(users) > 1 or failed <= 2):
        yield "mistyped"
    elif _broke_in(good, bad):
        yield "broke_in"
    elif failed >= MANY and len(users) > 1 and len(got_in & users) * 3 <= len(users):
        yield "guesses_accounts"
    elif failed >= MANY and users <= by_key and len(users) == 1:
        yield "old_password"
    elif failed >= 3 and not good:
        yield "failed_logins"
    yield from _known(scene, good, failed)


def _broke_in(good: list[Login], bad: list[Login]) -> bool:
    """Return whether many failures ended in a password that fit."""
    for login in good:
        mine = sum(one.count for one in bad if one.user == login.user and one.first_at <= login.last_at)
        others = sum(one.count for one in bad if one.user != login.user and one.first_at <= login.last_at)
        if login.method != "publickey" and login.count <= 3 and (mine >= 6 or (mine + others >= 3 and others >= 3)):
            return True
        if login.method != "publickey" and login.count <= 3 and mine >= 3 and not others:
            return True
    return False


def _known(scene: Scene, good: list[Login], failed: int) -> Iterator[str]:
    before = [one for one in good if one.last_at < scene.began - 1.0]
    after = [one for one in good if one.first_at > scene.began + 5.0]
    if sum(one.count for one in before if one.first_at < scene.began - DAY_S) >= 10:
        yield "regular_user"
    elif any(one.method == "publickey" for one in before) and failed < MANY:
        yield "key_login_before"
    elif before and failed < 3 and all(scene.began - one.last_at > 120.0 for one in before):
        yield "login_before"
    if after and not before and scene.classes & WEB and not scene.classes & _LOGIN_CLASSES:
        yield "login_after_attack"
    if (
        any(one.method == "publickey" and not _key_is_fresh(scene, one) for one in good)
        and scene.classes & _LOGIN_CLASSES
        and failed < MANY
    ):
        yield "holds_key"


def _key_is_fresh(scene: Scene, login: Login) -> bool:
    """Return whether a list of keys was changed within the day before a login."""
    points = [point for one in scene.persistence for point in one.points if point.kind == "authorized_keys"]
    return any(0 <= login.last_at - point.modified_at < DAY_S for point in points)


def _past(scene: Scene) -> Iterator[str]:
    entries = [one for past in scene.past for one in past.entries]
    same = [one for one in entries if one.event_class in scene.classes and one.disposition in _HARMLESS]
    if len(same) >= 2:
        yield "called_harmless_often"
    elif same:
        yield "called_harmless"
    elif any(one.disposition in _HARMLESS for one in entries):
        yield "called_harmless_otherwise"
    guilty = [one for one in entries if one.disposition is Disposition.TRUE_POSITIVE]
    if any(one.event_class in scene.classes or scene.began - one.opened_at < DAY_S for one in guilty):
        yield (
            "called_hostile"
            if any(scene.began - one.opened_at < 30 * DAY_S for one in guilty)
            else "called_hostile_once"
        )
    recent = [one for one in entries if one.disposition is Disposition.UNDETERMINED]
    if any(scene.began - one.opened_at < DAY_S for one in recent):
        yield "open_question"
