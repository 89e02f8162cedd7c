"""Tests of the locks and of the scripts that install the program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from engine import config
from engine.paths import ROOT

LOCKS = ("requirements.txt", "requirements-test.txt")
BOTH_LOCKS = pytest.mark.parametrize("lock", LOCKS)


def names(text: str) -> dict[str, str]:
    """Package and version of each line that pins one; the last marker wins."""
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", text, re.MULTILINE))


@BOTH_LOCKS
def test_a_lock_holds_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="ascii")
    assert not re.search(r"://|^\s*-|^[a-z].*[@/]", text.replace("    --hash", ""), re.MULTILINE)
    pins = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in pin for pin in pins)


@BOTH_LOCKS
def test_a_lock_holds_what_the_project_asks_for(lock: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    if lock == "requirements-test.txt":
        wanted += project["optional-dependencies"]["test"]
    pinned = names((ROOT / lock).read_text(encoding="ascii"))
    assert {re.split(r"[=<>~]", want)[0] for want in wanted} <= set(pinned)


def test_the_test_lock_changes_no_version_of_the_other() -> None:
    runtime, test = (names((ROOT / lock).read_text(encoding="ascii")) for lock in LOCKS)
    assert runtime.items() <= test.items()


def test_a_python_of_the_wrong_version_is_refused_by_name(tmp_path: Path) -> None:
    fake = tmp_path / "python2"
    fake.write_text("#!/bin/sh\nexit 1\n", encoding="ascii")
    fake.chmod(0o755)
    done = find_python({"PYTHON": str(fake)})
    assert done.returncode == 1
    assert f"PYTHON={fake} is not Python 3.11 to 3.13" in done.stderr


def test_the_python_that_is_found_can_make_environments() -> None:
    done = find_python({})
    assert done.returncode == 0, done.stderr
    subprocess.run([done.stdout.strip(), "-c", "import ensurepip, venv"], check=True)


def find_python(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **environ}
    return subprocess.run(
        [ROOT / "install" / "find-python.sh"], env=environ, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="a plain user is told the command")
def test_a_plain_user_is_told_how_to_install_what_is_missing() -> None:
    done = subprocess.run(
        [ROOT / "install" / "packages.sh", "python3-venv"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "sudo apt-get install -y python3-venv" in done.stderr) == (1, True)


MARK = ".aegis-tui-install"
MAKE_UNINSTALL = f"make -s -C {ROOT} uninstall"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces of its own")

NAMESPACES = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--propagation", "private"]

ALONE = """
set -eu
mount -t tmpfs none /run
for room in /var/lib /usr/local/bin /usr/local/share /usr/share/fish /etc/systemd; do
	[ ! -d "$room" ] || mount -t tmpfs none "$room"
done
mkdir -p /var/lib/aegis /run/aegis /run/netns/another /etc/systemd/system
mount -t tmpfs none /sys/fs/bpf
touch /var/lib/aegis/halted
mkdir -p /var/lib/aegis/engine/reports
chown -R nobody /var/lib/aegis/engine
trap 'stat -c "%n is of %U" /var/lib/aegis/engine/reports 2>/dev/null || true' EXIT
"$@"
"""


def holding(prefix: Path, *names: str) -> Path:
    """Make a folder that holds files of these names."""
    for name in names:
        (prefix / name).parent.mkdir(parents=True, exist_ok=True)
        (prefix / name).write_text("theirs", encoding="ascii")
    return prefix


def files(prefix: Path) -> set[str]:
    return {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()}


def uninstall(
    tmp_path: Path, prefix: str | None, script: Path, *words: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run the script where nothing but ``tmp_path`` is this host's, and no user can be removed."""
    tools = holding(tmp_path / "tools", "userdel", "systemctl")
    for tool in tools.iterdir():
        tool.write_text("#!/bin/sh\n", encoding="ascii")
        tool.chmod(0o755)
    environ |= {"PATH": f"{tools}:{os.environ['PATH']}"} | ({} if prefix is None else {"PREFIX": prefix})
    alone = [*NAMESPACES, "sh", "-c", ALONE, "sh", str(script), *words]
    return subprocess.run(alone, env=environ, capture_output=True, text=True, check=False)


@AS_ROOT
@pytest.mark.root
@pytest.mark.parametrize("script", ["install.sh", "uninstall.sh"])
@pytest.mark.parametrize("prefix", ["usr/local", "usr/local/", "aegis-tui/..", "aegis-tui", "link/aegis-tui", "."])
def test_a_prefix_that_is_not_ours_alone_is_refused_before_anything_is_touched(
    script: str, prefix: str, tmp_path: Path
) -> None:
    holding(tmp_path / "usr/local", "bin/theirs", "venv/theirs", "install/theirs")
    holding(tmp_path / "aegis-tui", "engine/theirs")
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "aegis-tui").symlink_to(holding(tmp_path / "elsewhere", MARK, "engine/theirs"))
    before = files(tmp_path)
    done = uninstall(tmp_path, f"{tmp_path}/{prefix}", ROOT / "install" / script)
    assert done.returncode == 1, done.stdout
    assert str(tmp_path) in done.stderr
    assert before <= files(tmp_path)
    assert not (tmp_path / "usr/local" / MARK).exists()


@AS_ROOT
@pytest.mark.root
def test_uninstalling_takes_our_rooms_and_says_what_stays(tmp_path: Path) -> None:
    prefix = holding(tmp_path / "aegis-tui", MARK, "engine/core.py", "venv/bin/aegis-tui", "LICENSE", "theirs/file")
    (prefix / "venv/bin/aegis-tui").write_text("#!/bin/sh\necho 3 blocks removed\n", encoding="ascii")
    (prefix / "venv/bin/aegis-tui").chmod(0o755)
    (prefix / "install").mkdir()
    for name in ("uninstall.sh", "prefix.sh", "settings.sh"):
        shutil.copy(ROOT / "install" / name, prefix / "install")
    done = uninstall(tmp_path, None, prefix / "install" / "uninstall.sh")
    assert done.returncode == 0, done.stderr
    assert files(prefix) == {"theirs/file"}
    assert "3 blocks removed" in done.stdout
    assert "blocking stays halted there" in done.stdout
    assert "/var/lib/aegis/engine/reports is of root" in done.stdout
    assert "in this network namespace only" in done.stdout
    assert f"{prefix} stays: it holds what make install did not put there" in done.stderr


@AS_ROOT
@pytest.mark.root
def test_a_purge_leaves_no_halt_to_tell_of(tmp_path: Path) -> None:
    prefix = holding(tmp_path / "aegis-tui", MARK, "engine/core.py")
    done = uninstall(tmp_path, str(prefix), ROOT / "install" / "uninstall.sh", PURGE="1")
    assert done.returncode == 0, done.stderr
    assert not prefix.exists()
    assert "halted" not in done.stdout


def installed(prefix: Path) -> Path:
    """Make an installation that lifts no block but says so."""
    holding(prefix, MARK, "engine/core.py", "venv/bin/aegis-tui")
    (prefix / "venv/bin/aegis-tui").write_text("#!/bin/sh\necho lifted by $0\n", encoding="ascii")
    (prefix / "venv/bin/aegis-tui").chmod(0o755)
    return prefix


@AS_ROOT
@pytest.mark.root
def test_uninstalling_finds_by_itself_where_the_program_is(tmp_path: Path) -> None:
    prefix = installed(tmp_path / "srv" / "aegis-tui")
    linked = f"ln -s {prefix}/venv/bin/aegis-tui /usr/local/bin; {MAKE_UNINSTALL}; test ! -L /usr/local/bin/aegis-tui"
    done = uninstall(tmp_path, None, Path("sh"), "-c", linked)
    assert done.returncode == 0, done.stderr
    assert f"lifted by {prefix}/venv/bin/aegis-tui" in done.stdout
    assert "\naegis-tui is uninstalled\n" in done.stdout
    assert not prefix.exists()


@AS_ROOT
@pytest.mark.root
@pytest.mark.parametrize(
    "words", [MAKE_UNINSTALL, f"{MAKE_UNINSTALL} PREFIX=/srv/other/aegis-tui"], ids=["found", "given"]
)
def test_where_nothing_is_installed_nothing_is_touched(words: str, tmp_path: Path) -> None:
    tried = f"mkdir /sys/fs/bpf/aegis; {words} && exit 9; ls -d /sys/fs/bpf/aegis /run/aegis"
    done = uninstall(tmp_path, None, Path("sh"), "-c", tried)
    assert done.returncode == 0, done.stderr
    assert "aegis-tui is not installed in /" in done.stderr
    assert "nothing was changed" in done.stderr


@AS_ROOT
@pytest.mark.root
def test_nothing_is_touched_while_a_console_of_it_runs_and_that_is_named(tmp_path: Path) -> None:
    prefix = installed(tmp_path / "aegis-tui")
    (prefix / "venv/bin/python").symlink_to("/bin/sleep")
    tried = f"{prefix}/venv/bin/python 60 & {MAKE_UNINSTALL} PREFIX={prefix}; kill $!; exit 9"
    done = uninstall(tmp_path, None, Path("sh"), "-c", tried)
    assert done.returncode == 9
    assert re.search(r"runs still; nothing was changed.*\n  PID \d+ on ", done.stderr)
    assert "lifted" not in done.stdout
    assert (prefix / MARK).exists()


def test_manual_and_completions_are_placed_where_shells_look_and_taken_away_again(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("aegis-tui")
    page = ROOT / "docs" / "aegis-tui.1"
    theirs = holding(tmp_path, "man/man1/other.1")
    vendor = tmp_path / "usr" / "fish" / "vendor_completions.d"
    vendor.mkdir(parents=True)
    for words, left in ((["place", program, page], 6), (["place", program, page], 6), (["remove"], 1)):
        environ = os.environ | {"SHARE": str(theirs), "VENDOR": str(vendor)}
        subprocess.run([ROOT / "install" / "shell.sh", *words], env=environ, check=True)
        assert len(files(theirs)) == left
        if words != ["remove"]:
            assert (theirs / "man/man1/aegis-tui.1").read_bytes() == page.read_bytes()
            assert "complete -F" in (theirs / "bash-completion/completions/aegis-tui").read_text(encoding="utf-8")
            assert "complete -c" in (vendor / "aegis-tui.fish").read_text(encoding="utf-8")
    assert list(vendor.iterdir()) == [], "the folder is fish's, and stays"


def test_a_folder_of_fish_s_is_not_made_where_there_is_no_fish(tmp_path: Path) -> None:
    environ = os.environ | {"SHARE": str(tmp_path / "share"), "VENDOR": str(tmp_path / "fish" / "vendor")}
    for words in (["place", "/bin/echo", ROOT / "docs" / "aegis-tui.1"], ["remove"]):
        subprocess.run([ROOT / "install" / "shell.sh", *words], env=environ, check=True)
        assert not (tmp_path / "fish").exists()


def settings(etc: Path, *words: str) -> str:
    """Run the script on another folder than the host's."""
    environ = os.environ | {"ETC": str(etc)}
    script = [str(ROOT / "install" / "settings.sh"), *words]
    return subprocess.run(script, env=environ, check=True, capture_output=True, text=True).stdout


SAMPLE = ROOT / "install" / "config.toml"


def test_a_sample_of_the_settings_is_placed_once_and_taken_away_unchanged(tmp_path: Path) -> None:
    etc, copy = tmp_path / "etc" / "aegis", tmp_path / "copy"
    settings(etc, "place", str(SAMPLE), str(copy))
    file = etc / "config.toml"
    assert (file.stat().st_mode & 0o777, file.read_bytes()) == (0o600, SAMPLE.read_bytes())
    assert settings(etc, "remove", str(copy)) == ""
    assert not etc.exists()


def test_settings_of_somebody_are_neither_overwritten_nor_taken_away(tmp_path: Path) -> None:
    etc, copy = tmp_path / "aegis", tmp_path / "copy"
    settings(etc, "place", str(SAMPLE), str(copy))
    file = etc / "config.toml"
    file.write_text('interface = ["eth0"]\n', encoding="ascii")
    settings(etc, "place", str(SAMPLE), str(copy))
    assert settings(etc, "remove", str(copy)) == f"{etc} stays: your settings are there\n"
    assert file.read_text(encoding="ascii") == 'interface = ["eth0"]\n'


def test_every_line_of_the_sample_is_a_setting_that_fits(tmp_path: Path) -> None:
    lines = SAMPLE.read_text(encoding="ascii").splitlines()
    uncommented = [line[2:] if re.match(r"# (\w+ = |\[)", line) else line for line in lines]
    file = tmp_path / "config.toml"
    file.write_text("\n".join(uncommented), encoding="ascii")
    file.chmod(0o600)
    found = config.load({}, {}, file)
    assert found.settings.interface == ("eth0",)
    assert list(found.origins.values()).count(str(file)) == sum(" = " in line for line in uncommented)


def test_make_help_says_what_a_prefix_has_to_end_in() -> None:
    told = subprocess.run(["make", "-s", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "Its last part has to be\n" in told
    assert "PURGE=1" in told
    for outside in ("/usr/local/bin", "/usr/local/share", "/usr/share/fish", "/etc/aegis", "/etc/systemd/system"):
        assert outside in told
    assert "sudo make uninstall$given" in (ROOT / "install" / "install.sh").read_text(encoding="utf-8")


@AS_ROOT
@pytest.mark.root
def test_an_installation_that_breaks_off_says_so_and_uninstalling_clears_it(tmp_path: Path) -> None:
    holding(tmp_path / "tools", "useradd", "apt-get")
    prefix = tmp_path / "aegis-tui"
    both = f"{ROOT}/install/install.sh && exit 9; ls -A {prefix}; {MAKE_UNINSTALL} PREFIX={prefix}"
    done = uninstall(tmp_path, str(prefix), Path("sh"), "-c", both, PYTHON="/bin/false")
    assert done.returncode == 0, done.stderr
    assert MARK in done.stdout
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("aegis-tui is half installed")]
    assert f"sudo make uninstall PREFIX={prefix} " in said
    assert "not found" not in done.stderr
    assert not prefix.exists()


@AS_ROOT
@pytest.mark.root
def test_only_our_rooms_are_given_to_root(tmp_path: Path) -> None:
    prefix = holding(tmp_path / "aegis-tui", "engine/core.py", "theirs/file")
    for path in prefix.rglob("*"):
        os.chown(path, 1000, 1000)
    subprocess.run([ROOT / "install" / "prefix.sh", "own", prefix], check=True)
    assert (prefix / "engine" / "core.py").stat().st_uid == 0
    assert (prefix / "theirs" / "file").stat().st_uid == 1000


UNITS = ("aegis-tui.service", "aegis-tui-restore.service")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_units_are_valid_and_the_daemon_s_is_confined(tmp_path: Path) -> None:
    for name in UNITS:
        text = (ROOT / "install" / name).read_text(encoding="ascii").replace("@PREFIX@", "/opt/aegis-tui")
        (tmp_path / name).write_text(re.sub("ExecStart=.*", "ExecStart=/bin/true", text), encoding="ascii")
    units = [str(tmp_path / name) for name in UNITS]
    verified = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    judged = ["systemd-analyze", "security", "--offline=yes", "--threshold=45", units[0]]
    assert subprocess.run(judged, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_leaves_the_folder_of_the_maps_writable(name: str) -> None:
    """ProtectKernelTunables= makes it read-only whatever else is said: the guard would fall back to nftables."""
    lines = (ROOT / "install" / name).read_text(encoding="ascii").splitlines()
    assert "ReadWritePaths=/sys/fs/bpf" in lines
    assert "ProtectKernelTunables=yes" not in lines
    assert any(line.startswith("ReadOnlyPaths=/sys /proc/sys ") for line in lines)


def test_every_unit_is_installed_switched_off_and_uninstalled() -> None:
    install, uninstall = ((ROOT / "install" / name).read_text() for name in ("install.sh", "uninstall.sh"))
    assert all(name in install and name in uninstall for name in UNITS)
    started = [line for line in install.splitlines() if re.match(r"\s*systemctl (enable|start|restart)", line)]
    assert started == []
