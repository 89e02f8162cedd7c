"""Words that hold sentences together, in a few languages; data to ``message``."""

from __future__ import annotations

_JOINING = """
    a aan aber about above after al ale all am an and any are as at att au auch auf aux av avec be
    before bei below bitte but by can ce cette che com como con da dans das dat de dei del della dem den
    der des det di die dla do does du e een ein eine einen eines el elle em en es est está et for from
    för für gli haben had has hat have he here het how i ich if ikke il im in inte into is ist it its
    jak je jest just kann keep la le les lo los ma maar mais med met mit muy my más na nach ne nel nicht
    nie niet no noch non not nous não och od oder of og on only op or os our out para pas per pero
    please plus por pour pro på que qui se see she should si sie sind się so som sono sont still su sur
    than that the then there these they this those til to um uma un una und une unter up use used uses
    van via von voor vous w war was we wenn were what when where which who why wie wij will wir wird
    with would y you your z zijn zu zum zur är über że
"""
JOINING = frozenset(_JOINING.split())
"""Words that prose cannot do without."""

_ALSO_CODE = "all and any as by do from if in into is like not on or then to when where with"
ALSO_CODE = frozenset(_ALSO_CODE.split())
"""Those of them that statements and scripts are made of too."""
