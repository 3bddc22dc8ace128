"""Layers that mix the images of a batch, with their labels, or erase parts of them."""

from __future__ import annotations

from typing import Unpack, final

from graphc import dtypes
from graphc.errors import ArgumentError, DTypeError
from graphc.frontend.image.form import per_image
from graphc.frontend.layers.spec import BaseOptions
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, index, leaf, movement, random, reduce

from .base import Drawn, Draws, Factor, RandomImageLayer, interval, values
from .beta import beta


class Mixing(RandomImageLayer):
    """A layer that mixes each image with another one of the batch.

    It draws "permutation_order", the other images, and "mix_weight", the share of the own image.
    """

    def changed_labels(self, labels: Tensor, drawn: Drawn) -> Tensor:
        if not labels.dtype.is_float and labels.ndim == 1:
            raise DTypeError(
                "class numbers cannot be mixed",
                received=f"{labels.dtype} {labels.shape}",
                fix="give one-hot vectors: utils.to_categorical(labels)",
            )
        y = labels if labels.dtype.is_float else convert.cast(labels, dtypes.float32)
        return mixed(y, drawn)


def mixed(x: Tensor, drawn: Drawn) -> Tensor:
    """weight * x + (1 - weight) * x[order], with a weight per row."""
    other = index.take(x, drawn["permutation_order"], 0)
    weight = convert.cast(drawn["mix_weight"], x.dtype)
    weight = movement.reshape(weight, (-1, *(1,) * (x.ndim - 1)))
    return weight * x + (1.0 - weight) * other


@final
class MixUp(Mixing):
    """y = w x + (1 - w) x', the same for labels, w from Beta(alpha, alpha) (Zhang et al. 2018).

    >>> import numpy as np
    >>> batch = {"images": np.ones((2, 4, 4, 1)), "labels": np.eye(2)}
    >>> MixUp(seed=1)(batch, training=True)["labels"].shape
    (2, 2)
    """

    def __init__(
        self, alpha: float = 0.2, data_format: str | None = None, seed: int | None = None,
        **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **options)
        if not alpha > 0:
            raise ArgumentError("alpha is positive", received=alpha)
        self.alpha = float(alpha)

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        return {
            "permutation_order": random.permutation(draws.fresh(), draws.count),  # pyright: ignore
            "mix_weight": beta(draws, self.alpha),
        }

    def changed(self, x: Tensor, drawn: Drawn) -> Tensor:
        return mixed(x, drawn)

    def changed_masks(self, x: Tensor, drawn: Drawn) -> Tensor:
        return mixed(convert.cast(x, dtypes.float32), drawn)


@final
class CutMix(Mixing):
    """Puts a rectangle of another image of the batch into each (Yun et al. 2019).

    The share w of the own image is drawn from Beta(a, a), a from `factor`; labels are mixed by the
    pixels that remain. One factor means (0, f).
    """

    def __init__(
        self, factor: Factor = 1.0, seed: int | None = None, data_format: str | None = None,
        **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **options)
        self.factor = interval(factor, 0.0, 1.0, alone=0.0)

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        alpha = draws.uniform(*self.factor) + 1e-6
        side = elementwise.sqrt(1.0 - beta(draws, alpha))
        masks = rectangles(images, draws, side, side)
        covered = reduce.mean(convert.cast(masks, dtypes.float32), (1, 2, 3))
        order = random.permutation(draws.fresh(), draws.count)  # pyright: ignore
        return {"permutation_order": order, "batch_masks": masks, "mix_weight": 1.0 - covered}

    def changed(self, x: Tensor, drawn: Drawn) -> Tensor:
        other = index.take(x, drawn["permutation_order"], 0)
        return elementwise.where(drawn["batch_masks"], other, x)

    def changed_masks(self, x: Tensor, drawn: Drawn) -> Tensor:
        return self.changed(x, drawn)


@final
class RandomErasing(RandomImageLayer):
    """Covers a rectangle of each image, with a probability drawn from `factor` (Zhong et al. 2020).

    Its height and width are square roots of numbers from `scale` times those of the image. It holds
    `fill_value`, a number or one per channel, or noise without it; 0 is "cutout".
    """

    def __init__(
        self, factor: Factor = 1.0, scale: Factor = (0.02, 0.33),
        fill_value: float | tuple[float, ...] | None = None,
        value_range: tuple[float, float] = (0, 255), seed: int | None = None,
        data_format: str | None = None, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **options)
        self.factor = interval(factor, 0.0, 1.0, alone=0.0)
        self.scale = interval(scale, 0.0, 1.0, "scale", alone=0.0)
        self.fill_value, self.value_range = fill_value, values(value_range)

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        sides = [elementwise.sqrt(draws.uniform(*self.scale)) for _ in range(2)]
        masks = rectangles(images, draws, *sides)
        happens = movement.reshape(draws.happens(self.factor), (-1, 1, 1, 1))
        drawn = {"batch_masks": elementwise.logical_and(masks, happens)}
        if self.fill_value is None:
            noise = random.normal(draws.fresh(), images.shape)
            drawn["fill_value"] = noise * self.value_range[1]
        return drawn

    def changed(self, x: Tensor, drawn: Drawn) -> Tensor:
        given = drawn.get("fill_value")
        fill = leaf.constant(self.fill_value, x.dtype) if given is None else given
        fill = elementwise.clip(convert.cast(fill, x.dtype), *self.value_range)
        return elementwise.where(drawn["batch_masks"], fill, x)


def rectangles(images: Tensor, draws: Draws, wide: Tensor, high: Tensor) -> Tensor:
    """Where a rectangle at a random place covers each image: bool (count, height, width, 1).

    `wide` and `high` are its sides as shares of those of the image.
    """
    inside: list[Tensor] = []
    for axis, share in ((2, wide), (1, high)):
        size = leaf.size_of(images.shape[axis], dtypes.float32)
        length = share * size
        start = draws.uniform() * (size - length)
        shape = [1, 1, 1, 1]
        shape[axis] = images.shape[axis]  # pyright: ignore
        place = convert.cast(leaf.iota(shape, axis), dtypes.float32)
        first, last = (per_image(t, place) for t in (start, start + length))
        inside.append(
            elementwise.logical_and(
                elementwise.greater_equal(place, first), elementwise.less(place, last)
            )
        )
    return elementwise.logical_and(*inside)
