"""Where the axes of a kernel are in a tile of [rows, lanes] that one program owns.

Each axis that is bound has a coordinate: a number of the program or of a loop, or a vector along
one side of the tile. A value has the sides of its free axes, and is broadcast along the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Side = Literal[0, 1]
ROWS, LANES = "ROWS", "LANES"
SIDES = (ROWS, LANES)


@dataclass(frozen=True, slots=True)
class Bound:
    """An axis that has a coordinate: its text, the side it runs along (None: one number for the
    tile), and the text that says where it exists (None: everywhere)."""

    text: str
    side: Side | None = None
    mask: str | None = None


Scope = Mapping[str, Bound]


def sides_of(axes: Iterable[str], scope: Scope) -> frozenset[Side]:
    """The sides along which something of these axes varies."""
    found: list[Side | None] = [scope[n].side for n in axes if n in scope]
    return frozenset({s: None for s in found if s is not None})


def shape_text(sides: frozenset[Side], names: tuple[str, str] = (ROWS, LANES)) -> str:
    """The shape of a value, for `tl.full`: empty for a number."""
    if not sides:
        return "()"
    return "[" + ", ".join(name if i in sides else "1" for i, name in enumerate(names)) + "]"


def masks_of(axes: Iterable[str], scope: Scope) -> list[str]:
    """What must hold where these axes exist, each condition once."""
    found = (scope[n].mask for n in axes if n in scope)
    return list(dict.fromkeys(m for m in found if m))


def all_of(conditions: Iterable[str]) -> str:
    """The conjunction of conditions; empty where there are none."""
    found = list(dict.fromkeys(conditions))
    return " & ".join(f"({c})" for c in found) if len(found) > 1 else "".join(found)
