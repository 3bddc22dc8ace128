"""The loop over K of a contraction: which axes it counts, its operands, the products.

    outer axes    one value each in a turn
    inner axes    DEPTH values at once, decoded from one number
The indices of an operand are sums of a part known before the loop (rows or columns), of numbers of
the turn (the taps of a convolution), and of a vector along K.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from graphc import dtypes
from graphc.backends.triton_gpu.launch import TensorMap
from graphc.dtypes import DType
from graphc.ir.dim import product
from graphc.kernels.kernel import Axis, Expr, Load, Op
from graphc.kernels.roles import Contraction
from graphc.kernels.walk import walk

from . import cells
from .body import Body
from .boxes import Box
from .contract_maps import Layout, Tiles, begin_text
from .contract_tile import ProductTile
from .contract_turns import turns_of
from .coordinates import decoded, vector_text
from .shape import Bound, Side, all_of, masks_of, sides_of
from .writer import pointer, size_text

SHAPES = ("[ROWS, DEPTH]", "[DEPTH, COLUMNS]")
PRECISION = {
    dtypes.float32: ', input_precision="{}"',
    dtypes.float64: ", out_dtype=tl.float64",
}
"""What `tl.dot` must be told beside the operands."""
LEAST_FIRST = 64
"""Rows of the first operand of the products that read shared memory."""


class Products:
    """The loop in the making, where rows, columns and batches are bound."""

    def __init__(
        self, body: Body, c: Contraction, tile: ProductTile, numbers: DType, how: str,
        layout: Layout, starts: Mapping[str, str],
    ) -> None:  # fmt: skip
        self.body, self.out, self.c = body, body.out, c
        self.numbers, self.how = numbers, how
        self.turns = turns_of(c, tile.depth)
        self.count: str | None = None
        self.layout, self.copied = layout, layout.tiles
        self.starts = dict(starts)
        """Where the tile begins along its axes, and a block of K along those of K."""
        boxes = [e in self.copied and self.copied[e].is_box for e in (c.a, *c.b)]
        self.turned = boxes[0] and not any(boxes[1:]) and tile.columns >= LEAST_FIRST
        """Whether the tile is multiplied as (b' a')': a box is multiplied where it lies in shared
        memory if it comes second, and goes through registers if it comes first."""

    @property
    def maps(self) -> tuple[TensorMap, ...]:
        """The descriptors that operands come by."""
        return tuple(dict.fromkeys(found.map for found in self.copied.values()))

    def emit(self) -> list[str]:
        """The names of the sums, after the loop."""
        operands = (self.c.a, *self.c.b)
        below = walk(operands)
        for e in below:
            if isinstance(e, Load | Op) and e.free <= self.body.scope.keys():
                self.body.value(e)
        self._shorten()
        kinds = (cells.type_text(e.dtype) for e in self.c.sums)
        shape = "[COLUMNS, ROWS]" if self.turned else "[ROWS, COLUMNS]"
        totals = [self.out.let(f"tl.zeros({shape}, {kind})", "total") for kind in kinds]
        known = self.body.memo.keys() | self.copied.keys()
        self.body.prepare([e for e in below if isinstance(e, Load) and e not in known])
        self._loop(lambda start: self._turn(start, totals))
        self.body.forget()
        return [self.out.let(f"{t}.T", "total") for t in totals] if self.turned else totals

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
        if self.layout.depth:
            self._loop_of_boxes(self.layout.depth, inside)
            return
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

    def _loop_of_boxes(self, box: Box, inside: Callable[[str], None]) -> None:
        """Turns over boxes of all axes of K, of which only the first may be short."""
        out, (_, *rest) = self.out, box.counted()
        many = size_text(box.blocks)
        if self.count is not None:
            blocks = f"(({self.count} + {box.points[0] - 1}) // {box.points[0]})"
            many = " * ".join([blocks, *(size_text(a.size) for a in rest if a.size != 1)])
        turn = out.name("turn")
        with out.block(f"for {turn} in range({many})"):
            here = out.let(f"tl.cast({turn}, {out.integer})", "turn")
            self.starts |= box.begins(out, here)
            inside("0")

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
        precision = PRECISION.get(self.numbers, "").format(self.how)
        for total, b in zip(totals, others, strict=True):
            pair = f"{b}, {a}" if self.turned else f"{a}, {b}"
            self.out.line(f"{total} = tl.dot({pair}, {total}{precision})")

    def _operands(self, wanted: Sequence[Expr], start: str, side: Side) -> list[str]:
        """Blocks of operands whose K runs along a side, as the product wants them."""
        if self.layout.depth is None:
            self.starts[self.turns.inner[-1].name] = start
        if all(e in self.copied for e in wanted):
            return [self._copy(self.copied[e], side) for e in wanted]
        with self.body.within({}):
            self.body.scope |= self._depth(start, side)
            return [
                self._copy(self.copied[e], side)
                if e in self.copied
                else self._block(e, side) + (".T" if self.turned else "")
                for e in wanted
            ]

    def _depth(self, start: str, side: Side) -> dict[str, Bound]:
        """The coordinates of the inner axes of K along a side."""
        vector = vector_text("DEPTH", side, self.out)
        box, axes = self.layout.depth, self.turns.inner
        if box is not None:
            found = box.bounds(self.out, self.starts, vector, side)
            first = found[axes[0].name]
            if self.count and first.side is not None:
                found[axes[0].name] = replace(first, mask=f"{first.text} < {self.count}")
            return found
        number = self.out.let(vector if start == "0" else f"{start} + {vector}", "k")
        conditions = [] if self.turns.is_exact else [f"{number} < {self._number(axes)}"]
        found = decoded(self.out, number, axes)
        return {n: self._bound(n, text, side, *conditions) for n, text in found.items()}

    def _copy(self, found: Tiles, side: Side) -> str:
        """An operand that comes as a tile."""
        texts = {n: bound.text for n, bound in self.body.scope.items()} | self.starts
        wide = self.out.integer == "tl.int64"
        begin = ", ".join(begin_text(sum_, texts, wide) for sum_ in found.begins)
        text = f"{pointer(found.map.pointer)}.load([{begin}])"
        if found.is_box:
            other = ("COLUMNS", "ROWS")[side]
            shape = f"DEPTH, {other}" if found.depth_first else f"{other}, DEPTH"
            text = f"{text}.reshape([{shape}])"
        depth_first = (side == 0) != self.turned
        text = text if found.depth_first == depth_first else f"{text}.T"
        return self.out.let(text, f"{found.map.pointer}_block")

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
