"""Reductions, shapes, indexing and arithmetic by TensorFlow's names and arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from graphc import dtypes
from graphc.dtypes import DTypeLike, Number
from graphc.errors import ArgumentError
from graphc.ir.node import Tensor
from graphc.ops import control, convert, elementwise, index, matmul, movement, numeric, reduce
from graphc.ops.convert import TensorLike
from graphc.ops.reduce import Axes

from .values import as_sizes, as_tensor, constant

Reduce = Callable[..., Tensor]

# ---------------------------------------------------------------------------- forms of functions


def pointwise(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A function of tensors that takes nested lists with tensors in them, too."""

    def call(*args: object, **kwargs: object) -> Tensor:
        given = [as_tensor(a) if isinstance(a, tuple | list) else a for a in args]
        return function(*given, **kwargs)

    call.__doc__ = function.__doc__
    return call


def reduction(function: Reduce) -> Reduce:
    """A reduction by TensorFlow's names of the arguments."""

    def call(input_tensor: object, axis: Axes = None, keepdims: bool = False) -> Tensor:
        tensor = as_tensor(input_tensor)
        result = function(tensor, axis, keepdims=keepdims)
        # Integers stay what they are, also where a wider sum would be safer.
        both = tensor.dtype.is_integer and result.dtype.is_integer
        return convert.cast(result, tensor.dtype) if both else result

    call.__doc__ = function.__doc__
    return call


def place_of(function: Reduce) -> Reduce:
    """argmax and argmin: along the first axis if none is given, and int64 by default."""

    def call(
        input: object, axis: int | None = None,  # noqa: A002
        output_type: DTypeLike = dtypes.int64,
    ) -> Tensor:  # fmt: skip
        return function(as_tensor(input), 0 if axis is None else axis, dtype=output_type)

    call.__doc__ = function.__doc__
    return call


def cumulative(function: Reduce) -> Reduce:
    """cumsum and cumprod: along the first axis if none is given."""

    def call(x: object, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Tensor:
        return function(as_tensor(x), axis, exclusive=exclusive, reverse=reverse)

    call.__doc__ = function.__doc__
    return call


# ---------------------------------------------------------------------------- shapes


def reshape(tensor: object, shape: object) -> Tensor:
    """The elements in another shape; one size may be -1."""
    return movement.reshape(as_tensor(tensor), as_sizes(shape))


def transpose(a: object, perm: Sequence[int] | None = None) -> Tensor:
    """The axes in another order, reversed by default."""
    return movement.transpose(as_tensor(a), perm)


def expand_dims(input: object, axis: int) -> Tensor:  # noqa: A002
    """A new axis of size 1."""
    return movement.expand_dims(as_tensor(input), int(axis))


def squeeze(input: object, axis: int | Sequence[int] | None = None) -> Tensor:  # noqa: A002
    """Without axes of size 1."""
    return movement.squeeze(as_tensor(input), axis)


def concat(values: Sequence[object], axis: int = 0) -> Tensor:
    """Tensors one after the other along an axis."""
    return movement.concat([as_tensor(v) for v in values], axis)


def stack(values: Sequence[object], axis: int = 0) -> Tensor:
    """Tensors side by side along a new axis."""
    return movement.stack([as_tensor(v) for v in values], axis)


def unstack(value: object, num: int | None = None, axis: int = 0) -> list[Tensor]:
    """The parts along an axis, without the axis."""
    tensor = as_tensor(value)
    count = num if num is not None else tensor.shape[axis]
    if not isinstance(count, int):
        raise ArgumentError("the size of the axis is not known", fix="say num=")
    return [movement.squeeze(part, axis) for part in movement.split(tensor, count, axis)]


def split(value: object, num_or_size_splits: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """Equal parts along an axis, or parts of the given sizes."""
    parts = num_or_size_splits
    ends = parts if isinstance(parts, int) else np.cumsum(parts)[:-1].tolist()
    return movement.split(as_tensor(value), ends, axis)


def pad(
    tensor: object, paddings: Sequence[Sequence[int]], mode: str = "CONSTANT",
    constant_values: Number = 0,
) -> Tensor:  # fmt: skip
    """More elements around a tensor: a constant, or with mode REFLECT or SYMMETRIC its own."""
    x, pairs = as_tensor(tensor), [(int(low), int(high)) for low, high in paddings]
    if mode.upper() == "CONSTANT":
        return movement.pad(x, pairs, constant_values)
    how = {"REFLECT": "reflect", "SYMMETRIC": "symmetric"}.get(mode.upper())
    if how is None:
        raise ArgumentError(
            "no such padding", received=mode, expected="CONSTANT, REFLECT, SYMMETRIC"
        )
    for axis, pair in enumerate(pairs):
        places = np.pad(np.arange(len(x.shape) and x.shape[axis]), pair, how)  # pyright: ignore
        x = index.take(x, places.astype(np.int32), axis)
    return x


def slice_of(input_: object, begin: Sequence[int], size: Sequence[int]) -> Tensor:
    """The box that starts at `begin`; a size of -1 goes to the end."""
    starts, sizes = as_sizes(begin), as_sizes(size)
    keys = tuple(slice(b, None if n == -1 else b + n) for b, n in zip(starts, sizes))
    return as_tensor(input_)[keys]


def tile(input: object, multiples: object) -> Tensor:  # noqa: A002
    """The whole tensor repeated along each axis."""
    return movement.tile(as_tensor(input), as_sizes(multiples))  # pyright: ignore


def broadcast_to(input: object, shape: object) -> Tensor:  # noqa: A002
    """The tensor repeated along new axes and axes of size 1."""
    return convert.broadcast_to(as_tensor(input), as_sizes(shape))


def reverse(tensor: object, axis: Sequence[int]) -> Tensor:
    """The elements in reverse order along axes."""
    return movement.flip(as_tensor(tensor), axis)


# ---------------------------------------------------------------------------- indexing


def gather(
    params: object, indices: object, validate_indices: None = None, axis: int | None = None,
    batch_dims: int = 0,
) -> Tensor:  # fmt: skip
    """Parts along an axis, in the order of the indices; the first `batch_dims` axes go together."""
    at = batch_dims if axis is None else axis
    return index.gather(as_tensor(params), as_tensor(indices), at, batch_dims)


def gather_nd(params: object, indices: object) -> Tensor:
    """params[i, j, ...] for each row (i, j, ...) of the indices."""
    x, places = as_tensor(params), as_tensor(indices)
    depth = places.shape[-1]
    assert isinstance(depth, int), "the indices of an element are counted"
    flat = movement.reshape(x, (-1, *x.shape[depth:]))
    steps = np.cumprod([1, *x.shape[1:depth][::-1]])[::-1].astype(np.int64)  # pyright: ignore
    return index.take(flat, reduce.sum(elementwise.mul(places, constant(steps)), -1))


def one_hot(
    indices: object, depth: int, on_value: Number = 1.0, off_value: Number = 0.0, axis: int = -1,
    dtype: DTypeLike = dtypes.float32,
) -> Tensor:  # fmt: skip
    """`on_value` at the index along a new axis, `off_value` elsewhere."""
    hot = index.one_hot(as_tensor(indices), int(depth), dtypes.bool_)
    kind = dtypes.as_dtype(dtype)
    on, off = (convert.as_tensor(v, kind) for v in (on_value, off_value))
    return movement.moveaxis(elementwise.where(hot, on, off), -1, axis)


def argsort(
    values: object, axis: int = -1, direction: str = "ASCENDING", stable: bool = False
) -> Tensor:
    """The indices that put the elements in order; equal elements keep theirs."""
    return index.argsort(as_tensor(values), axis, descending=_descending(direction))


def sort(values: object, axis: int = -1, direction: str = "ASCENDING") -> Tensor:
    """The elements in order."""
    return index.sort(as_tensor(values), axis, descending=_descending(direction))


def _descending(direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ArgumentError("no such order", received=direction, expected="ASCENDING or DESCENDING")
    return direction == "DESCENDING"


def top_k(input: object, k: int = 1, sorted: bool = True) -> tuple[Tensor, Tensor]:  # noqa: A002
    """The k largest elements of each row, and their indices."""
    return index.top_k(as_tensor(input), int(k))


def in_top_k(targets: object, predictions: object, k: int) -> Tensor:
    """Whether each target is among the k best predictions."""
    _, places = index.top_k(as_tensor(predictions), k)
    wanted = movement.expand_dims(as_tensor(targets, dtypes.int32), -1)
    return reduce.any(elementwise.equal(places, wanted), -1)


def where(condition: object, x: object = None, y: object = None) -> Tensor:
    """x where the condition holds, else y; without them, the indices where it holds."""
    test = as_tensor(condition)
    if x is None and y is None:
        return constant(np.argwhere(test.numpy()))
    return elementwise.where(test, as_tensor(x), as_tensor(y))


def boolean_mask(tensor: object, mask: object, axis: int = 0) -> Tensor:
    """The parts of a tensor where a mask, whose value is known, is true."""
    x, kept = as_tensor(tensor), as_tensor(mask).numpy()
    shape = (*x.shape[:axis], -1, *x.shape[axis + kept.ndim :])
    flat = movement.reshape(x, shape)
    return index.take(flat, np.flatnonzero(kept).astype(np.int32), axis)


def unique(x: object) -> tuple[Tensor, Tensor]:
    """The different elements in the order of their appearance, and the place of each element."""
    values = as_tensor(x).numpy()
    found, first, places = np.unique(values, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    ranks = np.argsort(order, kind="stable")
    return constant(found[order]), constant(ranks[places].astype(np.int32))


# ---------------------------------------------------------------------------- arithmetic


def multiply(
    a: object, b: object, transpose_a: bool = False, transpose_b: bool = False,
    adjoint_a: bool = False, adjoint_b: bool = False,
) -> Tensor:  # fmt: skip
    """The matrix product over the last two axes, of transposed matrices if wanted."""
    x, y = as_tensor(a), as_tensor(b)
    x = movement.swapaxes(x, -1, -2) if transpose_a or adjoint_a else x
    y = movement.swapaxes(y, -1, -2) if transpose_b or adjoint_b else y
    return matmul.matmul(x, y)


def matvec(a: object, b: object) -> Tensor:
    """Matrices times vectors."""
    product = matmul.matmul(as_tensor(a), movement.expand_dims(as_tensor(b), -1))
    return movement.squeeze(product, -1)


def divide_no_nan(x: TensorLike, y: TensorLike) -> Tensor:
    """x / y, and 0 where y is 0; so is its derivative."""
    a, b = as_tensor(x), as_tensor(y)
    safe = elementwise.not_equal(b, 0)
    return elementwise.where(safe, elementwise.div(a, elementwise.where(safe, b, 1)), 0)


def squared_difference(x: TensorLike, y: TensorLike) -> Tensor:
    """(x - y)**2."""
    return elementwise.square(elementwise.sub(as_tensor(x), as_tensor(y)))


def clip_by_value(t: object, clip_value_min: TensorLike, clip_value_max: TensorLike) -> Tensor:
    """The elements, none below and none above the limits."""
    return elementwise.clip(as_tensor(t), clip_value_min, clip_value_max)


def clip_by_norm(t: object, clip_norm: float, axes: Axes = None) -> Tensor:
    """The tensor, made shorter if its Euclidean norm is above the limit."""
    x = as_tensor(t)
    length = elementwise.sqrt(reduce.sum(elementwise.square(x), axes, keepdims=True))
    return elementwise.div(elementwise.mul(x, clip_norm), elementwise.maximum(length, clip_norm))


def global_norm(t_list: Sequence[object]) -> Tensor:
    """The Euclidean norm of all elements of several tensors together."""
    squares = [reduce.sum(elementwise.square(as_tensor(t))) for t in t_list if t is not None]
    return elementwise.sqrt(reduce.sum(movement.stack(squares)))


def clip_by_global_norm(
    t_list: Sequence[object], clip_norm: float, use_norm: TensorLike | None = None
) -> tuple[list[Tensor | None], Tensor]:
    """Several tensors, made shorter together if their common norm is above the limit; the norm."""
    length = global_norm(t_list) if use_norm is None else as_tensor(use_norm)
    scale = elementwise.div(clip_norm, elementwise.maximum(length, clip_norm))
    return [None if t is None else elementwise.mul(as_tensor(t), scale) for t in t_list], length


def confusion_matrix(labels: object, predictions: object, num_classes: int | None = None) -> Tensor:
    """How often each class (row) was taken for each class (column)."""
    truth, said = as_tensor(labels), as_tensor(predictions)
    count = num_classes or int(max(truth.numpy().max(), said.numpy().max())) + 1
    rows, columns = (index.one_hot(t, count) for t in (truth, said))
    return convert.cast(matmul.matmul(movement.transpose(rows), columns), dtypes.int32)


def map_fn(
    fn: Callable[[Tensor], object], elems: object, dtype: None = None, **more: object
) -> Tensor:
    """The function applied to each part along the first axis."""
    _, rows = control.scan(lambda carry, x: ((), fn(x)), (), as_tensor(elems))  # pyright: ignore
    assert isinstance(rows, Tensor), "the function answers one tensor"
    return rows


def cond(pred: TensorLike, true_fn: Callable[[], object], false_fn: Callable[[], object]) -> object:
    """true_fn() if the condition holds, else false_fn()."""
    return control.cond(as_tensor(pred), true_fn, false_fn)  # pyright: ignore[reportArgumentType]


def while_loop(
    cond: Callable[..., TensorLike], body: Callable[..., Sequence[object]],
    loop_vars: Sequence[object], **more: object,
) -> list[object]:  # fmt: skip
    """`loop_vars = body(*loop_vars)` as long as `cond(*loop_vars)` holds."""
    state = [as_tensor(v) for v in loop_vars]
    result = control.while_loop(
        lambda carry: cond(*carry),  # pyright: ignore
        lambda carry: list(body(*carry)),  # pyright: ignore
        state,  # pyright: ignore
    )
    return list(result)  # pyright: ignore


def norm(
    tensor: object, ord: str | float = "euclidean",  # noqa: A002
    axis: int | Sequence[int] | None = None, keepdims: bool = False,
) -> Tensor:  # fmt: skip
    """The Euclidean norm of all elements or along axes; 1, 2 and infinity are other orders."""
    order = 2.0 if isinstance(ord, str) else ord
    return numeric.norm(as_tensor(tensor), axis, order, keepdims)
