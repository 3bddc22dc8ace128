"""Laws of ops that move elements: two in a row become one, none that does nothing stays.

Canonical is movement *after* elementwise ops: `f(move(x)) = move(f(x))`, which computes less where
the move repeats elements, and brings patterns of other rules together. Laws of sums and products
over axes are in reduction.py.
"""

# The operators of tensors are attached in ops/operators.py, where pyright does not see them.
# pyright: reportOperatorIssue=false, reportIndexIssue=false

from __future__ import annotations

import itertools

from graphc.dtypes import DType, float32, float64
from graphc.ir.dim import Dim, Shape, Size
from graphc.ir.mode import build
from graphc.ir.node import Node, Tensor
from graphc.ops import elementwise, leaf
from graphc.ops.convert import broadcast_to, broadcast_to_op, cast, cast_op
from graphc.ops.elementwise import exp
from graphc.ops.leaf import full_op, uniform
from graphc.ops.movement import (
    concat,
    concat_op,
    flip,
    flip_op,
    pad,
    pad_op,
    reshape,
    reshape_op,
    slice_axes,
    slice_op,
    transpose,
    transpose_op,
)

from .rule import law

# ---------------------------------------------------------------------------- shape


def reshape_twice(node: Node) -> Tensor | None:
    """reshape(reshape(x)) and reshape(x) to its own shape."""
    x, shape = node.inputs[0], node.types[0].shape
    if x.shape == shape:
        return x
    return reshape(x.node.inputs[0], shape) if x.node.op is reshape_op else None


def transpose_twice(node: Node) -> Tensor | None:
    """transpose(transpose(x)), and orders that change nothing or move only axes of size 1."""
    x, axes = node.inputs[0], axes_of(node)
    kept = [a for a in axes if x.shape[a] != 1]
    if kept == sorted(kept):
        return reshape(x, node.types[0].shape)
    if x.node.op is not transpose_op:
        return None
    inner = axes_of(x.node)
    return transpose(x.node.inputs[0], [inner[a] for a in axes])


def broadcast_twice(node: Node) -> Tensor | None:
    """broadcast(broadcast(x)), and axes of size 1 put in front before."""
    x, shape = node.inputs[0], node.types[0].shape
    if x.shape == shape:
        return x
    if x.node.op is broadcast_to_op:
        return broadcast_to(x.node.inputs[0], shape)
    if x.node.op is reshape_op:
        source = x.node.inputs[0]
        if x.shape == (1,) * (x.ndim - source.ndim) + source.shape:
            return broadcast_to(source, shape)
    return None


def flip_twice(node: Node) -> Tensor | None:
    """flip(flip(x)), and axes of size 1."""
    x = node.inputs[0]
    axes = {a for a in axes_of(node) if x.shape[a] != 1}
    if x.node.op is flip_op:
        return flip(x.node.inputs[0], sorted(axes ^ set(axes_of(x.node))))
    return flip(x, sorted(axes)) if len(axes) < len(axes_of(node)) else None


def move_uniform(node: Node) -> Tensor | None:
    """A uniform tensor moved is a uniform tensor."""
    fulls = [t.node for t in node.inputs if t.node.op is full_op]
    values = {repr(f.attrs["value"]) for f in fulls} | {
        repr(node.attrs["value"]) for _ in fulls if node.op is pad_op
    }
    if len(fulls) < len(node.inputs) or len(values) != 1:
        return None
    return uniform(node.types[0].shape, fulls[0].attrs["value"], node.types[0].dtype)  # pyright: ignore[reportArgumentType]


# ---------------------------------------------------------------------------- parts and joins


def slice_of(node: Node) -> Tensor | None:
    """A slice that takes everything, or of a slice, pad, concat or broadcast."""
    x = node.inputs[0]
    if x.shape == node.types[0].shape and all(s == 1 for s in _steps(node)):
        return x
    inner = _SLICE_OF.get(x.node.op)
    return inner(node, x.node) if inner is not None else None


def _slice_of_slice(node: Node, inner: Node) -> Tensor:
    bounds = [
        (a + b * step, a + (c - 1) * step + 1 if c != b else a + b * step, step * steps)
        for a, step, b, c, steps in zip(
            _sizes(inner, "start"), _steps(inner), _sizes(node, "start"), _sizes(node, "stop"),
            _steps(node),
        )
    ]  # fmt: skip
    starts, stops, steps = zip(*bounds)
    return slice_axes(inner.inputs[0], starts, stops, steps)


def _slice_of_pad(node: Node, inner: Node) -> Tensor | None:
    source, low = inner.inputs[0], _sizes(inner, "low")
    starts, stops = _sizes(node, "start"), _sizes(node, "stop")
    inside = all(
        is_at_most(a, start) and is_at_most(stop, a + size) and hole == 0
        for a, size, start, stop, hole in zip(
            low, source.shape, starts, stops, _sizes(inner, "interior")
        )
    )
    if not inside:
        return None
    moved = [[b - a for a, b in zip(low, bounds)] for bounds in (starts, stops)]
    return slice_axes(source, moved[0], moved[1], _steps(node))


def _slice_of_concat(node: Node, inner: Node) -> Tensor | None:
    axis = _integer(inner, "axis")
    starts, stops = list(_sizes(node, "start")), list(_sizes(node, "stop"))
    begin: Size = 0
    for part in inner.inputs:
        end = begin + part.shape[axis]
        if is_at_most(begin, starts[axis]) and is_at_most(stops[axis], end):
            starts[axis], stops[axis] = starts[axis] - begin, stops[axis] - begin
            return slice_axes(part, starts, stops, _steps(node))
        begin = end
    return None


def _slice_of_broadcast(node: Node, inner: Node) -> Tensor:
    source = inner.inputs[0]
    lead = len(inner.types[0].shape) - source.ndim
    rows = zip(source.shape, _sizes(node, "start")[lead:], _sizes(node, "stop")[lead:],
               _steps(node)[lead:])  # fmt: skip
    bounds = [(0, 1, 1) if size == 1 else (a, b, step) for size, a, b, step in rows]
    starts, stops, steps = zip(*bounds) if bounds else ((), (), ())
    return broadcast_to(slice_axes(source, starts, stops, steps), node.types[0].shape)


_SLICE_OF = {
    slice_op: _slice_of_slice,
    pad_op: _slice_of_pad,
    concat_op: _slice_of_concat,
    broadcast_to_op: _slice_of_broadcast,
}


def pad_twice(node: Node) -> Tensor | None:
    """pad(pad(x)) with one value, and padding by nothing."""
    x = node.inputs[0]
    sizes = [_sizes(node, name) for name in ("low", "high", "interior")]
    if all(s == 0 for s in itertools.chain(*sizes)):
        return x
    inner = x.node
    if inner.op is not pad_op or any(s != 0 for s in sizes[2]):
        return None
    if repr(inner.attrs["value"]) != repr(node.attrs["value"]):
        return None
    pairs = [
        (a + c, b + d)
        for a, b, c, d in zip(*sizes[:2], _sizes(inner, "low"), _sizes(inner, "high"))
    ]
    holes = [h for h in _sizes(inner, "interior") if isinstance(h, int)]
    return pad(inner.inputs[0], pairs, inner.attrs["value"], holes)  # pyright: ignore[reportArgumentType]


def concat_of(node: Node) -> Tensor | None:
    """A concat inside a concat along the same axis, and neighbouring slices of one tensor."""
    axis = _integer(node, "axis")
    parts: list[Tensor] = []
    for x in node.inputs:
        inner = x.node
        if inner.op is concat_op and _integer(inner, "axis") == axis:
            parts.extend(inner.inputs)
        elif parts and (joined := _joined(parts[-1], x, axis)) is not None:
            parts[-1] = joined
        else:
            parts.append(x)
    return concat(parts, axis) if len(parts) != len(node.inputs) else None


def _joined(left: Tensor, right: Tensor, axis: int) -> Tensor | None:
    """Two neighbouring slices as one."""
    a, b = left.node, right.node
    if a.op is not slice_op or b.op is not slice_op or a.inputs[0] is not b.inputs[0]:
        return None
    start, stop = list(_sizes(a, "start")), list(_sizes(b, "stop"))
    others = [i for i in range(left.ndim) if i != axis]
    fits = (
        all(s == 1 for s in _steps(a) + _steps(b))
        and _sizes(a, "stop")[axis] == _sizes(b, "start")[axis]
        and all(start[i] == _sizes(b, "start")[i] for i in others)
        and all(_sizes(a, "stop")[i] == stop[i] for i in others)
    )
    return slice_axes(a.inputs[0], start, stop) if fits else None


# ---------------------------------------------------------------------------- with elementwise ops

_MOVES = (broadcast_to_op, reshape_op, transpose_op, flip_op)


def move_after(node: Node) -> Tensor | None:
    """f(move(x), move(y), number) = move(f(x, y, number)) for the same move of the same shape."""
    moved = [t.node for t in node.inputs if t.node.op is not full_op]
    first = moved[0] if moved else None
    if first is None or first.op not in _MOVES:
        return None
    shape = first.inputs[0].shape
    for other in moved:
        if other.op is not first.op or other.inputs[0].shape != shape or other.attrs != first.attrs:
            return None
    inputs = tuple(
        uniform(shape, t.node.attrs["value"], t.dtype)  # pyright: ignore[reportArgumentType]
        if t.node.op is full_op
        else t.node.inputs[0]
        for t in node.inputs
    )
    return build(first.op, build(node.op, inputs, node.attrs), first.attrs)[0]


def cast_twice(node: Node) -> Tensor | None:
    """A cast to the dtype that is there, or after one that loses nothing."""
    x, dtype = node.inputs[0], node.types[0].dtype
    if x.dtype is dtype:
        return x
    if x.node.op is not cast_op or not is_wider(x.node.inputs[0].dtype, x.dtype):
        return None
    return cast(x.node.inputs[0], dtype)


def is_wider(narrow: DType, wide: DType) -> bool:
    """Whether every value of one dtype is a value of the other."""
    if narrow is wide or narrow.kind == "b":
        return True
    if narrow.is_float:
        return wide.is_float and (wide is float64 or (wide is float32 and narrow.bits == 16))
    if wide.is_float:
        digits = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}[wide.name]
        return narrow.bits - (narrow.kind == "i") <= digits
    return wide.bits > narrow.bits and wide.kind in (narrow.kind, "i")


# ---------------------------------------------------------------------------- reading attributes


def axes_of(node: Node) -> tuple[int, ...]:
    """The attribute `axes`."""
    return node.attrs["axes"]  # pyright: ignore[reportReturnType]


def _sizes(node: Node, name: str) -> Shape:
    return node.attrs[name]  # pyright: ignore[reportReturnType]


def _steps(node: Node) -> tuple[int, ...]:
    return node.attrs["step"]  # pyright: ignore[reportReturnType]


def _integer(node: Node, name: str) -> int:
    return node.attrs[name]  # pyright: ignore[reportReturnType]


def is_at_most(a: Size, b: Size) -> bool:
    """Whether a <= b whatever the named sizes are (they are never negative)."""
    rest = b - a
    if not isinstance(rest, Dim):
        return rest >= 0
    return all(c > 0 and all(isinstance(x, str) for x in m) for m, c in rest.terms)


# ---------------------------------------------------------------------------- the table


def _x(*shape: Size) -> Tensor:
    return leaf.placeholder(shape, name="x")


def _y(*shape: Size) -> Tensor:
    return leaf.placeholder(shape, name="y")


def _cut(x: Tensor, *bounds: tuple[int, int, int]) -> Tensor:
    return build(slice_op, (x,), dict(zip(("start", "stop", "step"), zip(*bounds))))[0]


def _padded_by_nothing(x: Tensor) -> Tensor:
    attrs = {"low": (0,), "high": (0,), "interior": (0,), "value": 0.0}
    return build(pad_op, (x,), attrs)[0]


_ORDER = (2, 0, 1)
_UNIFORM_MOVES = (reshape_op, transpose_op, broadcast_to_op, slice_op, flip_op, concat_op, pad_op)
_FUNCTIONS = (*(op for op in elementwise.OPS if "elementwise" in op.traits), cast_op)

# fmt: off
MOVEMENT = (
    law("move(c) = c", _UNIFORM_MOVES, move_uniform,
        lambda: transpose(leaf.full((2, 3), 5.0)),
        lambda: concat([leaf.full((2, 3), 5.0), leaf.full((1, 3), 5.0)]),
        lambda: pad(leaf.full((2, 3), 5.0), [(1, 0), (0, 2)], 5.0)),
    law("reshape(reshape(x)) = reshape(x)", reshape_op, reshape_twice,
        lambda: reshape(reshape(_x(2, 6), (3, 4)), (12,)),
        lambda: reshape(reshape(_x(2, 6), (3, 4)), (2, 6))),
    law("transpose(transpose(x)) = transpose(x)", transpose_op, transpose_twice,
        lambda: transpose(transpose(_x(2, 3, 4), _ORDER), _ORDER),
        lambda: transpose(transpose(_x(2, 3, 4), _ORDER), (1, 2, 0)),
        lambda: transpose(_x(2, 1, 4), (1, 0, 2))),
    law("broadcast(broadcast(x)) = broadcast(x)", broadcast_to_op, broadcast_twice,
        lambda: broadcast_to(broadcast_to(_x(3, 1), (3, 4)), (2, 3, 4)),
        lambda: broadcast_to(reshape(_x(4), (1, 1, 4)), (2, 3, 4))),
    law("flip(flip(x)) = flip(x)", flip_op, flip_twice,
        lambda: flip(flip(_x(2, 3), 0), (0, 1)),
        lambda: flip(flip(_x(2, 3))),
        lambda: flip(_x(2, 1))),
    law("slice(slice(x)) = slice(x)", slice_op, slice_of,
        lambda: _cut(_cut(_x(20), (2, 17, 3)), (1, 5, 2)),
        lambda: _cut(_cut(_x(20, 4), (1, 18, 2), (0, 4, 1)), (0, 3, 1), (1, 1, 1)),
        lambda: _cut(_x(5), (0, 5, 1)),
        lambda: _cut(pad(_x(5), [(2, 1)]), (3, 6, 2)),
        lambda: _cut(concat([_x(3), _y(4)]), (4, 7, 1)),
        lambda: _cut(broadcast_to(_x(3, 1), (2, 3, 4)), (0, 1, 1), (1, 3, 1), (0, 4, 2))),
    law("pad(pad(x)) = pad(x)", pad_op, pad_twice,
        lambda: pad(pad(_x(3), [(1, 2)], interior=(1,)), [(0, 4)]),
        lambda: _padded_by_nothing(_x(3))),
    law("concat(concat(x, y), z) = concat(x, y, z)", concat_op, concat_of,
        lambda: concat([concat([_x(2), _y(3)]), _x(2)]),
        lambda: concat([_cut(_x(9), (1, 4, 1)), _cut(_x(9), (4, 6, 1)), _y(2)]),
        lambda: concat([_cut(_x(9), (0, 4, 1)), _cut(_x(9), (4, 9, 1))])),
    law("cast(cast(x)) = cast(x)", cast_op, cast_twice,
        lambda: cast(cast(cast(_x(20), "float16"), float32), "int32"),
        lambda: cast(cast(cast(_x(20), "int8"), float32), "int32"),
        lambda: build(cast_op, (_x(3),), {"dtype": float32})[0]),
    law("f(move(x), move(y), c) = move(f(x, y, c))", _FUNCTIONS, move_after,
        lambda: exp(broadcast_to(_x(4), (3, 4))),
        lambda: cast(transpose(_x(3, 4)), "int32"),
        lambda: reshape(_x(3, 4), (12,)) * reshape(_y(3, 4), (12,)),
        lambda: elementwise.where(flip(_x(3, 4) < 1.0), 2.0, flip(_y(3, 4)))),
)
# fmt: on
