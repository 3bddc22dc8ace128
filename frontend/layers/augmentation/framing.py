"""Layers that change the size of images: resizing and crops."""

from __future__ import annotations

import math
from typing import Unpack, final

from graphc import dtypes
from graphc.errors import ArgumentError
from graphc.frontend.eager import eager_on_arrays
from graphc.frontend.image import framing
from graphc.frontend.image.form import as_batch
from graphc.frontend.image.sampling import INTERPOLATIONS, moved
from graphc.frontend.layers.spatial import positive
from graphc.frontend.layers.spec import BaseOptions
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, index, leaf, movement
from graphc.ops.convert import TensorLike

from .base import Drawn, Draws, ImageLayer, RandomImageLayer, interval


@final
class Resizing(ImageLayer):
    """Images of another size, in training and inference; whole numbers stay whole numbers.

    See `image.resize` for the arguments.

    >>> Resizing(2, 3)([[[1.0], [2.0]], [[3.0], [4.0]]]).shape
    (2, 3, 1)
    """

    def __init__(
        self, height: int, width: int, interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False, pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant", fill_value: float = 0.0, antialias: bool = False,
        data_format: str | None = None, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(data_format, **options)
        self.height, self.width = positive(height, "height"), positive(width, "width")
        self.interpolation, self.antialias = interpolation, bool(antialias)
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode, self.fill_value = fill_mode, fill_value

    @eager_on_arrays
    def transform_images(
        self, images: TensorLike, transformation: Drawn | None = None, training: bool = True
    ) -> Tensor:
        x, back = as_batch(images, self.data_format)
        return back(self._resized(x, self.interpolation))

    def changed_masks(self, x: Tensor, drawn: Drawn) -> Tensor:
        return self._resized(x, "nearest")

    def _resized(self, x: Tensor, interpolation: str) -> Tensor:
        return framing.resize(
            x, (self.height, self.width), interpolation, self.antialias,
            self.crop_to_aspect_ratio, self.pad_to_aspect_ratio, self.fill_mode, self.fill_value,
        )  # fmt: skip


@final
class CenterCrop(ImageLayer):
    """The middle of images, in training and inference.

    Of images that are smaller the largest part of the wanted form is enlarged.
    """

    def __init__(
        self, height: int, width: int, data_format: str | None = None,
        **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(data_format, **options)
        self.height, self.width = positive(height, "height"), positive(width, "width")

    def changed(self, x: Tensor, drawn: Drawn) -> Tensor:
        return self._middle(x, "bilinear")

    def changed_masks(self, x: Tensor, drawn: Drawn) -> Tensor:
        return self._middle(x, "nearest")

    def _middle(self, x: Tensor, interpolation: str) -> Tensor:
        height, width = framing.known_sizes(x)
        if height < self.height or width < self.width:
            return _fitted(x, self.height, self.width, interpolation)
        return framing.crop_images(
            x, (height - self.height) // 2, (width - self.width) // 2,
            target_height=self.height, target_width=self.width,
        )  # fmt: skip


@final
class RandomCrop(RandomImageLayer):
    """A part of each image, at a random place in training.

    In inference, and of images that are smaller, it is the largest part in the middle that has the
    wanted form, resized.
    """

    always = True

    def __init__(
        self, height: int, width: int, seed: int | None = None, data_format: str | None = None,
        **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **options)
        self.height, self.width = positive(height, "height"), positive(width, "width")

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        height, width = framing.known_sizes(images)
        if height < self.height or width < self.width:
            return {}
        spaces = {"top": height - self.height, "left": width - self.width}
        return {
            name: convert.cast(draws.uniform(0.0, space + 1.0), dtypes.int32)
            for name, space in spaces.items()
        }

    def changed(self, x: Tensor, drawn: Drawn) -> Tensor:
        return self._part(x, drawn, "bilinear")

    def changed_masks(self, x: Tensor, drawn: Drawn) -> Tensor:
        return self._part(x, drawn, "nearest")

    def _part(self, x: Tensor, drawn: Drawn, interpolation: str) -> Tensor:
        if "top" not in drawn:
            return _fitted(x, self.height, self.width, interpolation)
        for axis, start, size in ((1, "top", self.height), (2, "left", self.width)):
            places = movement.expand_dims(drawn[start], 1) + leaf.arange(size)
            x = index.gather(x, places, axis=axis, batch_dims=1)
        return x


@final
class RandomResizedCrop(RandomImageLayer):
    """A part of each image of random area and form, resized: the crop of Szegedy et al. 2015.

    The part has an area of `scale` times that of the image, and width / height is drawn from
    `ratio`, evenly in its logarithm; parts that do not fit are cut off at the borders. In inference
    it is the largest part in the middle that has the wanted form.

    >>> RandomResizedCrop(2, 2, seed=1)([[[1.0], [2.0]], [[3.0], [4.0]]], training=True).shape
    (2, 2, 1)
    """

    always = True

    def __init__(
        self, height: int, width: int, scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3), interpolation: str = "bilinear",
        seed: int | None = None, data_format: str | None = None, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **options)
        self.height, self.width = positive(height, "height"), positive(width, "width")
        self.scale = interval(scale, 0.0, 1.0, "scale", alone=0.0)
        self.ratio = interval(ratio, 1e-3, 1e3, "ratio", alone=1.0)
        if interpolation not in INTERPOLATIONS:
            raise ArgumentError("no such interpolation", received=repr(interpolation),
                                expected=", ".join(INTERPOLATIONS))  # fmt: skip
        self.interpolation = interpolation

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        height, width = framing.known_sizes(images)
        area = draws.uniform(*self.scale) * float(height * width)
        form = elementwise.exp(draws.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
        sizes = {"high": (area / form, height), "wide": (area * form, width)}
        part = {
            name: elementwise.minimum(elementwise.sqrt(square), float(most))
            for name, (square, most) in sizes.items()
        }
        top = draws.uniform() * (float(height) - part["high"])
        left = draws.uniform() * (float(width) - part["wide"])
        # The centre of pixel j of the result is at left + (j + 1/2) step - 1/2.
        down, across = part["high"] / float(self.height), part["wide"] / float(self.width)
        zero = across * 0.0
        maps = [across, zero, left + across * 0.5 - 0.5, zero, down, top + down * 0.5 - 0.5]
        return {"transform": movement.stack([*maps, zero, zero], 1)}

    def changed(self, x: Tensor, drawn: Drawn) -> Tensor:
        return self._part(x, drawn, self.interpolation)

    def changed_masks(self, x: Tensor, drawn: Drawn) -> Tensor:
        return self._part(x, drawn, "nearest")

    def _part(self, x: Tensor, drawn: Drawn, interpolation: str) -> Tensor:
        if "transform" not in drawn:
            return _fitted(x, self.height, self.width, interpolation)
        size = (self.height, self.width)
        return moved(x, drawn["transform"], size, interpolation, "nearest", 0.0)


def _fitted(x: Tensor, height: int, width: int, interpolation: str) -> Tensor:
    """The largest part in the middle that has the wanted form, resized."""
    return framing.resize(x, (height, width), interpolation, crop_to_aspect_ratio=True)
