"""What the playbook analyst concludes of the labelled incidents, through the whole graph."""

from __future__ import annotations

import asyncio

from engine.agent.graph import Analyst
from engine.knowledge import Knowledge
from engine.types import Conclusion
from tests.incidents.cases import Labelled, ToldHost, case_of, labelled


def conclusions(half: str) -> list[tuple[Labelled, Conclusion]]:
    """Return what the playbook analyst concludes of every incident of a half."""
    knowledge = Knowledge(embedding=False)

    async def investigate(one: Labelled) -> tuple[Labelled, Conclusion]:
        case = case_of(one.told, knowledge)
        analyst = Analyst(None, ToldHost(one.told, case), knowledge)
        outcome = await analyst.investigate(case, lambda _: None)
        return one, outcome.verdict.conclusion

    async def every() -> list[tuple[Labelled, Conclusion]]:
        return [await investigate(one) for one in labelled(half)]

    return asyncio.run(every())
