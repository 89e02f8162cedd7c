from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from engine import privileges
from tests.folders import open_to_all

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: there is nothing to drop")

REPORT = """
import json, os, sys
from engine import privileges
{before}
dropped = privileges.drop({environ!r})
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
def opens(path, mode):
    try:
        open(path, mode).close()
        return True
    except OSError:
        return False
def becomes_root():
    try:
        os.setuid(0)
        return os.getuid() == 0
    except OSError:
        return False
print(json.dumps(dict(
    user=dropped.user, text=dropped.text, fault=dropped.fault and dropped.fault.message, uids=os.getresuid(),
    groups=os.getgroups(), caps=[int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")],
    no_new_privs=status["NoNewPrivs"].strip(), shadow=opens("/etc/shadow", "rb"), root=becomes_root(),
)))
"""


def report(environ: dict[str, str], before: str = "") -> dict[str, Any]:
    code = REPORT.format(environ=environ, before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.root
@needs_root
def test_nothing_is_left_after_the_drop() -> None:
    told = report({})
    user = pwd.getpwnam(told["user"])
    assert (told["fault"], told["uids"], told["groups"]) == (None, [user.pw_uid] * 3, [])
    assert (told["caps"], told["no_new_privs"]) == ([0] * 5, "1")
    assert (told["shadow"], told["root"]) == (False, False)


@pytest.mark.root
@needs_root
def test_a_program_the_user_cannot_read_keeps_uid_0_without_capabilities(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    told = report({}, before=f"sys.prefix = {str(closed)!r}")
    assert (told["user"], told["uids"], told["caps"]) == ("root", [0, 0, 0], [0] * 5)
    assert "cannot run as" in told["fault"]
    assert str(closed) in told["fault"]


def test_the_user_is_aegis_else_who_called_sudo_else_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"aegis": 991, "ada": 1000, "nobody": 65534}
    records = {name: pwd.struct_passwd((name, "x", uid, uid, "", "/", "/bin/sh")) for name, uid in known.items()}
    monkeypatch.setattr(pwd, "getpwnam", records.__getitem__)
    monkeypatch.setattr(pwd, "getpwuid", {record.pw_uid: record for record in records.values()}.__getitem__)
    assert privileges.target_user({"SUDO_UID": "1000"}).pw_name == "aegis"
    del records["aegis"]
    chosen = [privileges.target_user({"SUDO_UID": uid}).pw_name for uid in ("1000", "0", "77", "x", "")]
    assert chosen == ["ada", "nobody", "nobody", "nobody", "nobody"]


@pytest.mark.root
@needs_root
def test_threads_are_refused() -> None:
    before = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()"
    code = REPORT.format(environ={}, before=before)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "before the first thread" in done.stderr


@pytest.mark.root
@needs_root
def test_the_engines_folder_belongs_to_its_user_and_to_nobody_else(tmp_path: Path) -> None:
    folder = privileges.ensure_engine_state("nobody", tmp_path)
    found = folder.stat()
    assert (folder.name, found.st_uid, found.st_mode & 0o777) == ("engine", pwd.getpwnam("nobody").pw_uid, 0o700)


@pytest.mark.root
@needs_root
def test_the_folder_changes_hands_and_links_in_it_do_not(tmp_path: Path) -> None:
    folder = privileges.ensure_engine_state("nobody", tmp_path)
    (folder / "aegis.db").touch()
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    (folder / "link").symlink_to(secret)
    os.link(secret, folder / "hard")
    day = folder / "reports" / "2026-11-22"
    day.mkdir(parents=True)
    (day / "INC-00000001.md").touch()
    (day / "link").symlink_to(tmp_path)
    privileges.ensure_engine_state("daemon", tmp_path)
    changed = (folder, folder / "aegis.db", day.parent, day, day / "INC-00000001.md")
    assert {path.stat().st_uid for path in changed} == {pwd.getpwnam("daemon").pw_uid}
    assert {path.stat().st_uid for path in (secret, tmp_path)} == {0}


@pytest.mark.root
@needs_root
def test_a_link_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "engine").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="engine"):
        privileges.ensure_engine_state("nobody", tmp_path)


def test_a_plain_user_is_only_sealed() -> None:
    if os.geteuid() != 0:
        assert report({})["text"].endswith("had no privileges to drop")
        return
    told = report({}, before="os.setresuid(65534, 65534, 65534)")
    assert (told["text"], told["no_new_privs"]) == ("user nobody, had no privileges to drop", "1")


@pytest.mark.root
@needs_root
@pytest.mark.parametrize("uid", [0, 65534])
def test_a_confined_process_has_its_users_files_and_no_capability(tmp_path: Path, uid: int) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    for file, owner in ((own, uid), (other, 1000)):
        file.touch(mode=0o600)
        os.chown(file, owner, owner)
    open_to_all(tmp_path)
    told = report({}, before=f"privileges.confine({uid}); privileges.drop = lambda _: privileges.Dropped('x', 'x')")
    assert (told["uids"], told["caps"], told["no_new_privs"]) == ([uid] * 3, [0] * 5, "1")
    code = f"from engine import privileges as p; p.confine({uid}); open({str(own)!r}); open({str(other)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"Permission denied: {str(other)!r}" in done.stderr


@pytest.mark.root
@needs_root
def test_what_is_run_as_another_user_answers_and_leaves_the_caller_as_it_was() -> None:
    told = privileges.run_as(65534, lambda: repr((os.getresuid(), os.getgroups())).encode(), 5.0)
    assert told == b"((65534, 65534, 65534), [])"
    assert os.geteuid() == 0


@pytest.mark.root
@needs_root
def test_what_goes_wrong_in_a_child_is_told_and_what_never_ends_is_ended() -> None:
    def missing() -> bytes:
        raise LookupError("none \udcff")

    with pytest.raises(LookupError, match="none"):
        privileges.run_as(65534, missing, 5.0)
    with pytest.raises(ValueError, match="shadow"):
        privileges.run_as(65534, lambda: Path("/etc/shadow").read_bytes(), 5.0)
    with pytest.raises(ValueError, match="without an answer"):
        privileges.run_as(65534, lambda: os._exit(0), 5.0)
    with pytest.raises(TimeoutError, match=r"no answer within 0\.2 s"):
        privileges.run_as(65534, lambda: bytes(threading.Event().wait()), 0.2)
