"""Layers of several inputs: sums, products, extremes, concatenation, dot products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Unpack, cast, final

from graphc import dtypes
from graphc.errors import ArgumentError, ShapeError
from graphc.frontend.masks import mask_of
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves
from graphc.ops import convert, elementwise, leaf, matmul, movement
from graphc.ops import reduce as over
from graphc.ops.elementwise import where
from graphc.ops.normalization import l2_normalize

from .layer import Layer
from .spec import BuildShape, LayerOptions


class Merge(Layer):
    """One output from several inputs, element by element; shapes broadcast after the batch.

    Inputs of fewer axes are taken to lack the axes after the batch, as in NumPy but for the first.
    Where every input has a mask, a step counts if it counts in any of them.
    """

    supports_masking = True
    merge: Callable[[Tensor, Tensor], Tensor]

    def build(self, input_shape: BuildShape | Sequence[BuildShape]) -> None:
        if not input_shape or not isinstance(input_shape[0], tuple | list):
            raise ArgumentError(
                f"{type(self).__name__} takes a list of inputs", received=f"one of {input_shape}"
            )

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        return reduce(type(self).merge, _of_equal_rank(inputs))

    def compute_mask(self, inputs: Tree[Tensor], mask: Tree[Tensor] = None) -> Tensor | None:
        masks = _masks_of(inputs, mask)
        if not masks or any(m is None for m in masks):
            return None
        return reduce(elementwise.logical_or, [_as_bool(m) for m in masks if m is not None])


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
    """x * y * ...; steps that a mask leaves out count as 1, those that all leave out give 0."""

    merge = staticmethod(elementwise.mul)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        masks = [_steps(x) for x in inputs]
        kept = [x if m is None else where(m, x, 1) for x, m in zip(inputs, masks)]
        y = super().call(kept)
        known = [m for m in masks if m is not None]
        if len(known) < len(masks):
            return y
        return where(reduce(elementwise.logical_or, known), y, 0)


@final
class Average(Merge):
    """(x + y + ...) / n."""

    merge = staticmethod(elementwise.add)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        return elementwise.div(super().call(inputs), float(len(inputs)))


class Extreme(Merge):
    """The base of the largest and the smallest: what a mask leaves out does not compete."""

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        first, *others = _of_equal_rank(inputs)
        y, known = first, _steps(inputs[0])
        for x, given in zip(others, inputs[1:]):
            mask = _steps(given)
            other = x if mask is None else where(mask, x, y)
            y = type(self).merge(y if known is None else where(known, y, other), other)
            both = known is not None and mask is not None
            known = elementwise.logical_or(known, mask) if both else None
        return y


@final
class Maximum(Extreme):
    """The largest of the inputs, element by element."""

    merge = staticmethod(elementwise.maximum)


@final
class Minimum(Extreme):
    """The smallest of the inputs, element by element."""

    merge = staticmethod(elementwise.minimum)


@final
class Concatenate(Layer):
    """The inputs one after the other along an axis; the others are of equal size.

    >>> from graphc.ops.leaf import placeholder
    >>> Concatenate()([placeholder((None, 5, 2)), placeholder((None, 5, 3))]).shape[1:]
    (5, 5)
    """

    supports_masking = True

    def __init__(self, axis: int = -1, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.axis = axis

    def build(self, input_shape: BuildShape | Sequence[BuildShape]) -> None:
        if not input_shape or not isinstance(input_shape[0], tuple | list):
            raise ArgumentError("Concatenate takes a list of inputs", received=f"{input_shape}")

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        return movement.concat(list(inputs), self.axis)

    def compute_mask(self, inputs: Tree[Tensor], mask: Tree[Tensor] = None) -> Tensor | None:
        """A step counts if one of its features counts."""
        masks = _masks_of(inputs, mask)
        if all(m is None for m in masks):
            return None
        xs = [convert.as_tensor(x) for x in leaves(inputs)]
        full = [_per_element(m, x) for m, x in zip(masks, xs)]
        return over.any(movement.concat(full, self.axis), -1)


@final
class Dot(Layer):
    """The sum of products over one axis of each of two inputs; the batch stays.

    `axes` is one axis for both, or a pair, counted with the batch. With `normalize` the inputs are
    scaled to length 1 along them, which gives the cosine of their angle.

    >>> from graphc.ops.leaf import placeholder
    >>> Dot(axes=(2, 1))([placeholder((None, 4, 3)), placeholder((None, 3, 5))]).shape[1:]
    (4, 5)
    """

    supports_masking = True

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

    def compute_mask(self, inputs: Tree[Tensor], mask: Tree[Tensor] = None) -> None:
        return None


# ---------------------------------------------------------------------------- as functions


def add(inputs: Sequence[Tensor], **options: Unpack[LayerOptions]) -> Tensor:
    """`Add` of the inputs; the functions below are the other layers in the same way."""
    return Add(**options)(inputs)


def subtract(inputs: Sequence[Tensor], **options: Unpack[LayerOptions]) -> Tensor:
    """`Subtract` of the inputs."""
    return Subtract(**options)(inputs)


def multiply(inputs: Sequence[Tensor], **options: Unpack[LayerOptions]) -> Tensor:
    """`Multiply` of the inputs."""
    return Multiply(**options)(inputs)


def average(inputs: Sequence[Tensor], **options: Unpack[LayerOptions]) -> Tensor:
    """`Average` of the inputs."""
    return Average(**options)(inputs)


def maximum(inputs: Sequence[Tensor], **options: Unpack[LayerOptions]) -> Tensor:
    """`Maximum` of the inputs."""
    return Maximum(**options)(inputs)


def minimum(inputs: Sequence[Tensor], **options: Unpack[LayerOptions]) -> Tensor:
    """`Minimum` of the inputs."""
    return Minimum(**options)(inputs)


def concatenate(
    inputs: Sequence[Tensor], axis: int = -1, **options: Unpack[LayerOptions]
) -> Tensor:
    """`Concatenate` of the inputs."""
    return Concatenate(axis, **options)(inputs)


def dot(
    inputs: Sequence[Tensor], axes: int | Sequence[int] = -1, **options: Unpack[LayerOptions]
) -> Tensor:
    """`Dot` of the inputs."""
    return Dot(axes, **options)(inputs)


# ---------------------------------------------------------------------------- shapes and masks


def _of_equal_rank(inputs: Sequence[Tensor]) -> list[Tensor]:
    """The inputs with axes of size 1 after the batch, where others have more."""
    most = max(x.ndim for x in inputs)
    return [_with_axes(x, most) for x in inputs]


def _with_axes(x: Tensor, ndim: int) -> Tensor:
    while x.ndim < ndim:
        x = movement.expand_dims(x, 1)
    return x


def _masks_of(inputs: Tree[Tensor], mask: Tree[Tensor]) -> list[Tensor | None]:
    """One mask per input, None where there is none."""
    if mask is None:
        return []
    if not isinstance(mask, tuple | list) or not isinstance(inputs, tuple | list):
        raise ArgumentError("layers of several inputs take lists of inputs and masks")
    if len(mask) != len(inputs):
        raise ArgumentError("there is one mask per input", received=(len(mask), len(inputs)))
    return [None if m is None else convert.as_tensor(cast(Tensor, m)) for m in mask]


def _as_bool(mask: Tensor) -> Tensor:
    return convert.cast(mask, dtypes.bool_)


def _steps(x: Tensor) -> Tensor | None:
    """The mask of a tensor, for each of its elements."""
    mask = mask_of(x)
    return None if mask is None else _per_element(mask, x)


def _per_element(mask: Tensor | None, x: Tensor) -> Tensor:
    if mask is None:
        return leaf.full(x.shape, True, dtypes.bool_)
    wide = _as_bool(mask)
    while wide.ndim < x.ndim:
        wide = movement.expand_dims(wide, wide.ndim)
    return convert.broadcast_to(wide, x.shape)
