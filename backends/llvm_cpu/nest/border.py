"""The inside of an image apart from its border: there no guard of a window can fail.

    for row of items:
      if the row is inside:  for column inside:  the points, without guards
      for other columns:                         the points, with guards
Which positions are inside is read off the guards (`interior_of`); the loops are `sweep`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from graphc.backends.llvm_cpu.ir.types import I64, Number
from graphc.backends.llvm_cpu.ir.writer import Condition
from graphc.kernels.kernel import Affine, Axis, Expr, Kernel, Load
from graphc.kernels.walk import expressions_of

from .body import Body

Ranges = Mapping[str, tuple[int, int]]
"""The first value of each axis, and the first one after them."""


def interior_of(kernel: Kernel, outer: Iterable[str]) -> dict[str, tuple[int, int]]:
    """For some axes the values at which guards of loads hold for all values of other axes.

    Only guards of one such axis, at known sizes, are looked at; axes without them are left out.
    Nothing if no point is inside.
    """
    axes, kept = {a.name: a for a in kernel.axes}, frozenset(outer)
    found: dict[str, tuple[int, int]] = {}
    for e in expressions_of(kernel):
        for d in e.checked if isinstance(e, Load) else ():
            assert isinstance(e, Load), "only loads are guarded"
            i, limit = e.index[d], e.buffer.shape[d]
            if isinstance(i, Affine) and isinstance(limit, int):
                _narrow(found, i, limit, axes, kept)
    outside = {n: r for n, r in found.items() if r != (0, axes[n].size)}
    return {} if any(low >= high for low, high in found.values()) else outside


def _narrow(
    found: dict[str, tuple[int, int]], i: Affine, limit: int, axes: Mapping[str, Axis],
    kept: frozenset[str],
) -> None:  # fmt: skip
    """Only values of the one kept axis at which 0 <= i < limit whatever the other axes are."""
    mine = [n for n, _ in i.terms if n in kept]
    sizes = {n: axes[n].size for n, _ in i.terms}
    if len(mine) != 1 or not i.is_plain or not isinstance(i.const, int):
        return
    low = high = i.const
    step = size = 0
    for n, coef in i.terms:
        extent = sizes[n]
        if not isinstance(extent, int) or not isinstance(coef, int) or axes[n].part:
            return
        if n == mine[0]:
            step, size = coef, extent
            continue
        low, high = low + min(0, coef * (extent - 1)), high + max(0, coef * (extent - 1))
    first, last = found.get(mine[0], (0, size))
    inside = [v for v in range(first, last) if step * v + low >= 0 and step * v + high < limit]
    found[mine[0]] = (inside[0], inside[-1] + 1) if inside else (0, 0)


Needs = Callable[[], Iterable[tuple[Expr, Iterable[str]]]]


def sweep(
    body: Body, axis: str, inside: Ranges, needs: Needs, one: Callable[[Number], None]
) -> None:
    """All values of an axis: `one` at each. `needs` are roots with the loops from here on."""
    f, place = body.f, body.place
    size = place.extent(axis)
    if not inside:
        with body.hoisted(needs()):
            f.loop(0, size, 1, lambda j, _: one(j), hint="column")
        return
    low, high = inside.get(axis, (0, size))
    calm: Condition = True
    for n, (first, last) in inside.items():
        if n != axis:
            here = f.sub(place.at[n], first)
            calm = f.both(calm, f.relate("lt", I64, here, last - first, unsigned=True))

    def quiet() -> None:
        with body.scope({}), place.within(inside), body.hoisted(needs()):
            f.loop(low, high, 1, lambda j, _: one(j), hint="inside")

    f.if_(calm, quiet)
    skipped = f.select(calm, I64, f.sub(high, low), 0)

    def border(k: Number, _: list[str]) -> None:
        behind = f.compare("ge", k, low)
        one(f.add(k, f.select(behind, I64, skipped, 0)))

    with body.scope({}), body.hoisted(needs()):
        f.loop(0, f.sub(size, skipped), 1, border, hint="border")
