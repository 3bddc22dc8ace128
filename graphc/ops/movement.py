"""Ops that only move elements: reshape, transpose, slice, pad, concat, flip, and functions of them.

`broadcast_to` is in convert.py, because conversion needs it. Derivatives are in
graphc/diff/movement.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphc.dtypes import Number
from graphc.errors import ArgumentError, ShapeError
from graphc.ir.dim import Shape, Size, ceil_div, exact_div, may_equal, product
from graphc.ir.mode import build
from graphc.ir.node import Op, Tensor, TensorType

from . import convert
from .convert import TensorLike, as_tensor, broadcast_to
from .leaf import ShapeLike, as_shape

Ints = int | Iterable[int]

# ---------------------------------------------------------------------------- ops


def _infer_reshape(x: Tensor, *, shape: Shape) -> TensorType:
    if not may_equal(product(x.shape), product(shape)):
        raise ShapeError(
            "a reshape keeps the number of elements",
            received=f"{x.shape} ({product(x.shape)} elements)",
            expected=f"{shape} ({product(shape)} elements)",
        )
    return TensorType(shape, x.dtype)


def _infer_transpose(x: Tensor, *, axes: tuple[int, ...]) -> TensorType:
    if sorted(axes) != list(range(x.ndim)):
        raise ShapeError("not an order of all axes", received=axes, expected=f"of {x.ndim} axes")
    return TensorType(tuple(x.shape[a] for a in axes), x.dtype)


def _infer_slice(
    x: Tensor, *, start: Shape, stop: Shape, step: tuple[int, ...]
) -> TensorType:  # fmt: skip
    sizes = tuple(ceil_div(b - a, s) if s != 1 else b - a for a, b, s in zip(start, stop, step))
    if len(sizes) != x.ndim or any(isinstance(s, int) and s < 0 for s in sizes):
        raise ShapeError("not a part of the tensor", received=(start, stop), expected=x.shape)
    return TensorType(sizes, x.dtype)


def _infer_pad(
    x: Tensor, *, low: Shape, high: Shape, interior: tuple[int, ...], value: Number
) -> TensorType:
    def padded(size: Size, a: Size, b: Size, holes: int) -> Size:
        return a + size + b if holes == 0 or size == 0 else a + b + (size - 1) * (holes + 1) + 1

    if not len(low) == len(high) == len(interior) == x.ndim:
        raise ShapeError("padding for each axis", received=(low, high), expected=f"{x.ndim} axes")
    return TensorType(tuple(map(padded, x.shape, low, high, interior)), x.dtype)


def _infer_concat(*xs: Tensor, axis: int) -> TensorType:
    first = xs[0]
    for x in xs[1:]:
        others = [
            may_equal(a, b) or i == axis for i, (a, b) in enumerate(zip(x.shape, first.shape))
        ]
        if x.ndim != first.ndim or not all(others):
            raise ShapeError(
                f"tensors to concatenate along axis {axis} differ elsewhere",
                received=", ".join(str(t.shape) for t in xs),
            )
    total: Size = 0
    for x in xs:
        total = total + x.shape[axis]
    return TensorType((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype)


reshape_op = Op("reshape", _infer_reshape)
transpose_op = Op("transpose", _infer_transpose)
slice_op = Op("slice", _infer_slice)
pad_op = Op("pad", _infer_pad)
concat_op = Op("concat", _infer_concat)
flip_op = Op("flip", lambda x, *, axes: x.type)

OPS = (reshape_op, transpose_op, convert.broadcast_to_op, slice_op, pad_op, concat_op, flip_op)

# ---------------------------------------------------------------------------- shape


def reshape(x: TensorLike, shape: ShapeLike | int) -> Tensor:
    """The same elements in row-major order under another shape; one size may be -1.

    >>> from . import leaf
    >>> reshape(leaf.zeros((2, 6)), (3, -1)).shape
    (3, 4)
    """
    tensor = as_tensor(x)
    wanted = (shape,) if isinstance(shape, int) else tuple(shape)
    free = [i for i, s in enumerate(wanted) if isinstance(s, int) and s == -1]
    sizes = as_shape(1 if i in free else s for i, s in enumerate(wanted))
    if len(free) > 1:
        raise ShapeError("at most one size of a reshape is -1", received=wanted)
    if free:
        rest = exact_div(product(tensor.shape), product(sizes))
        if rest is None:
            raise ShapeError(
                "the size -1 cannot be worked out",
                received=(tensor.shape, wanted),
                fix='name it, as in gx.reshape(x, ("rows", 3)); it is then checked at each call',
            )
        sizes = tuple(rest if i in free else s for i, s in enumerate(sizes))
    return tensor if sizes == tensor.shape else build(reshape_op, (tensor,), {"shape": sizes})[0]


def expand_dims(x: TensorLike, axis: Ints) -> Tensor:
    """New axes of size 1 at these places of the result."""
    tensor = as_tensor(x)
    wanted = (axis,) if isinstance(axis, int) else tuple(axis)
    rank = tensor.ndim + len(wanted)
    places = {_axis(a, rank) for a in wanted}
    sizes = iter(tensor.shape)
    return reshape(tensor, [1 if i in places else next(sizes) for i in range(rank)])


def squeeze(x: TensorLike, axis: Ints | None = None) -> Tensor:
    """Axes of size 1 left out: the given ones, or all."""
    tensor = as_tensor(x)
    if axis is None:
        wanted = [i for i, s in enumerate(tensor.shape) if s == 1]
    else:
        named = (axis,) if isinstance(axis, int) else tuple(axis)
        wanted = [_axis(a, tensor.ndim) for a in named]
    if any(tensor.shape[a] != 1 for a in wanted):
        raise ShapeError("only axes of size 1 can be left out", received=(tensor.shape, wanted))
    return reshape(tensor, [s for i, s in enumerate(tensor.shape) if i not in wanted])


def flatten(x: TensorLike, start: int = 0) -> Tensor:
    """The axes from `start` on made one."""
    tensor = as_tensor(x)
    return reshape(tensor, (*tensor.shape[:start], product(tensor.shape[start:])))


def transpose(x: TensorLike, axes: Sequence[int] | None = None) -> Tensor:
    """The axes in another order: y.shape[i] = x.shape[axes[i]]; None reverses them."""
    tensor = as_tensor(x)
    wanted = reversed(range(tensor.ndim)) if axes is None else (_axis(a, tensor.ndim) for a in axes)
    order = tuple(wanted)
    if order == tuple(range(tensor.ndim)):
        return tensor
    return build(transpose_op, (tensor,), {"axes": order})[0]


permute_dims = transpose


def swapaxes(x: TensorLike, a: int, b: int) -> Tensor:
    """Two axes exchanged."""
    tensor = as_tensor(x)
    order = list(range(tensor.ndim))
    i, j = _axis(a, tensor.ndim), _axis(b, tensor.ndim)
    order[i], order[j] = j, i
    return transpose(tensor, order)


def moveaxis(x: TensorLike, source: int, destination: int) -> Tensor:
    """One axis moved to another place, the others kept in order."""
    tensor = as_tensor(x)
    order = [i for i in range(tensor.ndim) if i != _axis(source, tensor.ndim)]
    order.insert(_axis(destination, tensor.ndim), _axis(source, tensor.ndim))
    return transpose(tensor, order)


# ---------------------------------------------------------------------------- parts and joins


def slice_axes(x: TensorLike, start: Sequence[Size], stop: Sequence[Size],
               step: Sequence[int] | None = None) -> Tensor:  # fmt: skip
    """x[start:stop:step] along every axis; steps are positive, bounds are inside the tensor."""
    tensor = as_tensor(x)
    steps = tuple(step) if step is not None else (1,) * tensor.ndim
    whole = all(a == 0 and b == s for a, b, s in zip(start, stop, tensor.shape))
    if whole and all(s == 1 for s in steps):
        return tensor
    attrs = {"start": tuple(start), "stop": tuple(stop), "step": steps}
    return build(slice_op, (tensor,), attrs)[0]


def slice_axis(x: TensorLike, axis: int, start: Size, stop: Size, step: int = 1) -> Tensor:
    """x[start:stop:step] along one axis."""
    tensor = as_tensor(x)
    at = _axis(axis, tensor.ndim)
    starts: list[Size] = [0] * tensor.ndim
    stops, steps = list(tensor.shape), [1] * tensor.ndim
    starts[at], stops[at], steps[at] = start, stop, step
    return slice_axes(tensor, starts, stops, steps)


def pad(
    x: TensorLike, padding: Sequence[Sequence[Size]], value: Number = 0,
    interior: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    """A constant around the tensor: (before, after) per axis, and `interior` between elements."""
    tensor = as_tensor(x)
    holes = tuple(interior) if interior is not None else (0,) * tensor.ndim
    low, high = tuple(p[0] for p in padding), tuple(p[1] for p in padding)
    if any(isinstance(p, int) and p < 0 for p in (*low, *high, *holes)):
        raise ArgumentError("padding is never negative", received=(low, high, holes))
    if all(p == 0 for p in (*low, *high, *holes)) and len(low) == tensor.ndim:
        return tensor
    number = float(value) if tensor.dtype.is_float else value
    attrs = {"low": low, "high": high, "interior": holes, "value": number}
    return build(pad_op, (tensor,), attrs)[0]


def concat(xs: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Tensors one after the other along an axis."""
    if not xs:
        raise ArgumentError("nothing to concatenate")
    tensors = convert.promote(*xs)
    at = _axis(axis, tensors[0].ndim)
    return build(concat_op, tuple(tensors), {"axis": at})[0] if len(tensors) > 1 else tensors[0]


def stack(xs: Sequence[TensorLike], axis: int = 0) -> Tensor:
    """Tensors of one shape side by side along a new axis."""
    tensors = convert.promote(*xs)
    at = _axis(axis, tensors[0].ndim + 1)
    return concat([expand_dims(t, at) for t in tensors], at)


def split(x: TensorLike, parts: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Equal parts along an axis (their number given), or parts that end at the given places."""
    tensor = as_tensor(x)
    at = _axis(axis, tensor.ndim)
    size = tensor.shape[at]
    if isinstance(parts, int):
        each = exact_div(size, parts)
        if each is None:
            raise ShapeError("the axis has no equal parts", received=(size, parts))
        ends: list[Size] = [each * (i + 1) for i in range(parts)]
    else:
        ends = [*parts, size]
    return [slice_axis(tensor, at, a, b) for a, b in zip([0, *ends[:-1]], ends)]


def flip(x: TensorLike, axis: Ints | None = None) -> Tensor:
    """The elements in reverse order along axes (all for None)."""
    tensor = as_tensor(x)
    wanted = range(tensor.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = tuple(sorted({_axis(a, tensor.ndim) for a in wanted}))
    return build(flip_op, (tensor,), {"axes": axes})[0] if axes else tensor


def tile(x: TensorLike, repeats: Sequence[int]) -> Tensor:
    """The whole tensor repeated along each axis."""
    tensor = as_tensor(x)
    counts = (1,) * (tensor.ndim - len(repeats)) + tuple(repeats)
    tensor = reshape(tensor, (1,) * (len(counts) - tensor.ndim) + tensor.shape)
    pairs = list(zip(counts, tensor.shape))
    wide = reshape(tensor, [s for _, size in pairs for s in (1, size)])
    wide = broadcast_to(wide, [s for pair in pairs for s in pair])
    return reshape(wide, [n * size for n, size in pairs])


def repeat(x: TensorLike, repeats: int, axis: int) -> Tensor:
    """Each element repeated along an axis: [a, b] becomes [a, a, b, b]."""
    tensor = as_tensor(x)
    at = _axis(axis, tensor.ndim)
    shape = tensor.shape
    wide = broadcast_to(expand_dims(tensor, at + 1), (*shape[: at + 1], repeats, *shape[at + 1 :]))
    return reshape(wide, (*shape[:at], shape[at] * repeats, *shape[at + 1 :]))


def roll(x: TensorLike, shift: int, axis: int) -> Tensor:
    """Elements moved along an axis; what leaves at the end enters at the front."""
    tensor = as_tensor(x)
    size = tensor.shape[_axis(axis, tensor.ndim)]
    if size == 0:
        return tensor
    cut = (-shift) % size if isinstance(size, int) else (-shift if shift <= 0 else size - shift)
    return concat([slice_axis(tensor, axis, cut, size), slice_axis(tensor, axis, 0, cut)], axis)


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise ShapeError("no such axis", received=axis, expected=f"{-rank} .. {rank - 1}")
    return axis % rank
