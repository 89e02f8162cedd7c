"""Whatever an endpoint replies, every investigation ends in a verdict."""

from __future__ import annotations

import asyncio
import json
import random

import pytest

from engine.agent.graph import Analyst
from engine.agent.models import ModelChoice
from engine.types import Conclusion, StepKind, TraceStep
from tests.engine.agent.cases import HostFake, KnowledgeFake, case
from tests.engine.agent.garbage import TEXTS, GarbageChat, calls
from tests.model_server import Raw, Refuse, Reply, Say, serving

CASES = 1000
SHARES = 10
SIDE_BY_SIDE = 10
SERVED = 60


@pytest.mark.parametrize("share", range(SHARES))
async def test_a_thousand_investigations_with_garbage_end_in_a_verdict(share: int) -> None:
    for seed in range(share * CASES // SHARES, (share + 1) * CASES // SHARES, SIDE_BY_SIDE):
        await asyncio.gather(*(_ends_in_a_verdict(seed + number) for number in range(SIDE_BY_SIDE)))


async def _ends_in_a_verdict(seed: int) -> None:
    chat, steps = GarbageChat(seed), list[TraceStep]()
    outcome = await Analyst(chat, HostFake(), KnowledgeFake()).investigate(case(), steps.append)
    assert outcome.verdict.conclusion is Conclusion.MALICIOUS, seed
    assert outcome.propose_block, seed
    assert any(claim.supported for claim in outcome.verdict.claims), seed
    assert steps[-1].kind is StepKind.VERDICT, seed
    assert chat.asked <= 6, seed
    assert outcome.tool_calls <= 8, seed
    assert not any(set(step.content) & {"\x1b", "\x9b", "\u202e", "\x07"} for step in steps), seed


def _served(rng: random.Random) -> Reply:
    text = rng.choice(TEXTS)(rng)
    made = tuple((name, arguments) for name, arguments in calls(rng)[:3])
    broken = (
        b"",
        b"data: {}\n\n",
        b'data: {"choices": [{"delta": null}]}\n\n',
        rng.randbytes(300),
        b"data: " + b"9" * 99,
    )
    bodies: list[Reply] = [
        Say(text),
        Say(text[:2000], made),
        Raw(rng.choice(broken)),
        Refuse(rng.choice([400, 401, 500])),
    ]
    return rng.choice(bodies)


async def test_garbage_over_a_connection_ends_in_a_verdict_too() -> None:
    rng = random.Random(7)
    with serving(lambda _: _served(rng)) as server:
        for number in range(SERVED):
            choice = ModelChoice("garbage", server.url, retries=0, stream=number % 2 == 0)
            outcome = await Analyst(choice, HostFake(), KnowledgeFake()).investigate(case(), lambda _: None)
            assert outcome.verdict.conclusion is Conclusion.MALICIOUS, number
    assert len(server.requests) > SERVED


def test_the_garbage_is_the_same_for_the_same_seed() -> None:
    first, again = ([maker(random.Random(seed)) for seed in range(5) for maker in TEXTS] for _ in range(2))
    assert json.dumps(first) == json.dumps(again)
