"""What role each axis plays in a kernel whose value is a sum of products: M, N, K or batch.

    sum over k of a(m, k) * b(k, n)     only in a: M   only in b: N   in both, summed: K
                                        in both, kept: batch
Everything is read off free axes, so a matrix product, a convolution, both of its gradients and the
gates of an LSTM are the same thing. How a contraction is run belongs to the backends; they may
decline one (no N: a row reduction or depthwise taps do better as a map with reductions).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from .build import axes_of
from .kernel import Affine, Expr, Kernel, Load, Op, Reduce, Store
from .settle import settled
from .walk import expressions_of, walk


@dataclass(frozen=True, slots=True)
class Contraction:
    """sums[i][batch, m, n] = sum over k of a(batch, m, k) * b_i(batch, k, n).

    `m` is in the order in which `a` walks memory, `k` in that of `b`, `n` in that of the output. M
    or N may be empty (matrix times vector, dot product, depthwise taps). `columns` are the
    reductions of the epilogue over all of M, such as the sums that batch normalisation needs.
    """

    kernel: Kernel
    """The kernel that the expressions belong to: the one asked about, settled."""
    sums: tuple[Reduce, ...]
    a: Expr
    b: tuple[Expr, ...]
    m: tuple[str, ...]
    n: tuple[str, ...]
    k: tuple[str, ...]
    batch: tuple[str, ...]
    columns: tuple[Reduce, ...] = ()

    @property
    def tiles(self) -> tuple[Store, ...]:
        """The stores of single results."""
        return tuple(s for s in self.kernel.stores if not self._is_total(s))

    @property
    def totals(self) -> tuple[Store, ...]:
        """The stores that wait for the reductions over M, or could: they are the same for all M."""
        return tuple(s for s in self.kernel.stores if self._is_total(s))

    def _is_total(self, s: Store) -> bool:
        same = bool(self.columns) and not set(self.m) & set(s.axes)
        return same or _below(s.value, self.columns)


@lru_cache(maxsize=16)
def contraction_of(kernel: Kernel) -> Contraction | None:
    """The roles of the axes if the kernel is one contraction (or several that share `a` and K).

    None if there is no sum of products, if there are several that do not fit together, or if the
    rest holds a reduction that is not over exactly the M axes.
    """
    whole = settled(kernel)
    reductions = [e for e in expressions_of(whole) if isinstance(e, Reduce)]
    sums = [e for e in reductions if factors(e)]
    # A product of values along the same axes may be summed beside the contraction, as its columns.
    sums = [e for e in sums if _is_outer(e)] or sums
    if not sums or any(s.combine for s in whole.stores):
        return None
    found = next((c for c in _candidates(whole, sums) if _shares(c, sums)), None)
    return _with_columns(found, reductions) if found else None


def factors(e: Expr) -> tuple[Expr, Expr] | None:
    """a and b if the expression is sum a * b over axes of both, and neither reduces anything."""
    if not isinstance(e, Reduce) or e.kind != "sum" or not e.axes:
        return None
    if not isinstance(e.arg, Op) or e.arg.name != "mul":
        return None
    a, b = e.arg.args
    over = set(e.axes)
    if not over <= a.free & b.free or any(isinstance(x, Reduce) for x in walk((a, b))):
        return None
    return a, b


def _is_outer(e: Expr) -> bool:
    """Whether each factor has axes that the other lacks: M and N."""
    pair = factors(e)
    return pair is not None and bool(pair[0].free - pair[1].free and pair[1].free - pair[0].free)


def windowed(e: Expr) -> bool:
    """Whether the operand is read through a window or with guards."""
    loads = [x for x in walk((e,)) if isinstance(x, Load)]
    return any(x.checked or any(_is_window(i) for i in x.index) for x in loads)


def _is_window(index: object) -> bool:
    return isinstance(index, Affine) and len(index.terms) > 1


def _candidates(kernel: Kernel, sums: list[Reduce]) -> list[Contraction]:
    """Both orientations of the first sum, the better first."""
    pair = factors(sums[0])
    assert pair is not None, "a sum of products has two factors"
    made = [_oriented(kernel, sums, a, b) for a, b in (pair, pair[::-1])]
    return sorted(made, key=_preference, reverse=True)


def _preference(c: Contraction) -> tuple[bool, bool, bool]:
    """The window is walked row by row (M); the lanes run where the output is dense (N)."""
    lanes = bool(dense_axes(c.kernel) & set(c.n))
    return not windowed(c.b[0]), lanes, bool(c.n)


def dense_axes(kernel: Kernel) -> frozenset[str]:
    """The axes along which the first stored buffer of full rank is contiguous."""
    widest = max(kernel.stores, key=lambda s: len(s.axes))
    last = widest.index[-1] if widest.index else None
    terms = last.terms if isinstance(last, Affine) and last.is_plain else ()
    return frozenset(n for n, c in terms if c == 1)


def _oriented(kernel: Kernel, sums: list[Reduce], a: Expr, b: Expr) -> Contraction:
    order, over = _memory_order(kernel), sums[0].axes
    first, second = _load_order(a), _load_order(b)
    m = tuple(sorted(a.free - b.free, key=lambda x: (first.get(x, -1), order.index(x))))
    n = tuple(x for x in order if x in b.free - a.free)
    k = tuple(sorted(over, key=lambda x: (second.get(x, -1), first.get(x, -1), over.index(x))))
    batch = tuple(x for x in order if x in (a.free & b.free) - set(over))
    others = tuple(_other(e, a) for e in sums)
    found = tuple(x for x in others if x is not None)
    return Contraction(kernel, tuple(sums), a, found, m, n, k, batch)


def _load_order(e: Expr) -> dict[str, int]:
    """The dimension of each axis in the widest load below an operand."""
    loads = [x for x in walk((e,)) if isinstance(x, Load)]
    widest = max(loads, key=lambda x: len(x.free), default=None)
    dims = widest.index if widest else ()
    return {n: d for d, i in enumerate(dims) for n in axes_of(i)}


def _other(e: Reduce, a: Expr) -> Expr | None:
    pair = factors(e)
    if pair is None or a not in pair:
        return None
    return pair[1] if pair[0] is a else pair[0]


def _memory_order(kernel: Kernel) -> list[str]:
    """The axes as the widest store walks memory, then the others in the order of the kernel."""
    widest = max(kernel.stores, key=lambda s: len(s.axes))
    named = [n for i in widest.index if isinstance(i, Affine) for n, _ in i.terms]
    return list(dict.fromkeys([*named, *(a.name for a in kernel.axes)]))


def _shares(c: Contraction, sums: list[Reduce]) -> bool:
    """Whether all sums read the same `a` over the same K, and their second operands alike."""
    if len(c.b) != len(sums) or any(set(e.axes) != set(c.k) for e in sums):
        return False
    return all(b.free == c.b[0].free for b in c.b)


def _with_columns(c: Contraction, reductions: list[Reduce]) -> Contraction | None:
    """The rest of the kernel is an epilogue at single points, then reductions over M."""
    columns = tuple(e for e in reductions if e not in c.sums)
    inner = frozenset(c.batch) | frozenset(c.n)
    if any(set(e.axes) != set(c.m) or not e.free <= inner for e in columns):
        return None
    if any(_below(e.arg, columns) for e in columns):
        return None
    found = replace(c, columns=columns)
    points = frozenset(c.m) | inner
    if any(set(s.axes) != points for s in found.tiles):
        return None
    return found if all(_is_total(s, inner, found) for s in found.totals) else None


def _is_total(s: Store, inner: frozenset[str], c: Contraction) -> bool:
    whole = walk((s.value,))
    below = walk([e.arg for e in c.columns if e in whole])
    outside = [e for e in c.sums if e in whole and e not in below]
    return set(s.axes) <= inner and not outside


def _below(value: Expr, wanted: tuple[Reduce, ...]) -> bool:
    return bool(wanted) and any(e in wanted for e in walk((value,)))
