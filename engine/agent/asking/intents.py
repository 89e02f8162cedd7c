"""What a person wants to know of an incident, told by the words of the question."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from engine.agent.asking import records
from engine.agent.asking.sources import Sources
from engine.agent.tongue import Tongue
from engine.types import Claim

Answer = Callable[[Sources, Tongue], list[Claim]]

MOST = 2
"""Things that one question may ask."""

_WORDS: Final[tuple[tuple[Answer, str, str], ...]] = (
    (
        records.told_missing,
        r"not (done|performed|checked|executed)|left out|missing|skipped",
        r"未执行|没有?(执行|做|检查)|遗漏|缺",
    ),
    (
        records.told_blocked,
        r"\b(block(ed|s|ing)?|drop(ped)?|ban(ned)?|proposals?|approved?|decided|decision)\b",
        r"封禁|封锁|阻断|拦截|提案|批准|决定",
    ),
    (
        records.told_outcome,
        r"\b(did|has|have|was|were|is|are|am)\b.{0,60}\b(succe(ed|eded|ss|ssful)|work(ed)?|compromised|breached|hacked"
        r"|pwned|broken into|g(e|o)t in|gotten in)\b",
        r"成功|得逞|(攻破|入侵|黑|攻陷)了",
    ),
    (
        records.told_process,
        r"\b(process(es)?|programs?|binar(y|ies)|executables?|pid|which user|daemon)\b",
        r"进程|程序|可执行",
    ),
    (
        records.told_actions,
        r"what (should|can|must|do) (i|we)\b|\b(next steps?|recommend\w*|remed\w+|respond|mitigat\w*|fix)\b",
        r"怎么办|(如何|怎么)(处理|处置|应对|修复|做)|建议|措施|下一步",
    ),
    (
        records.told_techniques,
        r"att&?ck\b|\b(techniques?|tactics?|kill chain|attack chain)\b",
        r"技术|战术|攻击链",
    ),
    (records.told_indicators, r"\b(iocs?|indicators?|hash(es)?|sha-?256)\b", r"指标|哈希|失陷"),
    (
        records.told_payload,
        r"\b(payload|sent|bytes|request|content|captured)\b",
        r"载荷|发送|请求|内容|报文",
    ),
    (
        records.told_when,
        r"(^|[,;.?!] *|\band )when\b|\bwhen (did|was|were|has|is)\b|what time|how long|timeline",
        r"什么时候|何时|时间|多久|几点",
    ),
    (
        records.told_who,
        r"\bwho\b(?! (do|should|can|must|to)\b)|\b(whose|where .{0,40} from|which (address|ip|host)|attacker|source)\b",
        r"谁|攻击者|来源|哪个(地址|ip|主机)|来自",
    ),
    (
        records.told_verdict,
        r"\b(why|benign|malicious|suspicious|verdict|conclu\w+|certain|sure|false positive|severity|serious|severe|"
        r"dangerous)\b",
        r"为什么|为何|良性|恶意|误报|结论|研判|依据|严重|危险",
    ),
    (
        records.told_what,
        r"what (happened|is this|was this|is it|is going on)|\b(summar\w+|overview|explain|describe|tell me)\b",
        r"发生了?什么|怎么回事|概要|总结|概述|介绍|说明",
    ),
)
"""An answer, and the words that ask for it; in the order they are looked at."""

_INTENTS: Final = tuple(
    (answer, re.compile(f"{english}|{chinese}", re.IGNORECASE)) for answer, english, chinese in _WORDS
)


def intents_of(question: str) -> list[Answer]:
    """Return what a question asks of an incident."""
    return [answer for answer, words in _INTENTS if words.search(question)][:MOST]
