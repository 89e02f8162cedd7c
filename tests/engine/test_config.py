"""Flags win over the environment, the environment over the file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.config import FILE_BYTES, load, shown


def _file(folder: Path, text: str) -> Path:
    file = folder / "config.toml"
    file.write_text(text)
    return file


def test_a_flag_wins_over_the_environment_and_the_environment_over_the_file(tmp_path: Path) -> None:
    file = _file(tmp_path, "threshold = 0.5\ndedup_window = 10\nblock_ttl = 600\n")
    environ = {"AEGIS_THRESHOLD": "0.6", "AEGIS_DEDUP_WINDOW": "20"}
    effective = load({"threshold": 0.7}, environ, file)
    settings = effective.settings
    assert (settings.threshold, settings.dedup_window, settings.block_ttl) == (0.7, 20.0, 600.0)
    assert effective.origins["threshold"] == "flag"
    assert effective.origins["dedup_window"] == "environment AEGIS_DEDUP_WINDOW"
    assert effective.origins["block_ttl"] == str(file)


def test_an_unknown_key_is_an_error_that_names_file_and_key(tmp_path: Path) -> None:
    file = _file(tmp_path, "treshold = 0.5\n")
    with pytest.raises(ValueError, match=r"config\.toml: unknown key 'treshold'; nearest: threshold; "):
        load({}, {}, file)


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"AEGIS_THRESHOLD": "1.5"}, "threshold must be from 0 to 1"),
        ({"AEGIS_THRESHOLD": "high"}, "threshold does not fit"),
        ({"AEGIS_NO_DATAPLANE": "maybe"}, "no_dataplane does not fit"),
        ({"AEGIS_MCP_PORT": "80.5"}, "mcp_port does not fit"),
        ({"AEGIS_MCP_PORT": "0"}, "mcp_port must be"),
    ],
)
def test_a_value_that_does_not_fit_is_an_error_that_names_it(environ: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        load({}, environ, None)


@pytest.mark.parametrize("text", ["threshold = ", 'interface = [1]\nmodel = "x"', "model = 5"])
def test_a_broken_file_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"config\.toml"):
        load({}, {}, _file(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dedup_window = 1" + 400 * "0", r"dedup_window does not fit: 10{79}\.\.\. \(a number expected\)"),
        ("dedup_window = 0x1" + 5000 * "0", r"dedup_window does not fit: a value too long to show"),
        ("dedup_window = 1" + 5000 * "0", r"not TOML: Exceeds the limit"),
        ("management_ports = [1" + 400 * "0" + "]", "management_ports does not fit"),
        ("http = 0x1" + 5000 * "0", "http does not fit: a value too long to show"),
        ("interface = " + 5000 * "[", "lie too deep in one another"),
        ("x" * 5000 + " = 1", r"unknown key 'x{79}\.\.\.;"),
        (f"# {'x' * FILE_BYTES}", "is larger than 1 MiB"),
    ],
    ids=["no float", "no digits", "too many digits", "no port", "no word", "too deep", "a long key", "too large"],
)
def test_whatever_the_file_holds_is_an_error_that_names_it(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        load({}, {}, _file(tmp_path, text))
    assert "config.toml" in str(refused.value)
    assert len(str(refused.value)) < 400


def test_settings_are_a_regular_file_and_nothing_else_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for file in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ValueError, match=f"{file} is not a regular file"):
            load({}, {}, file)


@pytest.mark.parametrize(("value", "expected"), [("eth0", ("eth0",)), ("eth0,eth1", ("eth0", "eth1"))])
def test_the_interface_variable_takes_a_list(value: Any, expected: tuple[str, ...]) -> None:
    assert load({}, {"AEGIS_INTERFACE": value}, None).settings.interface == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('trusted_proxies = ["203.0.113.0/24", "2001:db8::/32", "192.0.2.9", "203.0.113.0/24"]',
         ("203.0.113.0/24", "2001:db8::/32", "192.0.2.9/32")),
        ("trusted_proxies = []", ()),
        ("management_ports = [8443, 9090, 8443]", (8443, 9090)),
        ("management_ports = 8443", (8443,)),
        ('management_ports = "8443,9090"', (8443, 9090)),
    ],
)  # fmt: skip
def test_prefixes_and_ports_are_lists_that_name_each_once(tmp_path: Path, text: str, expected: tuple[Any, ...]) -> None:
    effective = load({}, {}, _file(tmp_path, text))
    key = text.split(maxsplit=1)[0]
    assert getattr(effective.settings, key) == expected
    assert (key, ", ".join(map(str, expected)), str(tmp_path / "config.toml")) in shown(effective)


@pytest.mark.parametrize(
    "text",
    [
        'trusted_proxies = ["cdn.example.org"]',
        'trusted_proxies = ["203.0.113.9/24"]',
        "trusted_proxies = [5]",
        "trusted_proxies = 5",
        f"trusted_proxies = {[f'10.{n // 250}.{n % 250}.0/24' for n in range(1025)]}",
        "management_ports = [0]",
        "management_ports = [65536]",
        "management_ports = [22.5]",
        "management_ports = [true]",
        'management_ports = "ssh"',
        f"management_ports = {list(range(1, 18))}",
    ],
)
def test_a_prefix_or_port_that_does_not_fit_is_an_error_that_names_its_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=rf"config\.toml: {text.split(maxsplit=1)[0]} does not fit"):
        load({}, {}, _file(tmp_path, text))


def test_a_key_is_never_shown() -> None:
    effective = load({}, {"OPENAI_API_KEY": "sk-secret"}, None)
    assert "sk-secret" not in str(shown(effective))


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root refuses other users' files")


def _rules(folder: Path) -> dict[str, Any]:
    (folder / "rules").mkdir()
    (folder / "rules" / "a.yar").touch()
    return {"rules": str(folder / "rules")}


def _model(folder: Path) -> dict[str, Any]:
    (folder / "m.onnx").touch()
    return {"model": str(folder / "m.onnx")}


@pytest.mark.root
@needs_root
@pytest.mark.parametrize(
    ("make", "named"),
    [(_rules, "rules"), (_rules, "rules/a.yar"), (_model, "m.onnx"), (None, "config.toml")],
    ids=["the rules' folder", "a rule", "the model", "the settings"],
)
def test_root_obeys_no_file_of_another_user_and_none_that_others_may_write(
    tmp_path: Path, make: Callable[[Path], dict[str, Any]] | None, named: str
) -> None:
    file = _file(tmp_path, "threshold = 0.5\n")
    flags = make(tmp_path) if make else {}
    path = tmp_path / named
    load(flags, {}, file)
    os.chown(path, 65534, 65534)
    with pytest.raises(PermissionError, match=f"{path}: it belongs to uid 65534"):
        load(flags, {}, file)
    load(flags, {"SUDO_UID": "65534"}, file)
    os.chown(path, 0, 0)
    for mode in (0o720, 0o702):
        path.chmod(mode)
        with pytest.raises(PermissionError, match=f"{path}: others may write to it"):
            load(flags, {}, file)


def test_a_file_with_a_key_is_its_owners_alone(tmp_path: Path) -> None:
    file = _file(tmp_path, 'openai_api_key = "sk-secret"\n')
    file.chmod(0o640)
    with pytest.raises(PermissionError, match=r"config\.toml: it holds a key"):
        load({}, {}, file)
    file.chmod(0o600)
    assert load({}, {}, file).settings.openai_api_key == "sk-secret"


def _private(folder: Path, text: str) -> Path:
    file = _file(folder, text)
    file.chmod(0o600)
    return file


def test_whom_to_tell_is_a_secret_that_is_never_shown(tmp_path: Path) -> None:
    effective = load({}, {}, _private(tmp_path, 'notify = ["json://user:hunter22@example.org", "slack://a/b,c"]'))
    assert effective.settings.notify == ("json://user:hunter22@example.org", "slack://a/b,c")
    assert ("notify", "(set)") in [row[:2] for row in shown(effective)]
    assert "hunter22" not in repr(effective)


def test_a_file_that_others_may_read_must_not_say_whom_to_tell(tmp_path: Path) -> None:
    file = _file(tmp_path, 'notify = ["json://user:hunter22@example.org"]')
    file.chmod(0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        load({}, {}, file)


@pytest.mark.parametrize("value", ['["hunter22"]', '"hunter22"', '[["hunter22"]]', '["json://hunter22 x"]', "5"])
def test_an_error_about_a_secret_does_not_repeat_it(value: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="notify does not fit: its value is secret") as refused:
        load({}, {}, _private(tmp_path, f"notify = {value}"))
    assert "hunter22" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ['notify_from = "hihg"', 'notify_when = "never"', "notify_every_s = -1", 'log_level = "loud"']
)
def test_a_word_about_telling_or_logging_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=text.split(maxsplit=1)[0]):
        load({}, {}, _file(tmp_path, text))


@pytest.mark.parametrize("line", ['keep_days = "x"', "keep_days = inf", "interface = 5", "notify = 5"])
def test_a_value_of_the_wrong_kind_is_told_in_words(line: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(line, encoding="utf-8")
    file.chmod(0o600)
    with pytest.raises(ValueError, match=r"does not fit: .*expected\)$"):
        load({}, {}, file)
