"""The report as one HTML page that needs nothing else: it reads in the dark and prints."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Collection
from typing import Final

from engine.agent.report.attack import attack_chain
from engine.agent.report.lines import LINE_CHARACTERS, Line, Section
from engine.agent.report.picture import picture
from engine.agent.report.sections import sections, title
from engine.agent.tongue import Tongue
from engine.text import escape
from engine.types import IncidentView

STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c2128;--soft:#59636e;--paper:#fff;--rule:#d1d9e0;--code:#f0f2f5;--lane0:#f6f8fa;\
--lane1:#eceff3;--box:#fff;--edge:#0969da;--bad:#b3261e;--good:#1a7f37}
@media(prefers-color-scheme:dark){:root{--ink:#e2e6ea;--soft:#9da7b1;--paper:#0f1318;--rule:#343b44;--code:#1b2129;\
--lane0:#151a20;--lane1:#1b2129;--box:#0f1318;--edge:#58a6ff;--bad:#ff8a80;--good:#56d364}}
body{font:15px/1.5 system-ui,"Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;max-width:62rem;\
margin:2rem auto;padding:0 1rem;color:var(--ink);background:var(--paper)}
h1{font-size:1.5rem;margin:0 0 .5rem}
h2{border-bottom:1px solid var(--rule);font-size:1.1rem;margin:1.6rem 0 .5rem}
.badge{display:inline-block;border:1px solid var(--rule);border-radius:1rem;padding:.05rem .7rem;margin:0 .4rem .3rem 0}
.grave{border-color:var(--bad);color:var(--bad);font-weight:600}
ul{margin:.3rem 0;padding-left:1.2rem}
li{margin:.25rem 0;overflow-wrap:anywhere}
code{font:13px/1.45 ui-monospace,monospace;background:var(--code);padding:1px 4px;border-radius:3px;\
overflow-wrap:anywhere}
#claims code,#actions code,#not-done code,#plan code,#summary code,#now code{font:inherit;background:none;padding:0}
#evidence li{margin:.7rem 0}
.fields{color:var(--soft);font-size:13px;list-style:none}
.fields li,#evidence .fields li{margin:.1rem 0}
#model-text{border:1px dashed var(--bad);padding:0 1rem .5rem}
.supported>.words{color:var(--good)}
.unsupported>.words,.alarm>.words{color:var(--bad);font-weight:600}
.ids{color:var(--soft);font-size:13px}
a{color:var(--edge);text-decoration:none}
:target{outline:2px solid var(--edge)}
.picture{overflow-x:auto;margin:.6rem 0}
svg{display:block;font:12px system-ui,"Noto Sans CJK SC",sans-serif}
svg text{fill:var(--ink)}
.lane0{fill:var(--lane0)}.lane1{fill:var(--lane1)}
svg .lane-name,svg .name,svg .seen-word,svg .named-word{fill:var(--soft);font-size:11px}
.technique{font-weight:600}
.seen-word,.named-word{text-anchor:end}
.seen,.named{fill:var(--box);stroke:var(--edge);stroke-width:1.5}
.named{stroke-dasharray:4 3;stroke:var(--soft)}
.arrow{fill:none;stroke:var(--soft);stroke-width:1.5}
polygon{fill:var(--soft)}
@media print{:root{color-scheme:light;--ink:#000;--soft:#444;--paper:#fff;--rule:#999;--code:#f4f4f4;--lane0:#f6f6f6;\
--lane1:#eee;--box:#fff;--edge:#000;--bad:#000;--good:#000}body{margin:0;max-width:none;font-size:11pt}\
h2{break-after:avoid}li,.picture{break-inside:avoid}.picture{overflow:visible}svg{max-width:100%;height:auto}}
"""

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY: Final = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"

LINE_IDS = 64
"""Shown with one line."""

_EVIDENCE = re.compile(r"E-[0-9a-f]{10}\Z", re.ASCII)
_GRAVE = frozenset(("high", "critical", "malicious"))
_LANG = {"en": "en", "zh": "zh-Hans"}


def as_html(view: IncidentView, tongue: Tongue) -> str:
    """Return the report as a page."""
    heading = _text(title(view, tongue))
    known = {one.id for one in view.evidence if _EVIDENCE.match(one.id)}
    drawing = picture(attack_chain(view), tongue)
    body = "".join(_section(one, known, drawing if one.name == "chain" else "") for one in sections(view, tongue))
    return (
        f'<!doctype html>\n<html lang="{_LANG[tongue.lang]}"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{heading}</title><style>{STYLE}</style></head>\n"
        f"<body>\n<header><h1>{heading}</h1>\n<p>{_badges(view, tongue)}</p></header>\n<main>\n{body}</main>\n"
        f"</body></html>\n"
    )


def _badges(view: IncidentView, tongue: Tongue) -> str:
    verdict, incident = view.verdict, view.incident
    words = [("severity {~value}", incident.severity), ("disposition {~value}", incident.disposition)]
    told = [(value, tongue.say(phrase, value=value)) for phrase, value in words]
    if verdict:
        told.insert(0, (verdict.conclusion, tongue.retold(verdict.conclusion)))
    return "".join(
        f'<span class="badge{" grave" if value in _GRAVE else ""}">{_text(text)}</span>' for value, text in told
    )


def _section(section: Section, known: Collection[str], drawing: str) -> str:
    shown = f'<div class="picture">{drawing}</div>\n' if drawing else ""
    lines = "".join(_line(line, known) for line in section.lines)
    return f'<section id="{section.name}"><h2>{_text(section.title)}</h2>\n{shown}<ul>\n{lines}</ul>\n</section>\n'


def _line(line: Line, known: Collection[str]) -> str:
    told = _item(line.words, line.quoted)
    ids = f' <span class="ids">[{", ".join(_id(one, known) for one in line.ids[:LINE_IDS])}]</span>' if line.ids else ""
    anchor = f' id="{line.anchor}"' if line.anchor in known else ""
    below = "".join(f"<li>{_item(name, value)}</li>\n" for name, value in line.fields)
    fields = f'\n<ul class="fields">\n{below}</ul>\n' if below else ""
    return f'<li class="{line.mark}"{anchor}>{told}{ids}{fields}</li>\n'


def _item(words: str, quoted: str) -> str:
    shown = (f'<span class="words">{_text(words)}</span>' if words else "", f"<code>{_text(quoted)}</code>")
    return ": ".join(filter(None, shown if quoted else shown[:1]))


def _id(one: str, known: Collection[str]) -> str:
    return f'<a href="#{one}">{one}</a>' if one in known else _text(one)


def _text(text: str) -> str:
    return html.escape(escape(text, limit=LINE_CHARACTERS), quote=True)
