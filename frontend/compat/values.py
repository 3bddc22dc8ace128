"""Constants, variables and conversions by TensorFlow's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np

from graphc import dtypes
from graphc.dtypes import DTypeLike
from graphc.errors import DTypeError
from graphc.ir.dim import Size
from graphc.ir.mode import is_eager
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, leaf, movement
from graphc.ops import variable as variables
from graphc.ops.convert import TensorLike


def as_tensor(value: object, dtype: DTypeLike | None = None) -> Tensor:
    """A tensor from a tensor, a number, an array, or nested lists in which there may be tensors."""
    if isinstance(value, tuple | list) and _holds_tensor(value):
        return as_tensor(movement.stack([as_tensor(v) for v in value]), dtype)
    if isinstance(value, bytes | str):
        raise DTypeError(
            "tensors hold numbers", received=repr(value), fix="keep texts in Python's lists"
        )
    kind = None if dtype is None else dtypes.as_dtype(dtype)
    if isinstance(value, Tensor) and not is_eager():
        return value if kind is None else convert.cast(value, kind)
    return convert.as_tensor(value, kind).for_eager()  # pyright: ignore[reportArgumentType]


def _holds_tensor(value: object) -> bool:
    if isinstance(value, tuple | list):
        return any(map(_holds_tensor, value))
    return isinstance(value, Tensor)


def constant(
    value: object, dtype: DTypeLike | None = None, shape: Sequence[int] | None = None,
    name: str = "Const",
) -> Tensor:  # fmt: skip
    """A tensor with a fixed value; one number fills the whole `shape`.

    >>> constant([1, 2, 4]).dtype, constant(0.5, shape=(2, 3)).shape
    (int32, (2, 3))
    """
    kind = None if dtype is None else dtypes.as_dtype(dtype)
    if isinstance(value, Tensor) or (isinstance(value, tuple | list) and _holds_tensor(value)):
        return as_tensor(value, kind)
    if isinstance(value, bytes | str):
        return as_tensor(value)
    array = leaf.as_array(value, kind)
    if shape is not None:
        array = np.full(shape, array) if array.size == 1 else array.reshape(tuple(shape))
    return leaf.eager_leaf(np.array(array)) if is_eager() else leaf.constant(array)


class _Kind(type):
    """Makes `isinstance(v, Variable)` true of all variables, whoever made them."""

    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, variables.Variable)


@final
class Variable(metaclass=_Kind):
    """A tensor that keeps a value: `Variable(0.0)` has assign, assign_add, assign_sub and numpy.

    Variables of different dtypes may meet in an expression; the wider dtype wins.

    >>> count = Variable(1)
    >>> count.assign(3).numpy().item(), isinstance(count, Variable)
    (3, True)
    """

    # What is made is a variable of graphc; this class is only a name for it.
    def __new__(
        cls, initial_value: object, trainable: bool = True, validate_shape: bool = True,
        caching_device: None = None, name: str | None = None, variable_def: None = None,
        dtype: DTypeLike | None = None, **options: object,
    ) -> variables.Variable:  # fmt: skip
        """A variable with this value; a function is asked for it."""
        value = initial_value() if callable(initial_value) else initial_value
        array = value.numpy() if isinstance(value, Tensor) else leaf.as_array(value)
        return variables.variable(array, dtype, name=name or "Variable", trainable=trainable)


def convert_to_tensor(
    value: object, dtype: DTypeLike | None = None, dtype_hint: DTypeLike | None = None
) -> Tensor:
    """A tensor from anything that can be one."""
    return as_tensor(value, dtype)


def is_tensor(value: object) -> bool:
    """Whether it is a tensor or a variable."""
    return isinstance(value, Tensor)


def cast(x: object, dtype: DTypeLike) -> Tensor:
    """The elements in another dtype."""
    return convert.cast(as_tensor(x), dtype)


def shape(input: object, out_type: DTypeLike = dtypes.int32) -> Tensor:  # noqa: A002
    """The sizes of all axes, as a tensor of integers."""
    sizes = as_tensor(input).shape
    if all(isinstance(n, int) for n in sizes):
        return constant(np.array(sizes, np.int64), out_type)
    return movement.stack([leaf.size_of(n, dtypes.as_dtype(out_type)) for n in sizes])


def size(input: object, out_type: DTypeLike = dtypes.int32) -> Tensor:  # noqa: A002
    """The number of elements."""
    return leaf.size_of(as_tensor(input).size, out_type)


def rank(input: object) -> Tensor:  # noqa: A002
    """The number of axes."""
    return constant(as_tensor(input).ndim)


def as_sizes(value: object) -> tuple[Size, ...]:
    """A shape from numbers, from a tensor of numbers, or from a list with tensors in it."""
    if isinstance(value, Tensor):
        return tuple(int(n) for n in np.atleast_1d(value.numpy()))
    if isinstance(value, int | np.integer):
        return (int(value),)
    assert isinstance(value, Sequence | np.ndarray), "a shape is a sequence of sizes"
    return tuple(int(n.numpy()) if isinstance(n, Tensor) else n for n in value)


def zeros(shape: object, dtype: DTypeLike = dtypes.float32) -> Tensor:
    """Zeros of a shape."""
    return leaf.zeros(as_sizes(shape), dtype)


def ones(shape: object, dtype: DTypeLike = dtypes.float32) -> Tensor:
    """Ones of a shape."""
    return leaf.ones(as_sizes(shape), dtype)


def fill(dims: object, value: TensorLike) -> Tensor:
    """One number everywhere."""
    return convert.broadcast_to(as_tensor(value), as_sizes(dims))


def arange(
    start: float, limit: float | None = None, delta: float = 1, dtype: DTypeLike | None = None
) -> Tensor:
    """start, start + delta, ... below limit; `range(n)` counts from 0."""
    first, end = (0, start) if limit is None else (start, limit)
    numbers = [n.numpy().item() if isinstance(n, Tensor) else n for n in (first, end, delta)]
    whole = all(isinstance(n, int | np.integer) for n in numbers)
    values = np.arange(numbers[0], numbers[1], numbers[2])
    return constant(values, dtype or (dtypes.int32 if whole else dtypes.float32))


def add_n(inputs: Sequence[TensorLike]) -> Tensor:
    """The sum of several tensors of one shape."""
    total = as_tensor(inputs[0])
    for other in inputs[1:]:
        total = elementwise.add(total, other)
    return total
