"""Coordinates from numbers: of programs, of loops, of vectors along a side of a tile."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from graphc.kernels.kernel import Axis

from .shape import Side
from .writer import Writer, size_text


def decoded(out: Writer, number: str, axes: Sequence[Axis]) -> dict[str, str]:
    """The coordinates that a row-major number stands for, in the order of the axes."""
    found: dict[str, str] = {}
    for before, a in reversed(list(pairwise(axes))):
        found[a.name] = out.let(f"{number} % {size_text(a.size)}", f"at_{a.name}_")
        hint = f"at_{before.name}_" if before is axes[0] else "rest"
        number = out.let(f"{number} // {size_text(a.size)}", hint)
    found[axes[0].name] = number
    return {a.name: found[a.name] for a in axes}


def vector_text(width: str, side: Side, out: Writer) -> str:
    """0, 1, .. along a side, in the integers of offsets."""
    text = f"tl.arange(0, {width})" + ("[None, :]" if side else "[:, None]")
    return text if out.integer == "tl.int32" else f"{text}.to({out.integer})"
