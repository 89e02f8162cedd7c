"""Tests of what is known of an interface, in a network namespace of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from engine.host.links import is_up
from engine.paths import ROOT

UP = """
import os, subprocess
from engine.host.links import is_up
os.setresuid(65534, 65534, 65534)
print(is_up("link0"), is_up("link1"), is_up("link2"))
"""


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="making an interface needs root")
def test_an_interface_is_up_once_it_is_set_up_and_anybody_may_ask() -> None:
    made = 'ip link add link0 type veth peer name link1; ip link set link0 up; exec "$0" -c "$1"'
    command = ["unshare", "--net", "sh", "-ec", made, sys.executable, UP]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert printed == "True False False\n"


def test_what_is_no_interface_is_not_up() -> None:
    assert [is_up(name) for name in ("no-such-iface", "", "a name longer than any interface", "é")] == [False] * 4
