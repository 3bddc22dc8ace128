"""Layers that move pixels: flips, rotations, shifts, zooms, shears, perspectives.

All but flips are one map of the plane per image, read by frontend/image/sampling.py; masks are read
through the same map, with the nearest pixel.
"""

from __future__ import annotations

import math
from typing import Unpack, final

from graphc import dtypes
from graphc.errors import ArgumentError
from graphc.frontend.image import geometry
from graphc.frontend.image.sampling import FILL_MODES, INTERPOLATIONS, affine_transform
from graphc.frontend.layers.spec import BaseOptions
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, leaf, movement

from .base import Drawn, Draws, Factor, RandomImageLayer, interval

_FLIPS = ("horizontal", "vertical", "horizontal_and_vertical")


@final
class RandomFlip(RandomImageLayer):
    """Mirrors each image with probability 1/2, across and down independently of each other.

    A dog upside down is no dog: `mode="horizontal"` is what most photographs want.

    >>> RandomFlip(seed=1)([[[1.0], [2.0]]], training=True).shape
    (1, 2, 1)
    """

    def __init__(
        self, mode: str = "horizontal_and_vertical", seed: int | None = None,
        data_format: str | None = None, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **options)
        if mode not in _FLIPS:
            raise ArgumentError("no such mode", received=repr(mode), expected=", ".join(_FLIPS))
        self.mode = mode

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        across, down = (elementwise.less_equal(draws.uniform(), 0.5) for _ in range(2))
        return {n: t for n, t in (("horizontal", across), ("vertical", down)) if n in self.mode}

    def changed(self, x: Tensor, drawn: Drawn) -> Tensor:
        for name, axis in (("horizontal", 2), ("vertical", 1)):
            if name in drawn:
                chosen = movement.reshape(drawn[name], (-1, 1, 1, 1))
                x = elementwise.where(chosen, movement.flip(x, axis), x)
        return x

    def changed_masks(self, x: Tensor, drawn: Drawn) -> Tensor:
        return self.changed(x, drawn)


class Moving(RandomImageLayer):
    """A layer that draws one map of the plane per image, "transform" (count, 8)."""

    def __init__(
        self, interpolation: str, fill_mode: str, fill_value: float, seed: int | None,
        data_format: str | None, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **options)
        for name, value, known in (
            ("interpolation", interpolation, INTERPOLATIONS),
            ("fill_mode", fill_mode, tuple(FILL_MODES)),
        ):
            if value not in known:
                raise ArgumentError(
                    f"no such {name}", received=repr(value), expected=", ".join(known)
                )
        self.interpolation, self.fill_mode = interpolation, fill_mode
        self.fill_value = float(fill_value)

    def changed(self, x: Tensor, drawn: Drawn) -> Tensor:
        return self.moved(x, drawn, self.interpolation)

    def changed_masks(self, x: Tensor, drawn: Drawn) -> Tensor:
        return self.moved(x, drawn, "nearest")

    def moved(self, x: Tensor, drawn: Drawn, interpolation: str) -> Tensor:
        """A batch under the maps that were drawn."""
        return affine_transform(
            x, drawn["transform"], interpolation, self.fill_mode, self.fill_value
        )


@final
class RandomRotation(Moving):
    """Turns each image about its middle by a fraction of a full turn, counter-clockwise.

    `factor` 0.2 draws from -72 to 72 degrees, (-0.1, 0.3) from -36 to 108.

    >>> RandomRotation((0.25, 0.25))([[[1.0], [2.0]], [[3.0], [4.0]]], training=True).shape
    (2, 2, 1)
    """

    def __init__(
        self, factor: Factor, fill_mode: str = "reflect", interpolation: str = "bilinear",
        seed: int | None = None, fill_value: float = 0.0, data_format: str | None = None,
        **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(interpolation, fill_mode, fill_value, seed, data_format, **options)
        self.factor = interval(factor, -1.0, 1.0)

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        angle = draws.uniform(*self.factor) * (2 * math.pi)
        return {"transform": geometry.rotation(angle, images.shape[1], images.shape[2])}


@final
class RandomTranslation(Moving):
    """Shifts each image by a fraction of its height, positive is down, and of its width, right."""

    def __init__(
        self, height_factor: Factor, width_factor: Factor, fill_mode: str = "reflect",
        interpolation: str = "bilinear", seed: int | None = None, fill_value: float = 0.0,
        data_format: str | None = None, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(interpolation, fill_mode, fill_value, seed, data_format, **options)
        self.height_factor = interval(height_factor, -1.0, 1.0, "height_factor")
        self.width_factor = interval(width_factor, -1.0, 1.0, "width_factor")

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        height, width = (leaf.size_of(s, dtypes.float32) for s in images.shape[1:3])
        down = draws.uniform(*self.height_factor) * height
        right = draws.uniform(*self.width_factor) * width
        return {"transform": geometry.translation(right, down)}


@final
class RandomZoom(Moving):
    """Shows 1 + factor times as much of each image: below 0 is nearer, above 0 farther away.

    Without `width_factor` height and width stay in proportion.
    """

    def __init__(
        self, height_factor: Factor, width_factor: Factor | None = None,
        fill_mode: str = "reflect", interpolation: str = "bilinear", seed: int | None = None,
        fill_value: float = 0.0, data_format: str | None = None, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(interpolation, fill_mode, fill_value, seed, data_format, **options)
        self.height_factor = interval(height_factor, -1.0, 1.0, "height_factor")
        self.width_factor = None
        if width_factor is not None:
            self.width_factor = interval(width_factor, -1.0, 1.0, "width_factor")

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        high = 1.0 + draws.uniform(*self.height_factor)
        wide = 1.0 + draws.uniform(*self.width_factor) if self.width_factor else high
        return {"transform": geometry.zoom(high, wide, images.shape[1], images.shape[2])}


@final
class RandomShear(Moving):
    """Shifts row y of each image by x_factor * y, and column x by y_factor * x, to either side."""

    def __init__(
        self, x_factor: Factor = 0.0, y_factor: Factor = 0.0, interpolation: str = "bilinear",
        fill_mode: str = "reflect", fill_value: float = 0.0, data_format: str | None = None,
        seed: int | None = None, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(interpolation, fill_mode, fill_value, seed, data_format, **options)
        self.x_factor = interval(x_factor, -1.0, 1.0, "x_factor")
        self.y_factor = interval(y_factor, -1.0, 1.0, "y_factor")

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        side = draws.sign()
        across, down = draws.uniform(*self.x_factor), draws.uniform(*self.y_factor)
        return {"transform": geometry.shear(across * side, down * side)}


@final
class RandomPerspective(Moving):
    """Moves the corners of each image, with a probability drawn from `factor`.

    A corner (x, y) moves by up to half of `scale` times x and y; one number f means (0, f).
    """

    def __init__(
        self, factor: Factor = 1.0, scale: float = 1.0, interpolation: str = "bilinear",
        fill_value: float = 0.0, seed: int | None = None, data_format: str | None = None,
        **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(interpolation, "constant", fill_value, seed, data_format, **options)
        self.factor = interval(factor, 0.0, 1.0, alone=0.0)
        self.scale = interval(scale, 0.0, 1.0, "scale")[1]

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        happens = movement.expand_dims(draws.happens(self.factor), 1)
        height, width = (leaf.size_of(s, dtypes.float32) - 1.0 for s in images.shape[1:3])
        unit = leaf.constant([[[0, 0], [1, 0], [0, 1], [1, 1]]], dtypes.float32)
        corners = unit * movement.reshape(movement.stack([width, height]), (1, 1, 2))
        moves = draws.uniform(-0.5 * self.scale, 0.5 * self.scale, 4, 2)
        start = convert.broadcast_to(corners, moves.shape)
        maps = geometry.perspective(start, start * (1.0 + moves))
        same = leaf.constant([1, 0, 0, 0, 1, 0, 0, 0], dtypes.float32)
        return {"transform": elementwise.where(happens, maps, same)}
