"""Layers that change the sizes of images: zeros around, rows off, pixels repeated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Unpack, final

from graphc.errors import ArgumentError, DTypeError, ShapeError
from graphc.frontend.config import layout
from graphc.ir.node import Tensor
from graphc.ops import movement, resize
from graphc.ops.window import Ints, spatial_axes, spread

from .layer import Layer
from .spec import InputSpec, LayerOptions

Sides = int | Sequence[int] | Sequence[Sequence[int]]
Pair = tuple[int, int]


class SpatialBorder(Layer):
    """Numbers of rows before and after each spatial axis.

    One number is for all sides; a number for each axis is for both of its sides; a pair for each
    axis is (before, after).
    """

    rank: ClassVar[int]

    def __init__(
        self, sides: Sides, data_format: str | None, what: str, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        self.sides = _pairs(sides, self.rank, what)
        # As Keras writes them: without a pair around the pair of the only axis.
        self.given_sides: Sides = self.sides if self.rank > 1 else self.sides[0]
        self.data_format = layout(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def per_axis(self, ndim: int) -> list[Pair]:
        """The numbers for all axes of a tensor."""
        spatial = dict(zip(spatial_axes(self.rank, self.data_format), self.sides))
        return [spatial.get(axis, (0, 0)) for axis in range(ndim)]


class AbstractZeroPadding(SpatialBorder):
    """Zeros before and after each spatial axis; `padding` as in the base class."""

    def __init__(
        self, padding: Sides = 1, data_format: str | None = None, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(padding, data_format, "padding", **options)
        self.padding = self.given_sides

    def call(self, inputs: Tensor) -> Tensor:
        return movement.pad(inputs, self.per_axis(inputs.ndim))


@final
class ZeroPadding1D(AbstractZeroPadding):
    """Zeros before the first and after the last time step; a pair is (before, after)."""

    rank: ClassVar[int] = 1


@final
class ZeroPadding2D(AbstractZeroPadding):
    """Zeros around images.

    >>> from graphc.ops.leaf import placeholder
    >>> ZeroPadding2D(((1, 2), (0, 3)))(placeholder((None, 4, 4, 1))).shape[1:]
    (7, 7, 1)
    """

    rank: ClassVar[int] = 2


@final
class ZeroPadding3D(AbstractZeroPadding):
    """Zeros around volumes."""

    rank: ClassVar[int] = 3


class AbstractCropping(SpatialBorder):
    """Rows taken off before and after each spatial axis; `cropping` as in the base class."""

    default: ClassVar[Sides] = 0

    def __init__(
        self, cropping: Sides | None = None, data_format: str | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        sides = self.default if cropping is None else cropping
        super().__init__(sides, data_format, "cropping", **options)
        self.cropping = self.given_sides

    def call(self, inputs: Tensor) -> Tensor:
        for axis, (before, after) in enumerate(self.per_axis(inputs.ndim)):
            size = inputs.shape[axis]
            if isinstance(size, int) and before + after >= size:
                raise ShapeError(
                    f"nothing is left of axis {axis} after {self.name}",
                    received=inputs.shape,
                    expected=f"more than {before + after} elements along axis {axis}",
                )
        cuts = [slice(a, -b if b else None) for a, b in self.per_axis(inputs.ndim)]
        return inputs[tuple(cuts)]


@final
class Cropping1D(AbstractCropping):
    """Time steps taken off at the beginning and at the end, (1, 1) of them by default."""

    rank: ClassVar[int] = 1
    default = 1


@final
class Cropping2D(AbstractCropping):
    """The inside of images.

    >>> from graphc.ops.leaf import placeholder
    >>> Cropping2D(((1, 2), (0, 3)))(placeholder((None, 9, 9, 1))).shape[1:]
    (6, 6, 1)
    """

    rank: ClassVar[int] = 2


@final
class Cropping3D(AbstractCropping):
    """The inside of volumes, one row off at each side by default."""

    rank: ClassVar[int] = 3
    default = 1


class AbstractUpSampling(Layer):
    """Each element repeated `size` times along its axis."""

    rank: ClassVar[int]

    def __init__(
        self, size: Ints = 2, data_format: str | None = None, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        self.sizes = spread(size, self.rank, "size")
        self.size: Ints = self.sizes
        self.data_format = layout(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Tensor) -> Tensor:
        for axis, times in zip(spatial_axes(self.rank, self.data_format), self.sizes):
            inputs = movement.repeat(inputs, times, axis)
        return inputs


@final
class UpSampling1D(AbstractUpSampling):
    """Each time step repeated: (batch, steps, features) -> (batch, steps * size, features)."""

    rank: ClassVar[int] = 1

    def __init__(self, size: int = 2, **options: Unpack[LayerOptions]) -> None:
        if isinstance(size, bool) or not isinstance(size, int):
            raise DTypeError("size is a number of repetitions", received=repr(size))
        super().__init__(size, None, **options)
        self.size = size


@final
class UpSampling2D(AbstractUpSampling):
    """Larger images, by repetition or by interpolation.

    `interpolation` is "nearest" (repetition), "bilinear" or "bicubic".

    >>> from graphc.ops.leaf import placeholder
    >>> UpSampling2D((2, 3))(placeholder((None, 4, 4, 1))).shape[1:]
    (8, 12, 1)
    """

    rank: ClassVar[int] = 2

    def __init__(
        self, size: Ints = 2, data_format: str | None = None, interpolation: str = "nearest",
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(size, data_format, **options)
        if interpolation not in ("nearest", "bilinear", "bicubic"):
            raise ArgumentError(
                "no such interpolation",
                received=repr(interpolation),
                expected="nearest, bilinear, bicubic",
            )
        self.interpolation = interpolation

    def call(self, inputs: Tensor) -> Tensor:
        if self.interpolation == "nearest":
            return super().call(inputs)
        sizes = [inputs.shape[a] for a in spatial_axes(self.rank, self.data_format)]
        if not all(isinstance(n, int) for n in sizes):
            raise ShapeError("interpolation needs known image sizes", received=inputs.shape)
        wanted = [int(n) * times for n, times in zip(sizes, self.sizes)]
        return resize.resize(inputs, wanted, self.interpolation, data_format=self.data_format)


@final
class UpSampling3D(AbstractUpSampling):
    """Each element of a volume repeated along its three axes."""

    rank: ClassVar[int] = 3


def _pairs(sides: Sides, rank: int, what: str) -> tuple[Pair, ...]:
    if not isinstance(sides, int | tuple | list):
        found = ()
    elif isinstance(sides, int):
        found = ((sides, sides),) * rank
    elif rank == 1 and len(sides) == 2 and all(isinstance(n, int) for n in sides):
        found = (tuple(sides),)
    elif len(sides) == rank and (rank > 1 or not isinstance(sides[0], int)):
        found = tuple((s, s) if isinstance(s, int) else tuple(s) for s in sides)
    else:
        found = ()
    fits = all(len(p) == 2 and all(isinstance(n, int) and n >= 0 for n in p) for p in found)
    if not found or not fits:
        raise ArgumentError(
            f"{what} is a number, or for each axis a number or a pair (before, after)",
            received=repr(sides),
            expected=f"{rank} axes, nothing negative",
        )
    return tuple((int(a), int(b)) for a, b in found)  # pyright: ignore
