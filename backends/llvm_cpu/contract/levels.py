"""The loops over the sum, as register tiles walk them: neighbours that are one run are one loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graphc.backends.llvm_cpu.ir.types import Number
from graphc.backends.llvm_cpu.nest.place import Place
from graphc.ir.dim import Size

from .plan import Plan


@dataclass(frozen=True, slots=True)
class Level:
    """One loop of the sum: turns, and how far each operand moves per turn."""

    extent: Number
    a: Number
    b: tuple[Number, ...]


def nest_of(plan: Plan, place: Place, extents: Mapping[str, Number]) -> list[Level]:
    """The loops over K, neighbours fused where all operands walk them as one."""
    found: list[tuple[Number, Size, tuple[Size, ...]]] = []
    for n in plan.c.k:
        here = (extents[n], plan.a.step(n), tuple(x.step(n) for x in plan.b))
        if found and isinstance(here[0], int) and isinstance(found[-1][0], int):
            count, a, b = found[-1]
            if a == here[1] * here[0] and b == tuple(x * here[0] for x in here[2]):
                found[-1] = (count * here[0], here[1], here[2])
                continue
        found.append(here)
    return [Level(e, place.size(a), tuple(map(place.size, b))) for e, a, b in found]
