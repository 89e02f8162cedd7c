"""Loading that gives way."""

from __future__ import annotations

import gc
import sys
import time

from engine import courtesy


def test_nobody_waits_at_first() -> None:
    began = time.monotonic()
    courtesy._due[0] = 0.0
    courtesy.give_way()
    assert time.monotonic() - began < courtesy.ANSWER_S


def test_loading_waits_until_the_answer_is_due() -> None:
    courtesy.expect_answer()
    courtesy.give_way()
    assert time.monotonic() >= courtesy._due[0]


def test_loading_goes_on_under_a_key_that_is_held_down() -> None:
    courtesy._due[0] = time.monotonic() + 3600
    courtesy.give_way()
    courtesy._due[0] = 0.0


def test_modules_are_found_as_ever() -> None:
    sys.modules.pop("this_is_none", None)
    with courtesy.giving_way():
        import colorsys

        assert colorsys.rgb_to_hsv(0, 0, 0) == (0, 0, 0)


def test_what_was_switched_is_switched_back() -> None:
    before = sys.getswitchinterval()
    with courtesy.loading():
        assert not gc.isenabled()
    assert (gc.isenabled(), sys.getswitchinterval()) == (True, before)
