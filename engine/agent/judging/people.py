"""People: who logged in from the address, and what persons made of it before."""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.agent.judging.payload import WEB
from engine.agent.judging.scene import Scene
from engine.types import Disposition, Login

DAY_S = 86_400.0
MONTH_S = 31 * DAY_S
MANY = 20
_HARMLESS = (Disposition.BENIGN_POSITIVE, Disposition.FALSE_POSITIVE)
_CRAWLERS = re.compile(
    r"\.(?:googlebot\.com|google\.com|search\.msn\.com|applebot\.apple\.com|yandex\.(?:com|ru|net)|baidu\.com)$"
)
_PASSING = re.compile(
    r"(?:^|[.-])(?:dhcp|guest|dyn|dynamic|pool|v(?:m|ps|mi|ds|server)\d*|hosting|cloud|tor|exit|relay|proxy|dialup|a?dsl|cable|mobile|residential"
    r"|broadband|dedi(?:cated)?|colo)(?:[.-]|\d|$)|(?:bulk|cheap|rent\w*|privacy|anon|bullet\w*|storage-|offshore)\w*(?:node|host|vm|vps|proxy|\.)|-vps\b"
    r"|(?:host|srv|server|static|ip|node|s)-?\d+\.[\w-]*(?:host|node|vps|cloud|vm|net|isp|dc)|^\d+-\d+-\d+-\d+\."
)
_STATION = re.compile(
    r"^(?:[\w-]*-)?(?:pc|ws|nb|lt|laptop|desktop|desk|client|guest|wifi|wlan|vpn|byod|kiosk|reception\w*|showroom|lab|sandbox|printer|mfp|cam|tv|phone|student|visitor)\d*(?:[.-]|$)"
)
"""Machines of persons, which whoever sits there uses."""
_HOP_CLASSES = frozenset(
    ("brute_force", "weak_password", "lateral_movement", "privilege_escalation", "vulnerability_exploit", "scan")
)
_SERVER = re.compile(
    r"^(?:[\w-]*-)?(?:www|web|dmz|iis|shop|app|mail|mx|ftp|cms|blog|forum|promo|voip|pbx|nas)\d*(?:[.-]|$)|\.dmz\."
)
"""Machines that answer strangers, and administer nothing."""
_TASKS = re.compile(
    r"^(?:svc|service|sa|app|bot|job|task)[-_.]|[-_.](?:svc|ro|rw|sync|bot|agent|job|runner)$|^(?:ansible|deploy|backup|inventory|monitor\w*|nagios|icinga|zabbix|prometheus"
    r"|puppet|salt|rundeck|awx|scan\w*|report\w*|metrics|exporter|health\w*|replica\w*|gitlab\S*|jenkins|patch\w*)\b"
)
_STRONG = re.compile(r"^(?:root|admin\w*|sa|sysdba|postgres|sysadmin|superuser|domain.?admin)$|administrator$")
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
    elif any(_PASSING.search(name) for name in (*scene.names, *_asked_for(scene))):
        yield "passing_address"
    if scene.is_inbound and scene.classes & _HOP_CLASSES and any(_SERVER.search(name) for name in scene.names):
        yield "server_turns_inward"


def _asked_for(scene: Scene) -> set[str]:
    """Return the names by which this host itself went to the target."""
    return set() if scene.is_inbound else {flow.name.lower() for flow in scene.carriers if flow.app in ("tls", "http")}


def _speaks_ssh(scene: Scene) -> bool:
    return bool(scene.carriers) and all(flow.app == "ssh" for flow in scene.carriers)


def _vouchers(scene: Scene, entries: list[Login]) -> set[str]:
    """Return who speaks for the address beside itself: a person's earlier word, a user's login, a name."""
    past = [one for told in scene.past for one in told.entries]
    known = any(one.ok and one.last_at < scene.began - 1 for one in entries) and sum(not one.ok for one in entries) == 0
    harmless = any(
        one.disposition in _HARMLESS and one.event_class in scene.classes and scene.began - one.opened_at < MONTH_S
        for one in past
    )
    guilty = any(one.disposition is Disposition.TRUE_POSITIVE and scene.began - one.opened_at < DAY_S for one in past)
    told = {
        "past": harmless and not guilty,
        "login": known,
        "name": any(not _PASSING.search(name) and not _STATION.search(name) for name in scene.names),
    }
    return {name for name, holds in told.items() if holds}


def _logins(scene: Scene, entries: list[Login]) -> Iterator[str]:
    good = [one for one in entries if one.ok]
    bad = [one for one in entries if not one.ok]
    failed, users = sum(one.count for one in bad), {one.user for one in bad}
    by_key = {one.user for one in good if one.method == "publickey"}
    got_in = {one.user for one in good}
    most_got_in = bad and len(users & got_in) * 2 > len(users) and failed <= 5 * len(users)
    if sum(one.count for one in good) >= max(5, 3 * failed):
        yield "mostly_succeeds"
    if most_got_in and (len(users) > 1 or failed <= 2):
        yield "mistyped"
    elif _broke_in(good, bad, scene.pace):
        yield "broke_in"
    elif (
        failed >= 3
        and len(users) == 1
        and any(one.method == "password" and one.count <= 3 and one.user in users for one in good)
    ):
        yield "got_in_at_last"
    elif failed >= MANY and len(users) > 1 and len(got_in & users) * 3 <= len(users):
        yield "guesses_accounts"
    elif failed >= MANY and users <= by_key and len(users) == 1:
        yield "old_password"
    elif failed >= 3 and not good:
        yield "failed_logins"
    yield from _known(scene, good, failed)
    if scene.classes & _HOP_CLASSES and good and all(_TASKS.search(one.user.lower()) for one in good):
        yield "task_account"
    if _is_new_here(scene, entries):
        yield "new_here"


def _is_new_here(scene: Scene, entries: list[Login]) -> bool:
    """Return whether an account of all rights came in by password from where the log knows nobody."""
    first = min(login.first_at for login in entries)
    strong = any(login.ok and login.method == "password" and _STRONG.search(login.user.lower()) for login in entries)
    return strong and first > scene.began - 120.0 and bool(scene.classes & _HOP_CLASSES)


def _broke_in(good: list[Login], bad: list[Login], pace: float) -> bool:
    """Return whether many failures ended in a password that fit: more or faster than a person mistypes."""
    known = {one.user for one in good if one.count > 3}
    for login in good:
        if login.user in known:
            continue
        mine = sum(one.count for one in bad if one.user == login.user and one.first_at <= login.last_at)
        others = sum(one.count for one in bad if one.user != login.user and one.first_at <= login.last_at)
        if (
            login.method != "publickey"
            and login.count <= 3
            and (mine >= (6 if pace >= 0.1 else MANY) or (mine + others >= 3 and others >= 3))
        ):
            return True
    return False


def _known(scene: Scene, good: list[Login], failed: int) -> Iterator[str]:
    before = [one for one in good if one.last_at < scene.began - 1.0]
    after = [one for one in good if one.first_at > scene.began + 5.0]
    if sum(one.count for one in before) >= 10:
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
    """Weigh what persons made of the address before: the fresher and the more alike, the more it says."""
    entries = [(one, scene.began - one.opened_at) for past in scene.past for one in past.entries]
    same = [(one, age) for one, age in entries if one.event_class in scene.classes and one.disposition in _HARMLESS]
    if len(same) >= 2:
        yield "called_harmless_often"
    elif any(one.disposition is Disposition.BENIGN_POSITIVE and age < 8 * DAY_S for one, age in same):
        yield "called_harmless_lately"
    elif any(age < MONTH_S for _, age in same):
        yield "called_harmless"
    elif same:
        yield "called_harmless_long_ago"
    guilty = [(one, age) for one, age in entries if one.disposition is Disposition.TRUE_POSITIVE]
    if any(age < DAY_S for _, age in guilty):
        yield "called_hostile_today"
    elif any(one.event_class in scene.classes and age < MONTH_S for one, age in guilty):
        yield "called_hostile"
    open_now = [one for one, age in entries if one.disposition is Disposition.UNDETERMINED and age < DAY_S]
    if any(one.event_class not in scene.classes for one in open_now):
        yield "open_question"
