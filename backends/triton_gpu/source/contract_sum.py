"""The loop over K of a contraction: which axes it counts, its operands, the products.

    outer axes    one value each in a turn
    inner axes    DEPTH values at once, decoded from one number
The indices of an operand are sums of a part known before the loop (rows or columns), of numbers of
the turn (the taps of a convolution), and of a vector along K.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graphc import dtypes
from graphc.dtypes import DType
from graphc.ir.dim import Size, ceil_div, product
from graphc.kernels.kernel import Axis, Expr, Load, Op
from graphc.kernels.roles import Contraction
from graphc.kernels.walk import walk

from . import cells
from .body import Body
from .contract_tile import ProductTile
from .coordinates import decoded, vector_text
from .shape import Bound, Side, all_of, masks_of, sides_of
from .writer import size_text

SHAPES = ("[ROWS, DEPTH]", "[DEPTH, COLUMNS]")
FILLED = 4
"""Blocks of an axis from which on its last one may be filled badly."""


@dataclass(frozen=True, slots=True)
class Turns:
    """How K is walked. Where the first axis is a part that may be short, `count` are the points of
    it that exist; they are counted instead of being masked."""

    outer: tuple[Axis, ...]
    inner: tuple[Axis, ...]
    depth: int
    short: Axis | None

    @property
    def length(self) -> Size:
        """Points of the inner axes, where they are whole."""
        return product(a.size for a in self.inner)

    @property
    def blocks(self) -> Size:
        """Turns along the inner axes."""
        return ceil_div(self.length, self.depth)

    @property
    def is_exact(self) -> bool:
        """Whether every block of the inner axes is full."""
        short = self.short is not None and self.short in self.inner
        return not short and isinstance(self.length, int) and self.length % self.depth == 0


def turns_of(c: Contraction, depth: int) -> Turns:
    """Blocks of the last axis if they fill it well, so that all else is numbers; else of all."""
    axes = tuple(c.kernel.axis(n) for n in c.k)
    last = axes[-1].size
    fills = isinstance(last, int) and (last % depth == 0 or last >= FILLED * depth)
    outer = axes[:-1] if fills else ()
    return Turns(outer, axes[len(outer) :], depth, _short(axes[0], c))


def _short(first: Axis, c: Contraction) -> Axis | None:
    part = first.part
    if part is None or part.parent in c.k:
        return None
    whole = c.kernel.axis(part.parent).size * part.block
    return first if whole != part.total or first.size != part.block else None


class Products:
    """The loop in the making, where rows, columns and batches are bound."""

    def __init__(self, body: Body, c: Contraction, tile: ProductTile, numbers: DType, how: str):
        self.body, self.out, self.c = body, body.out, c
        self.numbers, self.how = numbers, how
        self.turns = turns_of(c, tile.depth)
        self.count: str | None = None

    def emit(self) -> list[str]:
        """The names of the sums, after the loop."""
        operands = (self.c.a, *self.c.b)
        below = walk(operands)
        for e in below:
            if isinstance(e, Load | Op) and e.free <= self.body.scope.keys():
                self.body.value(e)
        self._shorten()
        zeros = "tl.zeros([ROWS, COLUMNS], tl.float32)"
        totals = [self.out.let(zeros, "total") for _ in self.c.sums]
        self.body.prepare([e for e in below if isinstance(e, Load) and e not in self.body.memo])
        self._loop(lambda start: self._turn(start, totals))
        self.body.forget()
        return totals

    def _shorten(self) -> None:
        short = self.turns.short
        if short is None or short.part is None:
            return
        part = short.part
        block = size_text(part.block)
        left = f"{size_text(part.total)} - {self.body.scope[part.parent].text} * {block}"
        self.count = self.out.let(f"tl.minimum({block}, {left})", "count")

    # ------------------------------------------------------------------ loops

    def _loop(self, inside: Callable[[str], None]) -> None:
        turns, out = self.turns, self.out
        if not turns.outer:
            start = out.name("start")
            with out.block(f"for {start} in range(0, {self._number(turns.inner)}, DEPTH)"):
                inside(out.let(f"tl.cast({start}, {out.integer})", "start"))
            return
        blocks = size_text(turns.blocks)
        many = self._number(turns.outer) if turns.blocks == 1 else (
            f"{self._number(turns.outer)} * {blocks}"
        )  # fmt: skip
        turn = out.name("turn")
        with out.block(f"for {turn} in range({many})"):
            here = out.let(f"tl.cast({turn}, {out.integer})", "turn")
            start = "0"
            if turns.blocks != 1:
                start = out.let(f"{here} % {blocks} * DEPTH", "start")
                here = out.let(f"{here} // {blocks}", "turn")
            found = decoded(out, here, turns.outer)
            with self.body.within({}):
                for name, text in found.items():
                    self.body.scope[name] = self._bound(name, text, None)
                inside(start)

    def _number(self, axes: Sequence[Axis]) -> str:
        """The points of axes that exist."""
        if self.count is None or self.turns.short not in axes:
            return size_text(product(a.size for a in axes))
        rest = product(a.size for a in axes if a is not self.turns.short)
        return self.count if rest == 1 else f"{self.count} * {size_text(rest)}"

    def _bound(self, axis: str, text: str, side: Side | None, *conditions: str) -> Bound:
        short = self.turns.short
        if short is not None and axis == short.name:
            return Bound(text, side, all_of(conditions) or None)
        return self.body.bind(axis, text, side, *conditions)

    # ------------------------------------------------------------------ one turn

    def _turn(self, start: str, totals: list[str]) -> None:
        a = self._operands([self.c.a], start, 1)[0]
        others = self._operands(self.c.b, start, 0)
        precision = f', input_precision="{self.how}"' if self.numbers is dtypes.float32 else ""
        for total, b in zip(totals, others, strict=True):
            self.out.line(f"{total} = tl.dot({a}, {b}, {total}{precision})")

    def _operands(self, wanted: Sequence[Expr], start: str, side: Side) -> list[str]:
        """Blocks of operands whose K runs along a side."""
        vector = vector_text("DEPTH", side, self.out)
        number = self.out.let(vector if start == "0" else f"{start} + {vector}", "k")
        length = self._number(self.turns.inner)
        conditions = [] if self.turns.is_exact else [f"{number} < {length}"]
        found = decoded(self.out, number, self.turns.inner)
        with self.body.within({}):
            for name, text in found.items():
                self.body.scope[name] = self._bound(name, text, side, *conditions)
            return [self._block(e, side) for e in wanted]

    def _block(self, e: Expr, side: Side) -> str:
        """One operand, zero where K does not exist, in the dtype of the products."""
        missing = all_of(masks_of(self.c.k, self.body.scope))
        if isinstance(e, Load):
            text = self.out.let(self.body.load_text(e), f"{e.buffer.name}_block")
            if missing and e.fill != 0:
                text = self.out.let(f"tl.where({missing}, {text}, 0.0)")
        else:
            text = self.body.value(e)
            if missing:
                text = self.out.let(f"tl.where({missing}, {text}, 0.0)")
        if sides_of(e.free, self.body.scope) != {0, 1}:
            text = self.out.let(f"tl.broadcast_to({text}, {SHAPES[1 - side]})")
        narrow = isinstance(e, Load) and e.buffer.dtype is self.numbers
        kind = cells.type_text(self.numbers)
        return text if narrow else self.out.let(f"{text}.to({kind})")
