"""The picture of the chain is drawn by us from ids, names and times alone."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from engine.agent.report.attack import Link
from engine.agent.report.picture import BOX_WIDTH, COLUMN, LANE, LEFT, picture
from engine.agent.tongue import Tongue

CHAIN = (
    Link("T1190", "Exploit Public-Facing Application", "initial-access", 1000.5),
    Link("T1105", "Ingress Tool Transfer", "command-and-control", 1001.0),
    Link("T1059", "Command and Scripting Interpreter", "execution", 0.0),
)
SVG = "{http://www.w3.org/2000/svg}"


def _drawn(links: tuple[Link, ...], lang: str = "en") -> ET.Element:
    return ET.fromstring(picture(links, Tongue(lang)))


def test_techniques_stand_in_time_order_in_the_lanes_of_their_tactics() -> None:
    boxes = [one for one in _drawn(CHAIN).iter(f"{SVG}rect") if one.get("class") in ("seen", "named")]
    assert [int(one.get("x", "")) for one in boxes] == [LEFT, LEFT + COLUMN, LEFT + 2 * COLUMN]
    assert [int(one.get("y", "")) // LANE for one in boxes] == [0, 2, 1]
    assert [one.get("class") for one in boxes] == ["seen", "seen", "named"]


def test_one_arrow_leads_from_each_technique_to_the_next() -> None:
    assert len(list(_drawn(CHAIN).iter(f"{SVG}path"))) == len(list(_drawn(CHAIN).iter(f"{SVG}polygon"))) == 2


def test_everything_lies_within_the_picture() -> None:
    drawn = _drawn(CHAIN * 6)
    width, height = int(drawn.get("width", "")), int(drawn.get("height", ""))
    assert all(0 <= int(one.get("x", "")) <= width - BOX_WIDTH for one in drawn.iter(f"{SVG}rect") if one.get("rx"))
    assert all(0 <= int(one.get("y", "")) <= height for one in drawn.iter(f"{SVG}text"))


def test_the_picture_has_words_for_who_cannot_see_it() -> None:
    assert _drawn(CHAIN).findtext(f"{SVG}title") == "Attack chain: T1190, T1105, T1059"
    words = [one.text for one in _drawn(CHAIN, "zh").iter(f"{SVG}text")]
    assert {"初始访问", "执行", "命令与控制", "结论指出", "00:16:40.500Z"} <= set(words)


def test_no_technique_makes_no_picture() -> None:
    assert picture((), Tongue()) == ""


def test_hostile_names_are_letters_in_it() -> None:
    link = Link("</text><script>", '"><script>alert(1)</script>', "<b>", 1.0)
    drawn = _drawn((link, link))
    names = {one.tag.removeprefix(SVG) for one in drawn.iter()}
    assert names == {"svg", "title", "rect", "text", "path", "polygon"}
