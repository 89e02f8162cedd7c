"""Tests of what is known of an interface, in a network namespace of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from engine.host.links import Link, is_up, link
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


LINK = """
import os, subprocess, sys, time
from engine.host.links import Link, link

def ip(*words):
    subprocess.run(["ip", "link", *words], check=True)

def becomes(wanted):
    end = time.monotonic() + 20
    while (found := link("link0")) is not wanted and time.monotonic() < end:
        time.sleep(0.02)
    print(found)

becomes(Link.NO_CARRIER)
ip("set", "link1", "up")
becomes(Link.UP)
ip("set", "link0", "down")
becomes(Link.DOWN)
ip("del", "link0")
becomes(Link.GONE)
"""


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="making an interface needs root")
def test_a_link_has_a_carrier_while_its_other_end_is_up_too() -> None:
    made = 'ip link add link0 type veth peer name link1; ip link set link0 up; exec "$0" -c "$1"'
    command = ["unshare", "--net", "sh", "-ec", made, sys.executable, LINK]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert printed.splitlines() == ["no carrier", "up", "down", "gone"]


def test_the_loopback_interface_has_a_link_where_it_is_up() -> None:
    assert link("lo") is (Link.UP if is_up("lo") else Link.DOWN)


def test_what_is_no_interface_is_not_up() -> None:
    names = ("no-such-iface", "", "a name longer than any interface", "é")
    assert [(is_up(name), link(name)) for name in names] == [(False, Link.GONE)] * 4
