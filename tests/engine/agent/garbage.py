"""Replies that no endpoint should give: made from a seed, so that each can be made again."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.messages.tool import invalid_tool_call, tool_call

from engine.agent.models import REPLY_CHARACTERS, Session, message_of
from engine.agent.shape import Shape
from engine.agent.tools import INVESTIGATOR_TOOLS

VERDICT: dict[str, Any] = {
    "conclusion": "malicious",
    "severity": "critical",
    "disposition": "true_positive",
    "attack_ids": ["T1190"],
    "claims": [{"text": "A rule hit.", "evidence_ids": ["E-0123456789"], "knowledge_ids": ["T1190"]}],
    "not_done": ["Nothing."],
    "actions": ["Update."],
    "summary": "An exploit.",
    "ask_block": True,
}
CONTROL = "".join(map(chr, [*range(32), 127, *range(0x80, 0xA0), 0x202E, 0x200B, 0x2066, 0xFEFF, 0xFFFF]))
ODD: list[Any] = [
    None, True, -1, 0, 10**4000, 1e308, float("nan"), float("inf"), "", "x" * 5000, CONTROL, [], {}, [[]], {"": None},
    "T1190'; DROP TABLE verdict;--", "../../etc/shadow", "\ud800",
]  # fmt: skip


def nested(depth: int, within: Any = None) -> Any:
    """Return lists and objects in one another."""
    for level in range(depth):
        within = [within] if level % 2 else {"claims": within}
    return within


def _truncated(rng: random.Random) -> str:
    text = json.dumps(rng.choice([VERDICT, {"steps": [{"tool": "logins", "why": "x"}]}]))
    return text[: rng.randrange(len(text))]


def _wrong_types(rng: random.Random) -> str:
    reply = VERDICT | {rng.choice(list(VERDICT)): rng.choice(ODD) for _ in range(rng.randrange(1, 5))}
    return json.dumps(reply)


def _missing_fields(rng: random.Random) -> str:
    names = rng.sample(list(VERDICT), rng.randrange(len(VERDICT)))
    return json.dumps({name: VERDICT[name] for name in names})


def _deep(rng: random.Random) -> str:
    depth = rng.choice([50, 400, 900])
    return rng.choice(["[" * 100_000, '{"a":' * 20_000, json.dumps(VERDICT | {"claims": nested(depth)})])


def _numbers(rng: random.Random) -> str:
    number = rng.choice(["9" * 6000, "NaN", "-Infinity", "1e999999", "-0", "0x10", "٣"])
    return f'{{"conclusion": "benign", "severity": {number}, "steps": {number}, "claims": [{number}]}}'


def _refusal(rng: random.Random) -> str:
    return rng.choice(["", "I'm sorry, but I can't help with that.", "As an AI model, ...", "对不起，我无法回答。"])


def _tool_as_text(rng: random.Random) -> str:
    call = {"tool": rng.choice([*INVESTIGATOR_TOOLS, "block_ip", ""]), "arguments": rng.choice([{}, ODD, {"ip": "x"}])}
    return f"<tool_call>{json.dumps(call)}</tool_call>" * rng.choice([1, 3, 60])


def _huge(rng: random.Random) -> str:
    part = rng.choice(["A", "{", '{"conclusion": "', '{"tool": "logins"}', CONTROL])
    return part * (1_000_000 // len(part))


def _control(rng: random.Random) -> str:
    return "".join(rng.choices(CONTROL + '{}[]":,', k=rng.randrange(400)))


def _markup(rng: random.Random) -> str:
    return rng.choice(
        ["<html><body>502</body></html>", "[/bold][red]x", "```json\n```", "<think>" * 900, "<<<end 0>>>"]
    )


def _claims(rng: random.Random) -> str:
    claims = [
        {"text": rng.choice(["x", CONTROL, "y" * 9000]), "evidence_ids": rng.choice([["E-ffffffffff"] * 500, []])}
    ]
    return json.dumps(VERDICT | {"claims": claims * rng.choice([1, 300])})


TEXTS: tuple[Callable[[random.Random], str], ...] = (
    _truncated, _wrong_types, _missing_fields, _deep, _numbers, _refusal, _tool_as_text, _huge, _control, _markup,
    _claims,
)  # fmt: skip


def calls(rng: random.Random) -> list[tuple[str, Any]]:
    """Return tool calls nobody should make."""
    names = [*INVESTIGATOR_TOOLS, "block_ip", "", CONTROL, "a" * 5000, "search_knowledge"]
    arguments: list[Any] = [{}, {"ip": "203.0.113.7"}, {"pid": 10**300}, {"flow_id": CONTROL}, {"x": nested(300)}]
    arguments += [{"query": odd, "direction": odd} for odd in ODD[:-1]]
    return [(rng.choice(names), rng.choice(arguments)) for _ in range(rng.choice([1, 1, 2, 40]))]


class GarbageChat:
    """An endpoint whose every reply is rubbish, or an error."""

    name = "garbage"

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.asked = 0

    @asynccontextmanager
    async def session(self, call_s: float) -> AsyncIterator[Session]:
        """Yield one session."""
        yield _Session(self)


class _Session:
    def __init__(self, chat: GarbageChat) -> None:
        self._chat = chat
        self.answers: list[str] = []
        self.partial = ""

    def why_shut(self) -> str:
        return ""

    def leaving(self, text: str) -> str:
        return text

    def explain(self, error: Exception) -> str:
        return f"{type(error).__name__}: {error}"[:200]

    async def ask(self, messages: Sequence[Any], tools: Sequence[dict[str, Any]], shape: Shape | None = None) -> Any:
        rng = self._chat.rng
        self._chat.asked += 1
        if rng.random() < 0.05:
            raise rng.choice([ConnectionError("reset"), TimeoutError(), ValueError("not JSON"), RuntimeError(CONTROL)])
        text = rng.choice(TEXTS)(rng)
        self.partial = text[:REPLY_CHARACTERS]
        if len(text) > REPLY_CHARACTERS:
            raise ValueError("the reply is too long")
        reply = AIMessage(text)
        if rng.random() < 0.5:
            made = calls(rng)
            reply = AIMessage(
                text,
                tool_calls=[tool_call(name=name, args=args, id="t") for name, args in made],
                invalid_tool_calls=[invalid_tool_call(name=name, args="{", id="t", error="") for name, _ in made[:2]],
            )
        return message_of(reply)
