"""The 36 products of Winograd tiles: register tiles of matrix products, all sizes known.

to[product, row, column] (+)= sum over k of a[product, row, k] * b[product, k, column]
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from graphc.backends.llvm_cpu.contract.micro import Level, Sums
from graphc.backends.llvm_cpu.contract.plan import Plan
from graphc.backends.llvm_cpu.contract.tile import Tile
from graphc.backends.llvm_cpu.ir.text import Function
from graphc.backends.llvm_cpu.ir.types import F32, I64, POINTER, Number, vector
from graphc.backends.llvm_cpu.nest.place import Place
from graphc.dtypes import DType, float32
from graphc.ir.dim import Size
from graphc.kernels.roles import Contraction


@dataclass(frozen=True, slots=True)
class Dense:
    """An operand whose steps are given by loops of its own."""

    dtype: DType = float32

    def step(self, axis: str) -> Size:
        """Not asked for: the levels of the sum say how it is walked."""
        raise AssertionError(f"the step along {axis} is in the levels of the sum")


@dataclass(frozen=True, slots=True)
class Form:
    """One of the products: how far operands and results move."""

    rows: int
    a_row: int
    a_sum: int
    b_sum: int
    to_row: int
    vectors: int
    terms: int | None
    """How many products are summed; None: an argument."""
    is_added: bool
    """Whether to what is there already."""


@dataclass(slots=True)
class Products:
    """The internal function that does one register tile, written when first called."""

    f: Function
    c: Contraction
    name: str
    form: Form
    is_written: bool = False

    def call(self, a: str, b: str, to: str, terms: Number) -> None:
        """to (+)= a b for the rows of one register tile."""
        if not self.is_written:
            self._write()
            self.is_written = True
        more = f", {I64} {terms}" if self.form.terms is None else ""
        self.f.do(f"call void @{self.name}(ptr {a}, ptr {b}, ptr {to}{more})")

    def _write(self) -> None:
        form, lanes, rows = self.form, self.f.target.lanes, self.form.rows
        arguments = [(f"{POINTER} noalias", x) for x in ("a", "b", "to")]
        arguments += [(I64, "terms")] if form.terms is None else []
        f = Function(self.f.module, self.name, arguments, linkage="internal", attributes="noinline")
        plan = Plan(self.c, Dense(), (Dense(),), Tile(1, rows, form.vectors), lanes)
        offsets: list[Number] = [i * form.a_row for i in range(rows)]
        sums = Sums(plan, Place(f, (), {}, {}), offsets, [None] * form.vectors)
        pairs = list(product(range(rows), range(form.vectors)))
        spots = [f.gep(F32, "%to", i * form.to_row + j * lanes) for i, j in pairs]
        type_ = vector(F32, lanes)
        start = [f.load(type_, x) if form.is_added else "zeroinitializer" for x in spots]
        terms = "%terms" if form.terms is None else form.terms
        acc = sums.run([Level(terms, form.a_sum, (form.b_sum,))], "%a", ["%b"], start)
        for x, at in zip(acc, spots):
            f.store(type_, x, at)
        f.give_back()
