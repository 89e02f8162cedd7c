"""A tool of the user's own: what it declares, and how it is asked without trusting what it says."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, create_model

from engine.agent.case import Case
from engine.agent.recorded import Memory, name_of
from engine.agent.tools.answer import Answer, failed
from engine.agent.tools.catalogue import (
    AddressArguments,
    Arguments,
    FlowArguments,
    ProcessArguments,
    QueryArguments,
    Tool,
)
from engine.agent.tools.inquiry import Inquiry
from engine.text import escape
from engine.types import Finding

log = logging.getLogger(__name__)

NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
DESCRIPTION_CHARACTERS = 200
ANSWER_CHARACTERS = 4000
CALL_S = 4.0
"""Longest a user's tool may take; the thread of a later one is left behind."""
STUCK = 3
"""Calls of one tool that may be left behind; after so many it is not called any more."""
KINDS: Mapping[str, type[Arguments]] = {
    "flow_id": FlowArguments, "ip": AddressArguments, "pid": ProcessArguments, "query": QueryArguments,
}  # fmt: skip
"""What an argument may be; every kind but the query is checked against the incident."""


@dataclass(frozen=True)
class UserTool:
    """A tool that a user adds.

    Raises:
        ValueError: a field holds what it must not; the text names it.
    """

    name: str
    """Lower-case letters, digits and underscores."""
    description: str
    """For the model, at most 200 characters."""
    arguments: Mapping[str, str]
    """Each argument's name and kind: ``flow_id`` (the function is given the ``Flow``), ``ip``, ``pid`` or ``query``."""
    function: Callable[..., Any]
    """Called with the arguments by name, in a thread. Returns text or what JSON can hold; None means nothing found."""
    event_classes: tuple[str, ...] = ()
    """Classes of event that it serves; none means all."""
    limit_s: float = CALL_S
    """How long a call may take, at most ``CALL_S``."""
    _left: list[threading.Thread] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not NAME.fullmatch(self.name):
            raise ValueError(f"name must match {NAME.pattern}")
        if not isinstance(self.description, str) or not 0 < len(self.description) <= DESCRIPTION_CHARACTERS:
            raise ValueError(f"description must be text of 1 to {DESCRIPTION_CHARACTERS} characters")
        if not isinstance(self.arguments, Mapping) or not set(self.arguments.values()) <= set(KINDS):
            raise ValueError(f"arguments must map names to kinds, which are {', '.join(KINDS)}")
        if not all(NAME.fullmatch(name) for name in self.arguments):
            raise ValueError(f"the name of an argument must match {NAME.pattern}")
        if not callable(self.function):
            raise ValueError("function must be callable")
        if not isinstance(self.event_classes, tuple):
            raise ValueError("event_classes must be a tuple of names")
        if not isinstance(self.limit_s, int | float) or not 0 < self.limit_s <= CALL_S:
            raise ValueError(f"limit_s must be a number of seconds up to {CALL_S:g}")

    @property
    def shown(self) -> Tool:
        """The tool as a model sees it."""
        fields: dict[str, Any] = {name: _field(kind) for name, kind in self.arguments.items()}
        return Tool(self.name, self.description, create_model(f"{self.name}_arguments", __base__=Arguments, **fields))

    def serves(self, case: Case) -> bool:
        """Say whether the tool is for a class of event of the case."""
        classes = {alert.detection.event_class for alert in case.alerts}
        return not self.event_classes or not classes.isdisjoint(self.event_classes)

    def ask(self, values: Mapping[str, Any]) -> str:
        """Return the function's answer as bounded text, empty for None.

        Raises:
            TimeoutError: it took too long, now or too often before.
            Exception: whatever the function raised.
        """
        self._left[:] = [thread for thread in self._left if thread.is_alive()]
        if len(self._left) >= STUCK:
            raise TimeoutError(f"{STUCK} earlier calls have not ended")
        said: list[Any] = []
        thread = threading.Thread(target=_hear, args=(self.function, values, said), daemon=True, name=self.name)
        thread.start()
        thread.join(self.limit_s)
        if not said:
            self._left.append(thread)
            raise TimeoutError(f"no answer in {self.limit_s:g} s")
        if isinstance(said[0], Exception):
            raise said[0]
        return _text(said[0])


def ask_user_tool(inquiry: Inquiry, tool: UserTool, arguments: Arguments) -> Answer:
    """Return what a user's tool says, as evidence of the kind ``user_tool``; the subject is its text."""
    given = {name: getattr(arguments, name) for name in tool.arguments}
    values = {
        name: inquiry.flows[value] if tool.arguments[name] == "flow_id" else value for name, value in given.items()
    }
    question = f"user_tool {tool.name} {json.dumps(given, sort_keys=True)}"
    try:
        said = _remembered(inquiry, question, lambda: tool.ask(values))
    except Exception as error:  # the user's code: whatever it raises is a failed call
        # Its text may quote whom the tool asked: it is for a person, and not for a model outside every fence.
        log.warning("the tool %s failed: %s: %s", tool.name, type(error).__name__, escape(str(error), limit=160))
        return failed(tool.name, name_of(error))
    value = {"tool": tool.name, "arguments": given, "answer": (said or "").splitlines()}
    if not said:
        return inquiry.tell(tool.name, "user_tool", f"{tool.name}: nothing", value, "", Finding.NOT_RECORDED)
    return inquiry.tell(tool.name, "user_tool", f"{tool.name} answered {len(said)} characters", value, said)


def _remembered(inquiry: Inquiry, question: str, ask: Callable[[], str]) -> str | None:
    return inquiry.host.remembered(question, ask) if isinstance(inquiry.host, Memory) else ask()


def _hear(function: Callable[..., Any], values: Mapping[str, Any], said: list[Any]) -> None:
    try:
        said.append(function(**values))
    except SystemExit:
        said.append(RuntimeError("it called exit"))
    except Exception as error:  # the user's code: the thread that waits raises it
        said.append(error)


def _text(said: Any) -> str:
    """Return text as it is and all else as JSON; a value that JSON cannot hold raises ``TypeError``."""
    if said is None:
        return ""
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False, sort_keys=True)
    return text[:ANSWER_CHARACTERS]


def _field(kind: str) -> tuple[Any, Any]:
    """Return the type and the limits that the built-in tools have for the same kind."""
    model = KINDS[kind].model_fields[kind]
    return model.annotation, Field(..., description=model.description or "", **_limits(kind))


def _limits(kind: str) -> dict[str, Any]:
    return {
        "flow_id": {"max_length": 64},
        "ip": {"max_length": 45},
        "pid": {"ge": 1, "le": 4_194_304},
        "query": {"min_length": 2, "max_length": 200},
    }[kind]
