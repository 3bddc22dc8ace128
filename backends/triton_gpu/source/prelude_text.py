"""Pieces of `prelude.py` as text: those functions that a generated body calls, and theirs."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

_WORD = re.compile(r"(?<![.\w])[A-Za-z_]\w*")
"""Names, but not those of attributes such as `tl.minimum`."""


@cache
def _functions() -> dict[str, str]:
    """The text of each function of the prelude, with its decorator, in order."""
    text = (Path(__file__).parent / "prelude.py").read_text(encoding="utf-8")
    lines = text.splitlines()
    found: dict[str, str] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            first = min(d.lineno for d in node.decorator_list)
            found[node.name] = "\n".join(lines[first - 1 : node.end_lineno])
    return found


def needed(body: str) -> list[str]:
    """The functions that are called by a body or by each other, in the order of the prelude."""
    functions = _functions()
    wanted: set[str] = set()
    texts = [body]
    while texts:
        called = {w for w in _WORD.findall(texts.pop()) if w in functions} - wanted
        wanted |= called
        texts += [functions[n] for n in called]
    return [text for name, text in functions.items() if name in wanted]
