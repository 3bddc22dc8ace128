"""The kernel IR: one fused group of graph nodes, as named axes and one scalar expression DAG.

    kernel  = name, axis*, store*                      buffers are found by walking
    axis    = name, size [, part of (parent, block, total)]
    store   = buffer[index*] (= | combine=) expr for axis*   combining reduces the others
    expr    = const | coord(affine) | size(Size)
            | load buffer[index*] checked dims else fill, exact dims else fill
            | op(expr*) | reduce kind expr over axis*
    index   = affine | expr                            an integer expr is a gather or a scatter
    affine  = floor((sum coef * axis + const) / div) % mod

An expression is a function of its *free axes*; one that lacks an axis is the same for all of it, so
broadcasting needs no node. Nothing here says loop, thread, block or vector: what a kernel is (map,
row reduction, contraction) is derived (`roles.py`), how it runs is the schedule of each backend.
Building is in `build.py`, the printed form in `printer.py`, the laws in `laws.py`, the meaning in
`evaluate.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from graphc.dtypes import DType
from graphc.ir.dim import Shape, Size

ReduceKind = Literal["sum", "prod", "max", "min"]


# ---------------------------------------------------------------------------- domain


@dataclass(frozen=True, slots=True)
class Part:
    """Axis i counts inside part p of a longer axis: only p * block + i < total exists."""

    parent: str
    block: Size
    total: Size


@dataclass(frozen=True, slots=True)
class Axis:
    """A named range 0 .. size - 1."""

    name: str
    size: Size
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Buffer:
    """A row-major array in memory; values of bfloat16 and float16 buffers are float32."""

    name: str
    dtype: DType
    shape: Shape


@dataclass(frozen=True, slots=True)
class Affine:
    """floor((sum coef * axis + const) / div) % mod; div = 1 and mod = 0 mean none."""

    terms: tuple[tuple[str, Size], ...] = ()
    const: Size = 0
    div: int = 1
    mod: int = 0

    def coef(self, axis: str) -> Size:
        """How much the undivided index moves per step of an axis."""
        return next((c for n, c in self.terms if n == axis), 0)

    @property
    def is_plain(self) -> bool:
        """Whether nothing is divided."""
        return self.div == 1 and self.mod == 0

    @property
    def axes(self) -> frozenset[str]:
        """The axes the index depends on."""
        return frozenset(n for n, _ in self.terms)

    def __str__(self) -> str:
        parts = [n if c == 1 else f"{_factor(c)}*{n}" for n, c in self.terms]
        parts += [str(self.const)] * (self.const != 0 or not parts)
        text = " + ".join(parts).replace("+ -", "- ")
        text = f"({text})//{self.div}" if self.div != 1 else text
        return f"({text})%{self.mod}" if self.mod else text


def _factor(size: Size) -> str:
    return str(size) if isinstance(size, int) or len(size.terms) == 1 else f"({size})"


# ---------------------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Expr:
    """Base of all expressions; interned by `build.py`, so equality is identity."""

    dtype: DType
    free: frozenset[str] = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Const(Expr):
    """The same number everywhere."""

    value: float | int | bool


@dataclass(frozen=True, slots=True, eq=False)
class Coord(Expr):
    """The value of an index, as a number."""

    index: Affine


@dataclass(frozen=True, slots=True, eq=False)
class SizeOf(Expr):
    """The value of a size that is known when the kernel runs."""

    size: Size


@dataclass(frozen=True, slots=True, eq=False)
class Load(Expr):
    """An element of a buffer. Outside a checked dimension, or where the division of an `exact`
    dimension leaves a rest, it is `fill` and memory is not touched."""

    buffer: Buffer
    index: tuple[Index, ...]
    checked: tuple[int, ...] = ()
    exact: tuple[int, ...] = ()
    fill: float | int | bool = 0


@dataclass(frozen=True, slots=True, eq=False)
class Op(Expr):
    """A scalar operation; names and meanings are those of the elementwise ops of the graph."""

    name: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Reduce(Expr):
    """The sum, product, maximum or minimum of an expression over some of its free axes."""

    kind: ReduceKind
    arg: Expr
    axes: tuple[str, ...]


Index = Affine | Expr


# ---------------------------------------------------------------------------- kernels


@dataclass(frozen=True, slots=True)
class Store:
    """buffer[index] = value for all points of `axes`; with `combine` several points may meet.

    A combining store starts from the identity of its kind, unless `keep` says that what the buffer
    already holds is the start. Points that meet are combined in row-major order of `axes`, except
    that "set" keeps the last of them.
    """

    buffer: Buffer
    index: tuple[Index, ...]
    value: Expr
    axes: tuple[str, ...]
    combine: ReduceKind | Literal["set"] | None = None
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Kernel:
    """Stores over one set of axes; each buffer is stored at most once."""

    name: str
    axes: tuple[Axis, ...]
    stores: tuple[Store, ...]
    below: list[Expr] = field(default_factory=list, init=False, compare=False, repr=False)
    """The expressions of all stores, filled by `walk.expressions_of` when first asked for."""

    def axis(self, name: str) -> Axis:
        """The axis of that name."""
        return next(a for a in self.axes if a.name == name)
