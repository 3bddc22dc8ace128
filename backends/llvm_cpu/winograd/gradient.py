"""Gradients of weights of 3 x 3 convolutions by Winograd's algorithm.

    tiles                            inputs and cotangents transformed, where items share them
    for item in parallel:            a part of the images, some channels, some filters
      for block of tiles:
        transform both               where items do not share them
        36 products                  (+)= channels x tiles times tiles x filters
      G^T m G, then the epilogue     9 taps for each channel and vector of filters
The sum over tiles is taken before it is transformed back, so 36 products of a tile replace 144.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphc.backends.llvm_cpu.contract.micro import Results
from graphc.backends.llvm_cpu.contract.plan import Plan
from graphc.backends.llvm_cpu.contract.tile import Tile
from graphc.backends.llvm_cpu.host import Target
from graphc.backends.llvm_cpu.ir.emitted import Emitted, Phase
from graphc.backends.llvm_cpu.ir.entry import AbstractAtEntry, Entry, open_function
from graphc.backends.llvm_cpu.ir.module import Module
from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import F32, Number, vector
from graphc.backends.llvm_cpu.nest.body import Body
from graphc.backends.llvm_cpu.nest.place import Lanes
from graphc.dtypes import DType
from graphc.ir.dim import Size
from graphc.kernels.kernel import Kernel

from .gradient_plan import Blocking, Gradient, gradient_of
from .maps import G_T, INPUTS, PRODUCTS, TAPS, mapped_twice
from .products import Dense, Form, Products
from .tiles import Inputs


def emit_gradient(
    module: Module, kernel: Kernel, target: Target, blocking: Blocking | None = None
) -> Emitted | None:
    """Emit a gradient of weights; None where the kernel is none, or the direct form is better."""
    assert module.target == target, "a module is for one target"
    plan = gradient_of(kernel, target, blocking)
    return None if plan is None else _emit(module, kernel, plan)


def _emit(module: Module, kernel: Kernel, plan: Gradient) -> Emitted:
    def opened(suffix: str) -> Entry:
        entry = open_function(module, kernel, kernel.name + suffix, 2 * plan.blocking.shared)
        entry.place.axes = {a.name: a for a in plan.c.kernel.axes}
        return entry

    phases: list[Phase] = []
    scratch: list[tuple[DType, Size]] = []
    if plan.blocking.shared:
        phases.append(_Writer(plan, opened("_tiles")).tiles())
        blocks = plan.parts * plan.blocks_per_part
        scratch = [(plan.c.a.dtype, blocks * x.elements) for x in (plan.inputs, plan.cotangents)]
    phases.append(_Writer(plan, opened("")).sums())
    return Emitted(tuple(phases), tuple(scratch))


class _Writer(AbstractAtEntry):
    """Writes one of the functions."""

    def __init__(self, plan: Gradient, entry: Entry) -> None:
        self.plan, self.entry = plan, entry
        self.body = Body(entry.place)
        self.transforms = [
            Inputs(self.body, plan.tiles, plan.x, plan.inputs),
            Inputs(self.body, plan.tiles, plan.dy, plan.cotangents),
        ]

    def part(self, number: Number) -> dict[str, Number]:
        """The axis of parts, if there is one."""
        assert len(self.plan.c.batch) <= 1, "images are one axis"
        return dict.fromkeys(self.plan.c.batch, number)

    def count(self) -> Number:
        """Tiles of the part that is bound."""
        total: Number = self.plan.tiles.per_image
        for x in self.plan.tiles.images:
            total = self.f.mul(total, self.place.extent(x))
        return total

    # ---- what items share

    def tiles(self) -> Phase:
        """Items are the tiles of all parts; a part that ends early has fewer."""
        f, plan, entry = self.f, self.plan, self.entry
        for x in self.transforms:
            x.reserve()
        most = self.place.size(plan.tiles_per_part)

        def one(t: Number, _: list[str]) -> None:
            number, tile = f.div(t, most), f.rem(t, most)
            with self.body.scope(self.part(number)):
                exists = f.compare("lt", tile, self.count())
                f.if_(exists, lambda: self.transform(number, tile))

        items = plan.parts * plan.tiles_per_part
        f.loop(*entry.share(self.place.size(items)), 1, one, hint="item")
        f.give_back()
        return Phase(f.name, items)

    def transform(self, part: Number, tile: Number) -> None:
        """Inputs and cotangents of a tile of a part, to where items find them."""
        f, many = self.f, self.plan.blocking.tiles
        with self.body.scope({}):
            block, row = self.block(part, f.div(tile, many)), f.rem(tile, many)
            for x, to in zip(self.transforms, self.entry.scratch):
                flat = f.add(f.mul(block, x.layout.elements), f.mul(row, x.layout.depth))
                x.transform(tile, f.gep(F32, to, flat))

    def block(self, part: Number, number: Number) -> Number:
        """The number of a block of a part among all blocks."""
        blocks = self.place.size(self.plan.blocks_per_part)
        return self.f.add(self.f.mul(part, blocks), number)

    # ---- the sums

    def sums(self) -> Phase:
        """Items are a part, a block of channels and a block of filters."""
        f, plan = self.f, self.plan
        products = f.alloca(F32, PRODUCTS * plan.product_step)
        own: list[str] = []
        if not plan.blocking.shared:
            own = [f.alloca(F32, x.layout.elements) for x in self.transforms]
            for x in self.transforms:
                x.reserve()
        item = _Item(self, products, own)

        def one(t: Number, _: list[str]) -> None:
            filters, t = f.rem(t, plan.filter_blocks), f.div(t, plan.filter_blocks)
            channels, part = f.rem(t, plan.channel_blocks), f.div(t, plan.channel_blocks)
            with self.body.scope(self.part(part)):
                item.emit(part, channels, filters)

        items = plan.parts * (plan.channel_blocks * plan.filter_blocks)
        f.loop(*self.entry.share(self.place.size(items)), 1, one, hint="item")
        f.give_back()
        return Phase(f.name, items)


@dataclass(slots=True)
class _Item:
    """Writes the work of one item."""

    writer: _Writer
    products: str
    own: Sequence[str]
    starts: Products | None = None
    adds: Products | None = None

    @property
    def f(self) -> Function:
        return self.writer.f

    @property
    def plan(self) -> Gradient:
        return self.writer.plan

    def emit(self, part: Number, channels: Number, filters: Number) -> None:
        """All tiles of the part, then the taps."""
        f, many = self.f, self.plan.blocking.tiles
        total = self.writer.count()
        self.starts, self.adds = (self.form(x) for x in (False, True))
        f.if_(f.compare("le", total, 0), self.clear)

        def block(start: Number, _: list[str]) -> None:
            count = f.min(many, f.sub(total, start))
            a, b = self.operands(part, channels, filters, start, count)
            self.multiply(a, b, start, count)

        f.loop(0, total, many, block, hint="block")
        self.finish(channels, filters)

    def operands(
        self, part: Number, channels: Number, filters: Number, start: Number, count: Number
    ) -> list[str]:
        """Where the transformed inputs and cotangents of a block are."""
        f, writer, many = self.f, self.writer, self.plan.blocking.tiles
        pairs = list(zip(writer.transforms, (channels, filters)))
        if not self.own:
            number = writer.block(part, f.div(start, many))
            flat = [f.add(f.mul(number, x.layout.elements), f.mul(at, x.layout.step))
                    for x, at in pairs]  # fmt: skip
            return [f.gep(F32, to, i) for to, i in zip(writer.entry.scratch, flat)]

        def tile(i: Number, _: list[str]) -> None:
            for (x, at), to in zip(pairs, self.own):
                first = f.mul(at, x.layout.channels)
                x.transform(f.add(start, i), f.gep(F32, to, f.mul(i, x.layout.depth)), first)

        f.loop(0, count, 1, tile, hint="tile")
        return list(self.own)

    # ---- products

    def form(self, is_added: bool) -> Products:
        plan, blocking = self.plan, self.plan.blocking
        form = Form(
            rows=blocking.rows,
            a_row=1,
            a_sum=plan.inputs.depth,
            b_sum=plan.cotangents.depth,
            to_row=blocking.filters,
            vectors=blocking.vectors,
            terms=None,
            is_added=is_added,
        )
        return Products(self.f, plan.c, f"{self.f.name}_{'add' if is_added else 'start'}", form)

    def multiply(self, a: str, b: str, start: Number, count: Number) -> None:
        """The 36 products of one block, to what the blocks before gave."""
        f, plan, blocking = self.f, self.plan, self.plan.blocking
        width = blocking.vectors * plan.lanes

        def over(products: Products) -> None:
            def one(p: Number, _: list[str]) -> None:
                rows = f.gep(F32, a, f.mul(p, plan.inputs.product))
                columns = f.gep(F32, b, f.mul(p, plan.cotangents.product))
                to = f.gep(F32, self.products, f.mul(p, plan.product_step))

                def tile(row: Number, column: Number) -> None:
                    at = f.add(f.mul(row, blocking.filters), column)
                    operands = f.gep(F32, rows, row), f.gep(F32, columns, column)
                    products.call(*operands, f.gep(F32, to, at), count)

                def strip(row: Number, _: list[str]) -> None:
                    f.loop(0, blocking.filters, width, lambda c, _: tile(row, c), hint="filter")

                f.loop(0, blocking.channels, blocking.rows, strip, hint="row")

            f.loop(0, PRODUCTS, 1, one, hint="product")

        starts, adds = self.starts, self.adds
        assert starts, "made before it is called"
        assert adds, "made before it is called"
        f.if_(f.compare("eq", start, 0), lambda: over(starts))
        f.if_(f.compare("gt", start, 0), lambda: over(adds))

    def clear(self) -> None:
        """A part without images adds nothing."""
        f, type_ = self.f, vector(F32, self.plan.lanes)

        def one(i: Number, _: list[str]) -> None:
            f.store(type_, "zeroinitializer", f.gep(F32, self.products, i))

        f.loop(0, PRODUCTS * self.plan.product_step, self.plan.lanes, one)

    # ---- results

    def finish(self, channels: Number, filters: Number) -> None:
        """The 9 taps of each channel and vector of filters."""
        f, plan, blocking, lanes = self.f, self.plan, self.plan.blocking, self.plan.lanes
        form = Plan(plan.c, Dense(), (Dense(),), Tile(TAPS, TAPS, 1), lanes)
        body, first = self.writer.body, f.mul(channels, blocking.channels)

        def vectors(v: Number, _: list[str]) -> None:
            lane = f.add(f.mul(filters, blocking.filters), v)
            with body.scope({}, Lanes(plan.c.n[-1], lane, 1)):
                results = Results(form, body)
                results.hoist()

                def one(c: Number, _: list[str]) -> None:
                    start = f.gep(F32, self.products, f.add(f.mul(c, blocking.filters), v))
                    self.taps(results, start, f.add(first, c))

                f.loop(0, blocking.channels, 1, one, hint="channel")

        f.loop(0, blocking.filters, lanes, vectors, hint="filter")

    def taps(self, results: Results, products: str, channel: Number) -> None:
        """One vector of filters for one channel."""
        f, plan, type_ = self.f, self.plan, vector(F32, self.plan.lanes)
        down, across = plan.tiles.windows

        def product(i: int, j: int) -> str:
            return f.load(type_, f.gep(F32, products, (i * INPUTS + j) * plan.product_step))

        values = mapped_twice(f, type_, G_T, product, INPUTS)
        for i, row in enumerate(values):
            for j, value in enumerate(row):
                at: dict[str, Number] = {down.tap: i, across.tap: j, plan.x.channel: channel}
                results.row(at, [value], [])
