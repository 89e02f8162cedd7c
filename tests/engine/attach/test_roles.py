"""One console decides; the others know who."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.attach.roles import NOBODY, Role, Roles


def test_the_first_console_decides_and_the_next_one_is_told_who() -> None:
    roles = Roles()
    first, second = roles.join("mary"), roles.join("tom")
    assert (roles.of(first), roles.of(second)) == (Role(True, "mary", 2), Role(False, "mary", 2))


def test_taking_over_names_who_lost_it() -> None:
    roles = Roles()
    first, second = roles.join("mary"), roles.join("tom")
    assert roles.take_over(second) == "mary"
    assert (roles.of(first).decides, roles.of(first).decider) == (False, "tom")


def test_the_role_is_free_when_its_console_goes_and_nobody_gets_it_unasked() -> None:
    roles = Roles()
    first, second = roles.join("mary"), roles.join("tom")
    roles.leave(first)
    assert roles.of(second) == Role(False, NOBODY, 1)
    assert roles.of(roles.join("ann")).decides


def test_a_console_that_watched_before_the_engine_was_started_anew_watches_on() -> None:
    roles = Roles()
    tom, mary = roles.join("tom", watches=True), roles.join("mary")
    assert (roles.of(tom).decides, roles.of(mary).decides) == (False, True)


@given(st.lists(st.tuples(st.sampled_from(["join", "watch", "leave", "take"]), st.integers(0, 5)), max_size=30))
def test_at_most_one_decides_and_all_agree_on_who(steps: list[tuple[str, int]]) -> None:
    roles, inside = Roles(), list[int]()
    for step, at in steps:
        if step in ("join", "watch"):
            inside.append(roles.join(f"p{len(inside)}", watches=step == "watch"))
        elif inside and step == "leave":
            roles.leave(inside.pop(at % len(inside)))
        elif inside:
            roles.take_over(inside[at % len(inside)])
        seen = [roles.of(number) for number in inside]
        assert sum(role.decides for role in seen) <= 1
        assert len({role.decider for role in seen}) <= 1
        assert all(role.consoles == len(inside) for role in seen)
