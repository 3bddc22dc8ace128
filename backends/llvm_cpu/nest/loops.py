"""Loops over axes: the vector axis in groups of full vectors and masked ones, orders of loops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from graphc.backends.llvm_cpu.ir.types import Number
from graphc.kernels.dense import address_coef
from graphc.kernels.kernel import Expr, Load

from .body import Body, Vectors
from .map_schedule import MapSchedule
from .place import Lanes

Range = tuple[Number, Number]
FAR = 1 << 40
"""What a step of unknown length counts for."""
Carried = list[Vectors]
"""Values that go through loops: of each one vector per group, or fewer."""


class Loops:
    """The loops of one kernel at the place of a body."""

    def __init__(self, body: Body, schedule: MapSchedule) -> None:
        self.body, self.place, self.f, self.schedule = body, body.place, body.f, schedule
        axes = self.place.axes.values()
        self.order = {a.name: i for i, a in enumerate(axes)}
        self.parents = {a.name: a.part.parent for a in axes if a.part}
        """Axes that count inside a part -> the axis that numbers the parts."""

    def ordered(self, axes: Iterable[str]) -> list[str]:
        """Axes in the order of loops: parents before parts, the vector axis last."""
        lanes = self.schedule.lanes
        return sorted(axes, key=lambda n: (n == lanes, n in self.parents, self.order[n]))

    def step(self, axis: str, below: Iterable[Expr]) -> int:
        """How far an axis moves through the memory of the loads among some expressions."""
        found = [address_coef(e.buffer, e.index, axis) for e in below if isinstance(e, Load)]
        return max(
            (abs(x) if isinstance(x, int) else FAR for x in found if x is not None), default=0
        )

    def may_bind(self, axis: str) -> bool:
        """A part of an axis needs to know which part it is in."""
        return axis not in self.parents or self.parents[axis] in self.place.at

    def vectors(
        self,
        low: Number,
        high: Number,
        inside: Callable[[Carried], Carried],
        carried: Sequence[tuple[str, Vectors]] = (),
    ) -> Carried:
        """Loop the vector axis: groups of full vectors first, then single ones, the last masked.

        `carried` are (type, vectors) that go through the loops: one vector per group, or fewer.
        """
        f, s, width = self.f, self.schedule, self.place.width
        assert s.lanes, "a kernel without axes has no vectors"
        lanes, step = s.lanes, s.groups * width
        types = [t for t, v in carried for _ in v]
        shape = [len(v) for _, v in carried]

        def run(base: Number, flat: Sequence[str], groups: int, left: Number | None) -> list[str]:
            values = unflatten(flat, shape)
            with self.body.scope({}, Lanes(lanes, base, groups, left)):
                results = inside([v[:groups] for v in values])
            return [x for v, r in zip(values, results) for x in (*r, *v[groups:])]

        flat = [x for _, v in carried for x in v]
        full = f.add(low, f.mul(f.div(f.sub(high, low), step), step))
        pairs = list(zip(types, flat))
        flat = f.loop(low, full, step, lambda i, c: run(i, c, s.groups, None), pairs)
        if isinstance(low, int) and isinstance(full, int) and isinstance(high, int):
            for base in range(full, high, width):
                left = None if high - base >= width else high - base
                flat = run(base, flat, 1, left)
            return unflatten(flat, shape)
        pairs = list(zip(types, flat))
        flat = f.loop(full, high, width, lambda i, c: run(i, c, 1, f.sub(high, i)), pairs)
        return unflatten(flat, shape)


def unflatten(values: Sequence[str], shape: Sequence[int]) -> Carried:
    """Flat values cut into pieces of these lengths."""
    result, at = [], 0
    for n in shape:
        result.append(list(values[at : at + n]))
        at += n
    return result
