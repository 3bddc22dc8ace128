"""Expressions of a kernel as values of a tile: arithmetic, indices, loads, stores.

A `Body` knows where the bound axes are (`shape.py`) and which values are known there. Reductions,
which bind more axes, are for whoever made it (`loops.py`, `contract.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager

from graphc.dtypes import float64
from graphc.ir.dim import Size, strides_of
from graphc.kernels.build import affine_scale, affine_sum, compute_dtype
from graphc.kernels.dense import bounds
from graphc.kernels.kernel import (
    Affine,
    Buffer,
    Const,
    Coord,
    Expr,
    Index,
    Kernel,
    Load,
    Op,
    Reduce,
    SizeOf,
    Store,
)  # fmt: skip

from . import cells
from .shape import Bound, Side, all_of, masks_of
from .writer import Writer, pointer, size_text

WEAK = frozenset({"add", "sub", "mul", "where", "maximum", "minimum", "fma"}) | frozenset(
    {"equal", "not_equal", "less", "less_equal", "bitwise_and", "bitwise_or", "bitwise_xor"}
)
"""Operations in which a number takes the type of the value beside it."""


class Body:
    """Emits expressions into a writer. `memo` are values that are known here; `reduce` is asked to
    put a reduction that is not among them there."""

    def __init__(
        self, out: Writer, kernel: Kernel, reduce: Callable[[Reduce], None] | None = None
    ) -> None:
        self.out, self.kernel, self._reduce = out, kernel, reduce
        self.axes = {a.name: a for a in kernel.axes}
        self.scope: dict[str, Bound] = {}
        self.memo: dict[Expr, str] = {}
        self.outside: frozenset[str] = frozenset()
        """The axes that are bound around a loop, where `early` parts of indices were computed."""
        self.early: dict[Affine, str] = {}

    @contextmanager
    def within(self, more: Mapping[str, Bound]) -> Iterator[None]:
        """More axes are bound, or bound anew; what becomes known here is forgotten behind."""
        saved = self.scope, self.memo
        self.scope = {**self.scope, **more}
        self.memo = {e: text for e, text in self.memo.items() if more.keys().isdisjoint(e.free)}
        yield
        self.scope, self.memo = saved

    def bind(self, axis: str, text: str, side: Side | None, *conditions: str) -> Bound:
        """The axis at a coordinate; the last part of it may be short."""
        part = self.axes[axis].part
        if part is not None:
            parent = self.scope[part.parent]
            here = f"{parent.text} * {size_text(part.block)} + {text}"
            conditions = (*conditions, *([parent.mask] if parent.mask else []))
            conditions = (*conditions, f"{here} < {size_text(part.total)}")
        return Bound(text, side, all_of(conditions) or None)

    # ------------------------------------------------------------------ indices

    def affine(self, i: Affine) -> str:
        """An index of the axes that are bound."""
        text = self._sum(i)
        if i.is_plain:
            return text
        safe = self._is_natural(i)
        if i.div > 1:
            text = f"({text} // {i.div})" if safe else f"floor_quotient({text}, {i.div})"
        if i.mod:
            text = f"({text} % {i.mod})" if safe else f"floor_rest({text}, {i.mod})"
        return text

    def _sum(self, i: Affine) -> str:
        known = self.early.get(self._early_part(i))
        if known is None:
            terms = [self._term(n, c) for n, c in i.terms]
            if i.const != 0 or not terms:
                terms.append(size_text(i.const))
            return _added(terms)
        # Numbers first: one addition to the vector of what is known is enough.
        late = [t for t in i.terms if t[0] not in self.outside]
        numbers = [self._term(n, c) for n, c in late if self.scope[n].side is None]
        vectors = [self._term(n, c) for n, c in late if self.scope[n].side is not None]
        return _added([known, *([_added(numbers)] if numbers else []), *vectors])

    def _early_part(self, i: Affine) -> Affine:
        return Affine(tuple(t for t in i.terms if t[0] in self.outside), i.const)

    def prepare(self, loads: Iterable[Load]) -> None:
        """Compute the parts of indices that are known here, before a loop."""
        self.outside = frozenset(self.scope)
        for e in loads:
            hint = f"{e.buffer.name}_at_"
            plain = [i for i in e.index if isinstance(i, Affine)]
            flat = flat_index(e.buffer, e.index)
            guarded = [e.index[d] for d in (*e.checked, *e.exact)]
            for i in [flat, *guarded] if flat else plain:
                part = self._early_part(i) if isinstance(i, Affine) else Affine()
                if part.terms and part not in self.early:
                    text = self._sum(part)
                    self.early[part] = self.out.let(text, hint)

    def _term(self, axis: str, coef: Size) -> str:
        text = self.scope[axis].text
        return text if coef == 1 else f"{text} * {size_text(coef)}"

    def _is_natural(self, i: Affine) -> bool:
        """Whether the undivided index is known never to be negative."""
        found = bounds(i, self.axes)
        if found is not None:
            return found[0] >= 0
        return all(_is_natural(x) for x in (i.const, *(c for _, c in i.terms)))

    def index(self, i: Index) -> str:
        """Where along one dimension."""
        return self.affine(i) if isinstance(i, Affine) else self.value(i)

    def offset(self, buffer: Buffer, index: tuple[Index, ...]) -> str:
        """How many elements from the start of the buffer."""
        if self.outside and (flat := flat_index(buffer, index)):
            return self._sum(flat)
        parts = []
        for i, stride in zip(index, strides_of(buffer.shape), strict=True):
            here = self.index(i)
            if here != "0":
                parts.append(here if stride == 1 else f"{here} * {size_text(stride)}")
        return " + ".join(parts) or "0"

    def forget(self) -> None:
        """The loop that was prepared for is over."""
        self.outside, self.early = frozenset(), {}

    # ------------------------------------------------------------------ memory

    def load_text(self, e: Load) -> str:
        """The elements as they are stored."""
        conditions = masks_of(self._axes_below(e), self.scope)
        for d, i in enumerate(e.index):
            conditions += self._guards(e, d, i)
        where = f"{pointer(e.buffer.name)} + {self.offset(e.buffer, e.index)}"
        mask = all_of(conditions)
        if not mask:
            return f"tl.load({where})"
        fill = cells.number_text(e.fill, compute_dtype(e.buffer.dtype))
        return f"tl.load({where}, mask={mask}, other={fill})"

    def _axes_below(self, e: Expr) -> Collection[str]:
        """The free axes, in the order of the kernel."""
        return [n for n in self.axes if n in e.free]

    def _guards(self, e: Load, d: int, i: Index) -> list[str]:
        found = []
        if d in e.checked:
            here = self.index(i)
            low, high = self._inside(i, e.buffer.shape[d])
            found += [] if low else [f"{here} >= 0"]
            found += [] if high else [f"{here} < {size_text(e.buffer.shape[d])}"]
        if d in e.exact and isinstance(i, Affine) and i.div > 1:
            found.append(f"{self._sum(i)} % {i.div} == 0")
        return found

    def _inside(self, i: Index, size: Size) -> tuple[bool, bool]:
        """Whether an index is known to be at least 0, and below a size."""
        if not isinstance(i, Affine) or not i.is_plain:
            return isinstance(i, Affine) and self._is_natural(i), False
        found = bounds(i, self.axes)
        low = self._is_natural(i)
        return low, found is not None and isinstance(size, int) and found[1] < size

    def stored_text(self, s: Store) -> str:
        """What the element of a store holds now, as a value of the store."""
        where = f"{pointer(s.buffer.name)} + {self.offset(s.buffer, s.index)}"
        mask = all_of(masks_of(s.axes, self.scope))
        text = f"tl.load({where}, mask={mask}, other=0)" if mask else f"tl.load({where})"
        return text if s.buffer.dtype is s.value.dtype else f"{text}.to(tl.float32)"

    def store(self, s: Store, value: str | None = None) -> None:
        """Write the value of a store at the point that is bound."""
        text = self.value(s.value) if value is None else value
        where = f"{pointer(s.buffer.name)} + {self.offset(s.buffer, s.index)}"
        mask = all_of(masks_of(s.axes, self.scope))
        if s.buffer.dtype is not s.value.dtype:
            text = f"({text}).to({cells.type_text(s.buffer.dtype)})"
        self.out.line(f"tl.store({where}, {text}{f', mask={mask}' if mask else ''})")

    # ------------------------------------------------------------------ values

    def value(self, e: Expr) -> str:
        """The name of a value at the point that is bound."""
        if e not in self.memo:
            self.memo[e] = self._computed(e)
        return self.memo[e]

    def _computed(self, e: Expr) -> str:
        match e:
            case Const():
                return cells.const_text(e)
            case SizeOf(size=size):
                return self._typed(size_text(size), e)
            case Coord(index=i):
                return self._typed(self.affine(i), e)
            case Load():
                text = self.load_text(e)
                narrow = compute_dtype(e.buffer.dtype) is not e.buffer.dtype
                return self.out.let(f"{text}.to(tl.float32)" if narrow else text)
            case Op():
                return self.out.let(cells.text_of(e, self._arguments(e)))
            case Reduce():
                assert self._reduce is not None, "a reduction that nobody expects"
                self._reduce(e)
                return self.memo[e]
        raise AssertionError(f"no form for {type(e).__name__}")

    def _typed(self, text: str, e: Expr) -> str:
        """An index or size as a number of a dtype."""
        kind = cells.type_text(e.dtype)
        text = f"tl.full((), {text}, {kind})" if text.isdecimal() else f"({text}).to({kind})"
        return self.out.let(text)

    def _arguments(self, e: Op) -> list[str]:
        weak = e.name in WEAK and not all(isinstance(a, Const) for a in e.args)
        # Some versions of `tl.fma` (that of 3.6) make numbers float32 first.
        weak = weak and not (e.name == "fma" and e.dtype is float64)
        first = e.args[1:] if e.name == "where" else e.args
        weak = weak and not all(isinstance(a, Const) for a in first)
        return [
            cells.number_text(a.value, a.dtype) if weak and isinstance(a, Const) else self.value(a)
            for a in e.args
        ]


def flat_index(buffer: Buffer, index: tuple[Index, ...]) -> Affine | None:
    """The index into the buffer as one row of elements; None where something is divided."""
    parts: list[Affine] = []
    for i, stride in zip(index, strides_of(buffer.shape), strict=True):
        if not isinstance(i, Affine) or not i.is_plain:
            return None
        parts.append(affine_scale(i, stride))
    return affine_sum(*parts)


def _added(terms: list[str]) -> str:
    return f"({' + '.join(terms).replace('+ -', '- ')})" if len(terms) > 1 else terms[0]


def _is_natural(size: Size) -> bool:
    """Whether a size is a sum without negative terms."""
    return size >= 0 if isinstance(size, int) else all(c >= 0 for _, c in size.terms)
