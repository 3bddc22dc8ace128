"""Row buffers: a costly value that two passes over the same axes need goes through the L1 cache.

The first pass computes and writes it, later passes read it (softmax: exp once instead of twice).
Only where the extents are known and the buffer is small; otherwise values are computed again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from graphc.backends.llvm_cpu.ir.types import Number, bytes_of, element_of, value_type
from graphc.kernels.kernel import Expr, Op, Reduce
from graphc.kernels.levels import walk_until
from graphc.kernels.walk import children, walk

from .body import Body, Vectors

# fmt: off
COSTLY = frozenset({
    "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh",
    "tanh", "asinh", "acosh", "atanh", "erf", "sigmoid", "pow", "atan2", "sqrt", "rsqrt", "div",
    "floor_divide", "remainder", "random_bits",
})
# fmt: on
ROW_BYTES = 1 << 16
"""The size of all row buffers of a function together: they should stay in the L1 cache."""


@dataclass(slots=True)
class _Row:
    """A buffer over some axes, the lanes innermost."""

    pointer: str
    strides: dict[str, int]
    written: bool = False


class Rows:
    """The row buffers of one function."""

    def __init__(self, body: Body, lanes: str | None) -> None:
        self.body, self.f, self.lanes = body, body.f, lanes
        self.bytes = 0

    def keep(self, here: Iterable[Reduce], later: Iterable[Expr]) -> list[_Row]:
        """Give buffers to what the pass `here` computes and `later` expressions need again."""
        body, now = self.body, frozenset(here)
        if self.lanes is None:
            return []
        computed = frozenset(walk_until([e.arg for e in now], body.memo))
        found: list[_Row] = []
        seen: set[Expr] = set()

        def visit(e: Expr) -> None:
            if e in seen or e in now or e in body.memo or e in body.special:
                return
            seen.add(e)
            if e in computed and isinstance(e, Op) and self._is_costly(e):
                row = self._row_for(e)
                if row is not None:
                    found.append(row)
                    body.special[e] = lambda: self._through(e, row)
                    return
            for child in children(e):
                visit(child)

        for e in later:
            visit(e)
        return found

    def _is_costly(self, e: Expr) -> bool:
        """Whether computing again what varies inside the pass costs more than a read."""
        bound = self.body.place.bound()
        return any(
            isinstance(x, Op) and x.name in COSTLY and not x.free <= bound for x in walk((e,))
        )

    def _row_for(self, e: Expr) -> _Row | None:
        place, body = self.body.place, self.body
        below = walk((e,))
        if self.lanes not in e.free or any(
            isinstance(x, Reduce) and x not in body.memo for x in below
        ):
            return None
        inside = [a for a in place.axes if a in e.free - place.bound()]
        inside.sort(key=lambda name: name == self.lanes)
        count = place.width * (
            place.lanes.groups if place.lanes and place.lanes.axis in e.free else 1
        )
        strides: dict[str, int] = {}
        for name in reversed(inside):
            size = place.axes[name].size
            if not isinstance(size, int):
                return None
            if name == self.lanes:
                strides[name], count = 1, -(-size // place.width) * place.width
            else:
                strides[name], count = count, count * size
        element = element_of(value_type(e.dtype))
        if not inside or e.dtype.kind == "b" or self.bytes + count * bytes_of(element) > ROW_BYTES:
            return None
        self.bytes += count * bytes_of(element)
        return _Row(self.f.alloca(element, count, hint="row"), strides)

    def _through(self, e: Expr, row: _Row) -> Vectors:
        """Compute and write, or read."""
        f, place = self.f, self.body.place
        assert place.lanes, "a row is walked in lanes"
        type_ = value_type(e.dtype, place.width)
        element = element_of(type_)
        offset: Number = 0
        for name, stride in row.strides.items():
            at = place.lanes.base if name == place.lanes.axis else place.at[name]
            offset = f.add(offset, f.mul(at, stride))
        start = f.gep(element, row.pointer, offset)
        spots = [f.gep(element, start, g * place.width) for g in range(place.lanes.groups)]
        if row.written:
            return [f.load(type_, spot) for spot in spots]
        values = self.body.compute(e)
        for spot, value in zip(spots, values, strict=True):
            f.store(type_, value, spot)
        return values
