"""Penalties on weights or activities, added to the loss. There is no factor 1/2, as in Keras.

l1:  factor * sum |w|        l2:  factor * sum w**2        orthogonal:  rows or columns at an angle
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self, final

import numpy as np

from graphc.errors import ArgumentError, NotSupportedError, ShapeError
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, leaf, reduce
from graphc.ops.convert import TensorLike
from graphc.ops.matmul import matmul
from graphc.ops.movement import transpose
from graphc.ops.normalization import l2_normalize

from .eager import eager_on_arrays
from .lookup import Config, config_of, own_arguments, resolve


class Regularizer:
    """A function of a tensor that gives a scalar penalty; a subclass says it in `__call__`."""

    def __call__(self, x: TensorLike) -> Tensor:
        """The penalty of x."""
        raise NotSupportedError(f"{type(self).__name__} has no formula", fix="define __call__(x)")

    def get_config(self) -> dict[str, object]:
        """The arguments that make this regularizer again."""
        return own_arguments(self)

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """A regularizer from what `get_config` gave."""
        return cls(**config)


Given = str | type[Regularizer] | Regularizer | Callable[..., TensorLike] | Config | None


@final
@dataclass(unsafe_hash=True)
class L1L2(Regularizer):
    """l1 * sum |w| + l2 * sum w**2.

    >>> round(float(L1L2(l1=0.1, l2=0.01)([[1.0, -2.0]])), 6)
    0.35
    """

    l1: float | None = 0.0
    l2: float | None = 0.0

    def __post_init__(self) -> None:
        self.l1 = validate_float_arg(0.0 if self.l1 is None else self.l1, "l1")
        self.l2 = validate_float_arg(0.0 if self.l2 is None else self.l2, "l2")

    @eager_on_arrays
    def __call__(self, x: TensorLike) -> Tensor:
        return _magnitudes(x, self.l1) + _squares(x, self.l2)


@final
@dataclass(unsafe_hash=True)
class L1(Regularizer):
    """l1 * sum |w| (Tibshirani 1996): small weights become 0.

    >>> round(float(L1(0.01)([[1.0, 2.0], [3.0, 4.0]])), 6)
    0.1
    """

    l1: float | None = 0.01

    def __post_init__(self) -> None:
        self.l1 = validate_float_arg(0.01 if self.l1 is None else self.l1, "l1")

    @eager_on_arrays
    def __call__(self, x: TensorLike) -> Tensor:
        return _magnitudes(x, self.l1)


@final
@dataclass(unsafe_hash=True)
class L2(Regularizer):
    """l2 * sum w**2 (Krogh and Hertz 1992): all weights become smaller.

    >>> round(float(L2(1e-4)([[1.0, 2.0], [3.0, 4.0]])), 6)
    0.003
    """

    l2: float | None = 0.01

    def __post_init__(self) -> None:
        self.l2 = validate_float_arg(0.01 if self.l2 is None else self.l2, "l2")

    @eager_on_arrays
    def __call__(self, x: TensorLike) -> Tensor:
        return _squares(x, self.l2)


@final
@dataclass(unsafe_hash=True)
class OrthogonalRegularizer(Regularizer):
    """factor * the mean over all pairs of rows (or columns) of |cosine of the angle between them|.

    The weight is a matrix; `mode` is "rows" or "columns".

    >>> rows = [[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]
    >>> round(float(OrthogonalRegularizer(0.3)(rows)), 6)
    0.1
    """

    factor: float = 0.01
    mode: str = "rows"

    def __post_init__(self) -> None:
        self.factor = validate_float_arg(self.factor, "factor")
        if self.mode not in ("rows", "columns"):
            raise ArgumentError("no such mode", received=self.mode, expected="rows or columns")

    @eager_on_arrays
    def __call__(self, x: TensorLike) -> Tensor:
        w = convert.as_tensor(x)
        if w.ndim != 2:
            raise ShapeError("an orthogonal weight is a matrix", received=w.shape)
        rows = l2_normalize(w if self.mode == "rows" else transpose(w), 1)
        count = rows.shape[0]
        assert isinstance(count, int), "weights have known sizes"
        cosines = elementwise.abs(matmul(rows, transpose(rows)))
        others = leaf.constant(1 - np.eye(count), w.dtype)
        # Each pair is there twice.
        return self.factor * reduce.sum(cosines * others) / (count * (count - 1))


@final
@dataclass(frozen=True)
class Custom(Regularizer):
    """A function of the user in the place of a formula."""

    function: Callable[..., TensorLike]

    def __call__(self, x: TensorLike) -> Tensor:
        return convert.as_tensor(self.function(x))


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

BY_NAME: dict[str, type[Regularizer]] = {
    "l1": L1,
    "l2": L2,
    "l1_l2": L1L2,
    "orthogonal_regularizer": OrthogonalRegularizer,
}


def get(identifier: Given) -> Regularizer | None:
    """The regularizer meant by a name, class, object, config or function; None for None."""
    if identifier is None:
        return None
    if callable(identifier) and not isinstance(identifier, type | Regularizer):
        return Custom(identifier)
    return resolve("regularizer", BY_NAME, identifier, Regularizer)


def serialize(regularizer: Regularizer) -> dict[str, object]:
    """The class and the arguments of a regularizer, as `deserialize` takes them."""
    return config_of(regularizer)


def deserialize(config: Config, custom_objects: Mapping[str, type] | None = None) -> Regularizer:
    """The regularizer of a config; `custom_objects` are classes of your own, by name.

    >>> deserialize(serialize(L2(0.5)))
    L2(l2=0.5)
    """
    return resolve("regularizer", {**BY_NAME, **(custom_objects or {})}, config, Regularizer)


def validate_float_arg(value: object, name: str) -> float:
    """The factor of a penalty as a float; ArgumentError unless it is finite and not negative."""
    if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ArgumentError(f"{name} is a finite number, not negative", received=repr(value))
    return float(value)


def _magnitudes(x: TensorLike, factor: float | None) -> Tensor:
    return reduce.sum(elementwise.abs(x)) * factor


def _squares(x: TensorLike, factor: float | None) -> Tensor:
    return reduce.sum(elementwise.square(x)) * factor
