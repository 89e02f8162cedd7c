"""What runs an engine: its ports are ports."""

from __future__ import annotations

import pytest

from aegis_tui.arguments.parser import build_parser


@pytest.mark.parametrize(("text", "port"), [("0", 0), ("65535", 65535)])
def test_a_port_is_taken(text: str, port: int) -> None:
    assert build_parser().parse_args(["serve", "--http-port", text]).http_port == port


@pytest.mark.parametrize("text", ["-1", "65536", "1e3", "８０", "", " 80"])
def test_what_is_no_port_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        build_parser().parse_args(["serve", f"--http-port={text}"])
    assert stopped.value.code == 2
    assert "a port is a number from 0 to 65535" in capsys.readouterr().err
