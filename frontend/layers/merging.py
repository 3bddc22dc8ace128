"""Layers of several inputs: sums, products, extremes, concatenation, dot products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Unpack, cast, final

from graphc import dtypes
from graphc.errors import ArgumentError, ShapeError
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves
from graphc.ops import elementwise, leaf, matmul, movement
from graphc.ops.normalization import l2_normalize

from .layer import Layer
from .spec import BuildShape, LayerOptions


class Merge(Layer):
    """One output from several inputs, element by element; shapes broadcast after the batch.

    Inputs of fewer axes are taken to lack the axes after the batch, as in NumPy but for the first.
    Masks are joined: a step counts if it counts in every input that has a mask.
    """

    supports_masking = True
    merge: Callable[[Tensor, Tensor], Tensor]

    def build(self, input_shape: BuildShape | Sequence[BuildShape]) -> None:
        if not input_shape or not isinstance(input_shape[0], tuple | list):
            raise ArgumentError(
                f"{type(self).__name__} takes a list of inputs", received=f"one of {input_shape}"
            )

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        most = max(x.ndim for x in inputs)
        return reduce(type(self).merge, [_with_axes(x, most) for x in inputs])

    def compute_mask(self, inputs: Tree[Tensor], mask: Tree[Tensor] = None) -> Tensor | None:
        return _joined(mask)


@final
class Add(Merge):
    """x + y + ...

    >>> import numpy as np
    >>> Add()([np.ones((1, 2)), np.full((1, 2), 10.0)]).numpy().tolist()
    [[11.0, 11.0]]
    """

    merge = staticmethod(elementwise.add)


@final
class Subtract(Merge):
    """x - y, of exactly two inputs."""

    merge = staticmethod(elementwise.sub)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        if len(inputs) != 2:
            raise ArgumentError("Subtract takes two inputs", received=len(inputs))
        return super().call(inputs)


@final
class Multiply(Merge):
    """x * y * ..."""

    merge = staticmethod(elementwise.mul)


@final
class Average(Merge):
    """(x + y + ...) / n."""

    merge = staticmethod(elementwise.add)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        return elementwise.div(super().call(inputs), float(len(inputs)))


@final
class Maximum(Merge):
    """The largest of the inputs, element by element."""

    merge = staticmethod(elementwise.maximum)


@final
class Minimum(Merge):
    """The smallest of the inputs, element by element."""

    merge = staticmethod(elementwise.minimum)


@final
class Concatenate(Layer):
    """The inputs one after the other along an axis; the others are of equal size.

    >>> from graphc.ops.leaf import placeholder
    >>> Concatenate()([placeholder((None, 5, 2)), placeholder((None, 5, 3))]).shape[1:]
    (5, 5)
    """

    def __init__(self, axis: int = -1, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.axis = axis

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        if isinstance(inputs, Tensor) or not inputs:
            raise ArgumentError("Concatenate takes a list of inputs", received=repr(inputs))
        return movement.concat(list(inputs), self.axis)

    def compute_mask(self, inputs: Tree[Tensor], mask: Tree[Tensor] = None) -> Tensor | None:
        xs, masks = leaves(inputs), cast(Sequence[Tensor | None], mask)
        if all(m is None for m in masks):
            return None
        full = [_mask_or_ones(m, x) for m, x in zip(masks, xs)]
        if self.axis % xs[0].ndim == 1:
            return movement.concat(full, 1)
        return reduce(elementwise.logical_and, full)


@final
class Dot(Layer):
    """The sum of products over one axis of each of two inputs; the batch stays.

    `axes` is one axis for both, or a pair, counted with the batch. With `normalize` the inputs are
    scaled to length 1 along them, which gives the cosine of their angle.

    >>> from graphc.ops.leaf import placeholder
    >>> Dot(axes=(2, 1))([placeholder((None, 4, 3)), placeholder((None, 3, 5))]).shape[1:]
    (4, 5)
    """

    def __init__(
        self, axes: int | Sequence[int], normalize: bool = False, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        self.axes, self.normalize = axes, normalize

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        if isinstance(inputs, Tensor) or len(inputs) != 2:
            raise ArgumentError("Dot takes two inputs", received=repr(inputs))
        x, y = inputs
        i, j = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        i, j = i % x.ndim, j % y.ndim
        if 0 in (i, j):
            raise ArgumentError("Dot sums over no batch", received=f"axes={self.axes}")
        if isinstance(x.shape[i], int) and isinstance(y.shape[j], int) and x.shape[i] != y.shape[j]:
            raise ShapeError("the axes of Dot differ in size", received=(x.shape, y.shape))
        if self.normalize:
            x, y = l2_normalize(x, i), l2_normalize(y, j)
        result = matmul.dot_general(x, y, ((i,), (j,)), ((0,), (0,)))
        return movement.expand_dims(result, 1) if result.ndim == 1 else result


def _with_axes(x: Tensor, ndim: int) -> Tensor:
    while x.ndim < ndim:
        x = movement.expand_dims(x, 1)
    return x


def _joined(mask: Tree[Tensor] = None) -> Tensor | None:
    masks = leaves(mask)
    return reduce(elementwise.logical_and, masks) if masks else None


def _mask_or_ones(mask: Tensor | None, x: Tensor) -> Tensor:
    return leaf.full(x.shape[:2], True, dtypes.bool_) if mask is None else mask
