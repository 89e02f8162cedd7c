"""What each setting means: the sentences under the fields, what a number counts, and what it may be."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path

from engine import config
from engine.config import LIMITS, Settings


@cache
def source() -> str:
    """Return the text that the settings were loaded from, as it was when it was first asked for."""
    return Path(config.__file__).read_text(encoding="utf-8")


@cache
def meanings() -> Mapping[str, str]:
    """Return what each setting means, in its order; values and other names stand in double backquotes."""
    classes = (node for node in ast.parse(source()).body if isinstance(node, ast.ClassDef))
    tree = next(node for node in classes if node.name == Settings.__name__)
    return {
        field.target.id: inspect.cleandoc(str(ast.literal_eval(below.value))).replace("\n", " ")
        for field, below in pairwise(tree.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr)
    }


def span(key: str) -> str:
    """Return what a number may be, such as ``60 to 604800``; empty where that is not limited."""
    if key not in LIMITS:
        return ""
    low, high = LIMITS[key]
    return f"{low:.12g} to {high:.12g}"
