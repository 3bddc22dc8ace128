"""Convolutions by Winograd's algorithm F(4x4, 3x3): forward, and gradients of inputs.

    pack                             weights that are not dense along the filters, as panels
    weights or tiles, transformed    whichever the items share
    for item in parallel:            a block of tiles, with all panels or one
      transform the other            inputs once, or weights step by step
      for panel, step of channels:
        36 products                  tiles x channels times channels x filters
      for tile: results              the epilogue of the kernel
    finish                           reductions over all of M
What is computed is the kernel's convolution; choosing this way to do it is `plan.py`. A
tile costs 36 products instead of 144 per pair of channels. Errors are about 10 times those of the
direct form, below 2e-5 of the largest result for up to 512 channels. A NaN or infinity in one pixel
reaches all results of the tiles that read it, up to 5 pixels away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphc.backends.llvm_cpu.contract.columns import emit_totals, partial_columns
from graphc.backends.llvm_cpu.contract.operands import Panels
from graphc.backends.llvm_cpu.contract.pack import emit_panels
from graphc.backends.llvm_cpu.host import Target
from graphc.backends.llvm_cpu.ir.emitted import Emitted, Phase
from graphc.backends.llvm_cpu.ir.entry import AbstractAtEntry, Entry, buffers_read, open_function
from graphc.backends.llvm_cpu.ir.module import Module
from graphc.backends.llvm_cpu.ir.types import (
    F32,
    Number,
    constant,
    element_of,
    memory_type,
    value_type,
    vector,
)
from graphc.backends.llvm_cpu.nest.body import Body
from graphc.dtypes import DType
from graphc.ir.dim import Size, product
from graphc.kernels.evaluate import identity
from graphc.kernels.kernel import Buffer, Kernel

from .maps import PRODUCTS
from .plan import Winograd, winograd_of
from .products import Form, Products
from .results import Outputs
from .tiles import Inputs
from .tiling import Tiling
from .weights import Weights


def emit_winograd(
    module: Module, kernel: Kernel, target: Target, tiling: Tiling | None = None
) -> Emitted | None:
    """Emit a convolution; None where the kernel is none, or the direct form is better."""
    assert module.target == target, "a module is for one target"
    plan = winograd_of(kernel, target, tiling)
    return None if plan is None else _Emission(module, kernel, plan).emit()


@dataclass(slots=True)
class _Emission:
    """The functions of one convolution being written."""

    module: Module
    kernel: Kernel
    plan: Winograd

    def emit(self) -> Emitted:
        plan = self.plan
        shared = self.shared_elements()
        sums = partial_columns(plan.c, plan.blocks, plan.panels * plan.width)
        phases = [self.pack(plan.b)] if isinstance(plan.b, Panels) else []
        phases.append(self.weights() if plan.tiling.first else self.tiles())
        entry = self.open("")
        driver = _Driver(plan, entry, self.shared(entry), self.packed(entry), sums)
        phases.append(Phase(entry.f.name, driver.emit(self.columns(entry))))
        if sums:
            finish = self.open("finish")
            phases.append(emit_totals(finish, plan.c, sums, self.columns(finish)))
        scratch: list[tuple[DType, Size]] = []
        if isinstance(plan.b, Panels):
            scratch.append((plan.b.dtype, plan.b.elements))
        scratch.append((plan.c.a.dtype, shared))
        scratch += [(b.dtype, product(b.shape)) for b in sums]
        return Emitted(tuple(phases), tuple(scratch))

    # ---- scratch: packed weights if there are any, what items share, partial reductions

    def shared_elements(self) -> Size:
        plan = self.plan
        if plan.tiling.first:
            return plan.panels * plan.steps * PRODUCTS * plan.weight_step
        return plan.blocks * plan.inputs.elements

    def shared(self, entry: Entry) -> str:
        return entry.scratch[isinstance(self.plan.b, Panels)]

    def packed(self, entry: Entry) -> str:
        return entry.scratch[0] if isinstance(self.plan.b, Panels) else ""

    def columns(self, entry: Entry) -> Sequence[str]:
        return entry.scratch[1 + isinstance(self.plan.b, Panels) :]

    def open(self, suffix: str) -> Entry:
        count = 1 + isinstance(self.plan.b, Panels) + len(self.plan.c.columns)
        name = f"{self.kernel.name}_{suffix}" if suffix else self.kernel.name
        entry = open_function(self.module, self.kernel, name, count)
        entry.place.axes = {a.name: a for a in self.plan.c.kernel.axes}
        return entry

    # ---- the phases before the products

    def pack(self, panels: Panels) -> Phase:
        entry, c = self.open("pack"), self.plan.c
        items = emit_panels(entry, c.kernel, c.b[0], panels, self.plan.n, self.packed(entry))
        entry.f.give_back()
        return Phase(entry.f.name, items, buffers_read(self.kernel, c.b[0]))

    def weights(self) -> Phase:
        """Items are a channel of one panel, or a few: [panel, step, product, channel, filter]."""
        entry, plan = self.open("weights"), self.plan
        f, many = entry.f, plan.tiling.channels
        weights = Weights(plan, Body(entry.place), self.packed(entry))
        weights.reserve()
        groups = plan.channels // weights.together
        items = plan.panels * groups

        def one(t: Number, _: list[str]) -> None:
            panel, channel = f.div(t, groups), f.mul(f.rem(t, groups), weights.together)
            step = f.add(f.mul(panel, plan.steps), f.div(channel, many))
            row = f.mul(f.rem(channel, many), plan.width)
            to = f.gep(
                F32, self.shared(entry), f.add(f.mul(step, PRODUCTS * plan.weight_step), row)
            )
            weights.transform(panel, channel, to)

        f.loop(*entry.share(items), 1, one, hint="item")
        f.give_back()
        return Phase(f.name, items, buffers_read(self.kernel, plan.c.b[0]))

    def tiles(self) -> Phase:
        """Items are tiles: [block, step, product, tile, channel]."""
        entry, plan = self.open("tiles"), self.plan
        f, many = entry.f, plan.tiling.tiles
        inputs = Inputs(Body(entry.place), plan.tiles, plan.pixels, plan.inputs)
        inputs.reserve()

        def one(t: Number, _: list[str]) -> None:
            block = f.mul(f.div(t, many), plan.inputs.elements)
            row = f.mul(f.rem(t, many), plan.inputs.depth)
            inputs.transform(t, f.gep(F32, self.shared(entry), f.add(block, row)))

        f.loop(*entry.share(entry.place.size(plan.tiles.count)), 1, one, hint="item")
        f.give_back()
        return Phase(f.name, plan.tiles.count)


@dataclass(slots=True)
class _Driver(AbstractAtEntry):
    """Writes the function that does the products; `shared` is what the phase before has made."""

    plan: Winograd
    entry: Entry
    shared: str
    packed: str
    sums: Sequence[Buffer]

    def emit(self, columns: Sequence[str]) -> Size:
        """All items of a chunk; answers how many items there are."""
        f, plan, place = self.f, self.plan, self.place
        body = Body(place)
        inputs, weights = (
            Inputs(body, plan.tiles, plan.pixels, plan.inputs),
            Weights(plan, body, self.packed),
        )
        outputs = Outputs(plan, body)
        first = plan.tiling.first
        kept = plan.steps * plan.inputs.product if first else plan.weight_step
        own = f.alloca(F32, PRODUCTS * kept)
        products = f.alloca(F32, PRODUCTS * plan.product_step)
        outputs.reserve()
        if first:
            inputs.reserve()
        else:
            weights.reserve()
        panels = 1 if first else plan.panels
        many, total = plan.tiling.tiles, place.size(plan.tiles.count)
        form = self.form()
        tiles = Products(f, plan.c, f"{f.name}_products", form)

        def item(t: Number, _: list[str]) -> None:
            block = f.div(t, panels)
            start = f.mul(block, many)
            count = f.min(many, f.sub(total, start))

            def tile(i: Number, _: list[str]) -> None:
                inputs.transform(f.add(start, i), f.gep(F32, own, f.mul(i, plan.inputs.depth)))

            def panel(p: Number, _: list[str]) -> None:
                self.products(tiles, weights, p, block, count, own, products)
                to = self.cleared(block, p, columns)
                outputs.finish(products, start, count, p, to)

            if first:
                f.loop(0, count, 1, tile, hint="tile")
                f.loop(0, plan.panels, 1, panel, hint="panel")
            else:
                panel(f.rem(t, panels), [])

        items = plan.blocks * panels
        f.loop(*self.entry.share(place.size(items)), 1, item, hint="item")
        f.give_back()
        return items

    def form(self) -> Form:
        plan = self.plan
        return Form(
            rows=plan.tiling.rows,
            a_row=plan.inputs.depth,
            a_sum=1,
            b_sum=plan.width,
            to_row=plan.width,
            vectors=plan.tiling.vectors,
            terms=plan.tiling.channels,
            is_added=plan.steps > 1,
        )

    def products(
        self,
        products: Products,
        weights: Weights,
        panel: Number,
        block: Number,
        count: Number,
        own: str,
        to: str,
    ) -> None:
        """The 36 products of one block and panel, summed over all channels."""
        f, plan = self.f, self.plan
        if plan.steps > 1:
            type_ = vector(F32, plan.lanes)
            self.fill(to, PRODUCTS * plan.product_step, type_, "zeroinitializer")

        def step(s: Number, _: list[str]) -> None:
            if plan.tiling.first:
                a = f.gep(F32, own, f.mul(s, plan.inputs.step))
                number = f.add(f.mul(panel, plan.steps), s)
                b = f.gep(F32, self.shared, f.mul(number, PRODUCTS * plan.weight_step))
            else:
                start = f.add(f.mul(block, plan.inputs.elements), f.mul(s, plan.inputs.step))
                a, b = f.gep(F32, self.shared, start), own
                self.own_weights(weights, panel, s, own)

            def one(p: Number, _: list[str]) -> None:
                self.tile_rows(products, p, count, a, b, to)

            f.loop(0, PRODUCTS, 1, one, hint="product")

        f.loop(0, plan.steps, 1, step, hint="step")

    def own_weights(self, weights: Weights, panel: Number, step: Number, to: str) -> None:
        f, plan = self.f, self.plan
        first = f.mul(step, plan.tiling.channels)

        def one(c: Number, _: list[str]) -> None:
            weights.transform(panel, f.add(first, c), f.gep(F32, to, f.mul(c, plan.width)))

        f.loop(0, plan.tiling.channels, weights.together, one, hint="channel")

    def tile_rows(
        self, products: Products, p: Number, count: Number, a: str, b: str, to: str
    ) -> None:
        """One of the products, in register tiles; in the last one rows may be of no tile."""
        f, plan = self.f, self.plan
        a = f.gep(F32, a, f.mul(p, plan.inputs.product))
        b = f.gep(F32, b, f.mul(p, plan.weight_step))
        to = f.gep(F32, to, f.mul(p, plan.product_step))

        def one(row: Number, _: list[str]) -> None:
            here = f.gep(F32, a, f.mul(row, plan.inputs.depth))
            there = f.gep(F32, to, f.mul(row, plan.width))
            products.call(here, b, there, plan.tiling.channels)

        f.loop(0, count, plan.tiling.rows, one, hint="row")

    # ---- reductions over M

    def cleared(self, block: Number, panel: Number, columns: Sequence[str]) -> list[str]:
        """The rows of partial reductions of a block; those of a panel are set to the identity."""
        f, plan, lanes = self.f, self.plan, self.plan.lanes
        width = plan.panels * plan.width
        found: list[str] = []
        for e, pointer in zip(plan.c.columns, columns):
            element = memory_type(e.dtype)
            start = f.gep(element, pointer, f.mul(block, width))
            own = f.gep(element, start, f.mul(panel, plan.width))
            nothing = constant(e.dtype, identity(e.kind, e.dtype), lanes)
            self.fill(own, plan.width, value_type(e.dtype, lanes), nothing)
            found.append(start)
        return found

    def fill(self, to: str, elements: int, type_: str, value: str) -> None:
        """So many elements, in whole vectors."""
        f, element = self.f, element_of(type_)
        f.loop(
            0,
            elements,
            self.plan.lanes,
            lambda i, _: f.store(type_, value, f.gep(element, to, i)),
        )
