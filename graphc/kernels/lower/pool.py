"""Window reductions and the adjoint pair of max pooling.

Where windows do not overlap each input element belongs to one window, so the scatter needs no sum:
the window is o = (p + low) // stride and the tap is what is left.
"""

from __future__ import annotations

from typing import cast

from graphc import dtypes
from graphc.ir.dim import Size
from graphc.ir.node import Node, Tensor
from graphc.kernels import build, index
from graphc.kernels.evaluate import identity
from graphc.kernels.kernel import Expr, Index, ReduceKind
from graphc.ops import pool

from .context import At, Context, axis_index, lower
from .movement import spread

Ints = tuple[int, ...]


def _ints(node: Node, name: str) -> Ints:
    return cast(Ints, node.attrs[name])


def _lows(node: Node) -> tuple[Size, ...]:
    return tuple(p[0] for p in cast(tuple[tuple[Size, Size], ...], node.attrs["padding"]))


def _taps(context: Context, node: Node, at: At) -> tuple[list[Index], tuple[str, ...]]:
    """One index per dimension for the tap (0 where the window is 1), and the axes among them."""
    window = _ints(node, "window")
    sizes = tuple(w for w in window if w != 1)
    names = context.axes_for(node, sizes, at)
    rest = iter(names)
    return [axis_index(next(rest)) if w != 1 else index.ZERO for w in window], names


def _positions(node: Node, at: At, taps: list[Index]) -> At:
    moved = []
    for o, tap, stride, dilation, low in zip(
        at, taps, _ints(node, "strides"), _ints(node, "dilation"), _lows(node), strict=True
    ):
        here = index.add(index.times(o, stride), index.times(tap, dilation))
        moved.append(index.plus(here, 0 - low))
    return tuple(moved)


def _code(node: Node, taps: list[Index]) -> Index:
    """The row-major number of a tap in its window."""
    return index.linear(taps, _ints(node, "window"))


def _window_reduce(context: Context, node: Node, at: At) -> Expr:
    kind = cast(ReduceKind, node.attrs["kind"])
    taps, names = _taps(context, node, at)
    x = node.inputs[0]
    start = identity(kind, build.compute_dtype(x.dtype))
    element = spread(context, x, _positions(node, at, taps), _ints(node, "input_dilation"), start)
    return build.reduce(kind, element, names) if names else element


def _window_argmax(context: Context, node: Node, at: At) -> Expr:
    taps, names = _taps(context, node, at)
    x, kind = node.inputs[0], node.types[0].dtype
    if not names:
        return build.const(0, kind)
    lowest = identity("max", build.compute_dtype(x.dtype))
    ones = (1,) * x.ndim
    element = spread(context, x, _positions(node, at, taps), ones, lowest)
    top = build.reduce("max", element, names)
    hit = build.op("equal", element, top)
    if element.dtype.is_float:
        hit = build.op("logical_or", hit, build.op("isnan", element))
    code = build.op("cast", index.as_expr(_code(node, taps)), dtype=dtypes.int32)
    none = build.const(2**30, dtypes.int32)
    first = build.reduce("min", build.op("where", hit, code, none), names)
    return build.op("cast", first, dtype=kind)


def _window_gather(context: Context, node: Node, at: At) -> Expr:
    x, chosen = node.inputs
    taps, names = _taps(context, node, at)
    element = spread(context, x, _positions(node, at, taps), (1,) * x.ndim, 0)
    if not names:
        return element
    mine = _is_tap(context, chosen, at, _code(node, taps))
    return build.reduce("sum", build.op("where", mine, element, 0), names)


def _is_tap(context: Context, chosen: Tensor, at: At, code: Index) -> Expr:
    number = build.op("cast", index.as_expr(code), dtype=chosen.dtype)
    return build.op("equal", context.value(chosen, at), number)


def _window_scatter(context: Context, node: Node, at: At) -> Expr:
    window, strides = _ints(node, "window"), _ints(node, "strides")
    dilation = _ints(node, "dilation")
    if all(w <= s and (d == 1 or w == 1) for w, s, d in zip(window, strides, dilation)):
        return _scatter_disjoint(context, node, at)
    y, chosen = node.inputs
    taps, names = _taps(context, node, at)
    moved = [
        index.plus(index.add(p, index.times(tap, -d)), low)
        for p, tap, d, low in zip(at, taps, dilation, _lows(node))
    ]
    value = spread(context, y, tuple(moved), strides, 0)
    none = -1 if chosen.dtype.kind == "i" else 255
    which = spread(context, chosen, tuple(moved), strides, none)
    number = build.op("cast", index.as_expr(_code(node, taps)), dtype=chosen.dtype)
    nothing = build.const(0.0 if value.dtype.is_float else 0, value.dtype)
    mine = build.op("where", build.op("equal", which, number), value, nothing)
    return build.reduce("sum", mine, names) if names else mine


def _scatter_disjoint(context: Context, node: Node, at: At) -> Expr:
    y, chosen = node.inputs
    shifted = [index.plus(p, low) for p, low in zip(at, _lows(node))]
    strides = _ints(node, "strides")
    places = tuple(index.floor_div(p, s, context.ranges) for p, s in zip(shifted, strides))
    taps = [
        index.modulo(p, s, context.ranges) if s != 1 else index.ZERO
        for p, s in zip(shifted, strides)
    ]
    inside = [index.in_range(o, size, context.ranges) for o, size in zip(places, y.shape)]
    inside += [
        index.in_range(t, w, context.ranges)
        for t, w, s in zip(taps, _ints(node, "window"), strides)
        if w < s
    ]
    mine = index.all_of([*inside, _is_tap(context, chosen, places, _code(node, taps))])
    assert mine is not None, "the tap is always compared"
    return build.op("where", mine, context.value(y, places), 0)


lower(pool.window_reduce_op, _window_reduce)
lower(pool.window_argmax_op, _window_argmax)
lower(pool.window_gather_op, _window_gather)
lower(pool.window_scatter_op, _window_scatter)
