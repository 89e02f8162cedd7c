from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.host import people
from engine.types import Approver


@pytest.mark.parametrize(
    ("number", "name"),
    [
        pytest.param(0, "", id="none"),
        pytest.param(os.makedev(136, 3), "pts/3", id="first pts major"),
        pytest.param(os.makedev(137, 1), "pts/257", id="second pts major"),
        pytest.param(os.makedev(4, 1), "tty1", id="console"),
        pytest.param(os.makedev(4, 64), "ttyS0", id="serial"),
        pytest.param(os.makedev(204, 64), "tty 204:64", id="other"),
    ],
)
def test_a_terminal_is_named_by_its_device_number(number: int, name: str) -> None:
    assert people.tty_name(number) == name


@pytest.mark.parametrize(
    ("environ", "peer"),
    [
        pytest.param({"SSH_CONNECTION": "203.0.113.5 50000 192.0.2.1 22"}, "203.0.113.5", id="connection"),
        pytest.param({"SSH_CLIENT": "2001:db8::5 50000 22"}, "2001:db8::5", id="client"),
        pytest.param({"SSH_CONNECTION": ""}, "", id="empty"),
        pytest.param({}, "", id="local"),
    ],
)
def test_the_ssh_peer_is_the_first_field(environ: dict[str, str], peer: str) -> None:
    assert people.peer_of(environ) == peer


ASK = "import os; from engine.host import people; print(people.approver(os.getpid()))"


def test_the_ssh_peer_is_found_through_a_parent_when_sudo_cleared_the_environment() -> None:
    shell = f"env -u SSH_CONNECTION {sys.executable} -c '{ASK}'; true"
    environ = {**os.environ, "SSH_CONNECTION": "203.0.113.5 50000 192.0.2.1 22"}
    told = subprocess.run(["/bin/sh", "-c", shell], env=environ, capture_output=True, text=True, check=True).stdout
    assert "ssh_peer='203.0.113.5'" in told


def test_a_process_without_a_terminal_has_no_tty() -> None:
    told = subprocess.run(
        [sys.executable, "-c", ASK], start_new_session=True, capture_output=True, text=True, check=True
    ).stdout
    assert f"uid={os.getuid()}" in told
    assert "tty=''" in told


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
def test_the_ssh_peer_of_an_attached_tmux_client_is_found_from_inside(tmp_path: Path) -> None:
    """The server was started by nobody's session; the person attached to it later, over SSH."""
    tmux = ["tmux", "-S", str(tmp_path / "socket"), "-f", "/dev/null"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("SSH_", "TMUX"))}
    subprocess.run([*tmux, "new-session", "-d", "cat"], env=plain, check=True, timeout=30)
    pane = subprocess.run(
        [*tmux, "display-message", "-p", "#{pane_pid}"], env=plain, capture_output=True, check=True, timeout=30
    )
    assert people.ssh_peers(int(pane.stdout)) == ()
    master, slave = os.openpty()
    remote = {**plain, "TERM": "xterm", "SSH_CONNECTION": "203.0.113.5 50000 192.0.2.1 22"}
    attached = subprocess.Popen([*tmux, "attach"], stdin=slave, stdout=slave, env=remote, start_new_session=True)
    assert os.read(master, 1)
    found = people.ssh_peers(int(pane.stdout))
    subprocess.run([*tmux, "kill-server"], env=plain, check=True, timeout=30)
    attached.wait(30)
    os.close(master)
    os.close(slave)
    assert found == ("203.0.113.5",)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("tmux") is None, reason="needs root and tmux")
def test_another_users_process_that_calls_itself_tmux_protects_nobody(tmp_path: Path) -> None:
    """Else any local user could make an address one that cannot be blocked."""
    tmux = ["tmux", "-S", str(tmp_path / "socket"), "-f", "/dev/null"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("SSH_", "TMUX"))}
    subprocess.run([*tmux, "new-session", "-d", "cat"], env=plain, check=True, timeout=30)
    shown = subprocess.run([*tmux, "display-message", "-p", "#{pane_pid}"], env=plain, capture_output=True, check=True)
    claim = (
        "import ctypes, os, sys; ctypes.CDLL(None).prctl(15, b'tmux: client'); os.setuid(int(sys.argv[1]));"
        "print(flush=True); sys.stdin.read()"
    )
    environ = {**plain, "SSH_CONNECTION": "203.0.113.66 50000 192.0.2.1 22"}
    found = []
    for user in ("0", "65534"):
        command = [sys.executable, "-c", claim, user]
        stranger = subprocess.Popen(command, stdin=-1, stdout=-1, env=environ, text=True)
        assert stranger.stdout is not None
        assert stranger.stdout.readline() == "\n"
        found.append(people.ssh_peers(int(shown.stdout)))
        stranger.communicate(timeout=30)
    subprocess.run([*tmux, "kill-server"], env=plain, check=True, timeout=30)
    assert found == [("203.0.113.66",), ()]


@pytest.mark.parametrize(
    ("environ", "port"),
    [
        ("SSH_CONNECTION=203.0.113.5 50000 192.0.2.1 2222", 2222),
        ("SSH_CLIENT=203.0.113.5 50000 2200", 2200),
        ("SSH_CLIENT=203.0.113.5 50000 port", 0),
    ],
)
def test_the_port_over_which_a_process_was_reached_is_the_last_field(environ: str, port: int) -> None:
    command = [
        sys.executable,
        "-c",
        "import os; from engine.host import people; print(people.ssh_sessions(os.getpid()))",
    ]
    name, _, value = environ.partition("=")
    told = subprocess.run(command, env={name: value}, capture_output=True, text=True, check=True, timeout=30).stdout
    assert f"('203.0.113.5', {port})" in told


def test_a_person_is_told_by_the_name_they_logged_in_with() -> None:
    name = people.name_of(0)
    assert name == "root"
    assert people.in_words(Approver(0, -1, "pts/3", "", "")) == "root on pts/3"
    assert people.in_words(Approver(1000, 0, "", "192.0.2.7", "")) == "root from 192.0.2.7"


def test_a_user_without_a_plain_name_is_told_by_number(tmp_path: Path) -> None:
    accounts = tmp_path / "passwd"
    lines = ("root:x:0:0::/root:/bin/sh", "bad\x1b[2J:x:7:7:::", "alice:x:1000:1000:::", "broken")
    accounts.write_text("\n".join(lines), encoding="ascii")
    told = [people.name_of(uid, accounts) for uid in (0, 7, 1000, 1001)]
    assert told == ["root", "uid 7", "alice", "uid 1001"]
    assert people.name_of(0, tmp_path / "none") == "uid 0"
