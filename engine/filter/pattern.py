"""Regular expressions in time linear in the text: a person's pattern meets text that an attacker chose.

Python's ``re`` goes back and tries again, which ``(a+)+$`` and a long enough name turn into hours. Here every
state that the pattern can be in is followed at once, so that a text costs one step for each of its characters.
"""

from __future__ import annotations

from engine.filter.expression import Char, Choice, Edge, Expression, Repeat, Sequence, read

LOOKED_AT = 512
"""Characters of a text that a pattern is looked for in."""
LARGEST = 1000
"""Steps of a compiled pattern."""
MOST_PARTS = 4 * LARGEST
"""Parts that compiling goes through: ``((){100}){100}`` and so on takes time without end, and no step."""
KEPT_STATES = 500
"""Sets of states that are remembered; beyond, they are worked out again."""


class _State:
    """Where the pattern can be after the text so far."""

    __slots__ = ("accepts", "accepts_at_end", "next", "steps")

    def __init__(self, steps: frozenset[int], accepts: bool, accepts_at_end: bool) -> None:
        self.steps = steps
        self.accepts = accepts
        self.accepts_at_end = accepts_at_end
        self.next: dict[str, _State] = {}


class Pattern:
    """A regular expression without regard to case: ``. [] () | * + ? {m,n} ^ $`` and the classes of a letter."""

    def __init__(self, text: str) -> None:
        """Compile a pattern.

        Raises:
            ValueError: it cannot be read, or is too large.
        """
        self._program: list[Char | Edge | tuple[int, ...] | None] = []
        self._parts = 0
        self._emit(read(text))
        self._program.append(None)
        self._states: dict[frozenset[int], _State] = {}
        self._first = self._state(self._closure({0}, at_start=True))

    def found_in(self, text: str) -> bool:
        """Whether the pattern is somewhere in the first characters of a text."""
        state = self._first
        for char in text[:LOOKED_AT]:
            if state.accepts:
                return True
            state = state.next.get(char) or self._step(state, char)
        return state.accepts or (state.accepts_at_end and len(text) <= LOOKED_AT)

    def _step(self, state: _State, char: str) -> _State:
        program = self._program
        after = {step + 1 for step in state.steps if isinstance(one := program[step], Char) and one.fits(char)}
        following = self._state(self._closure({*after, 0}))
        if len(self._states) > KEPT_STATES:
            self._states.clear()
            self._first = self._state(self._closure({0}, at_start=True))
        if len(state.next) < KEPT_STATES:
            state.next[char] = following
        return following

    def _state(self, steps: frozenset[int]) -> _State:
        known = self._states.get(steps)
        if known is None:
            last = len(self._program) - 1
            known = _State(steps, last in steps, last in self._closure(set(steps), at_end=True))
            self._states[steps] = known
        return known

    def _closure(self, steps: set[int], *, at_start: bool = False, at_end: bool = False) -> frozenset[int]:
        reached, waiting = set(steps), list(steps)
        while waiting:
            step = waiting.pop()
            one = self._program[step]
            passes = (at_start and one is Edge.START) or (at_end and one is Edge.END)
            onward = one if isinstance(one, tuple) else (step + 1,) if passes else ()
            waiting += [other for other in onward if other not in reached]
            reached.update(onward)
        return frozenset(reached)

    # --- compiling ---

    def _emit(self, node: Expression) -> None:
        self._parts += 1
        if len(self._program) > LARGEST or self._parts > MOST_PARTS:
            msg = "it is too large"
            raise ValueError(msg)
        match node:
            case Sequence(parts):
                for part in parts:
                    self._emit(part)
            case Choice(parts):
                self._choice(parts)
            case Repeat(of, least, most):
                for _ in range(least):
                    self._emit(of)
                self._loop(of) if most is None else self._optional(of, most - least)
            case _:
                self._program.append(node)

    def _choice(self, parts: tuple[Expression, ...]) -> None:
        ends = []
        for part in parts[:-1]:
            fork = self._hole()
            self._emit(part)
            ends.append(self._hole())
            self._program[fork] = (fork + 1, len(self._program))
        self._emit(parts[-1])
        for end in ends:
            self._program[end] = (len(self._program),)

    def _loop(self, of: Expression) -> None:
        fork = self._hole()
        self._emit(of)
        self._program.append((fork,))
        self._program[fork] = (fork + 1, len(self._program))

    def _optional(self, of: Expression, times: int) -> None:
        forks = []
        for _ in range(times):
            forks.append(self._hole())
            self._emit(of)
        for fork in forks:
            self._program[fork] = (fork + 1, len(self._program))

    def _hole(self) -> int:
        self._program.append(())
        return len(self._program) - 1
