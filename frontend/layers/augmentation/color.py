"""Layers that change the colours of images, each image by an amount of its own.

`value_range` is the smallest and the largest value that pixels have; results stay within it.
"""

from __future__ import annotations

from typing import Unpack, final

from graphc.frontend.image.colors import rgb_to_grayscale, with_contrast, with_hsv
from graphc.frontend.image.form import per_image
from graphc.frontend.layers.spatial import positive
from graphc.frontend.layers.spec import BaseOptions
from graphc.ir.node import Tensor
from graphc.ops import elementwise, movement

from .base import Drawn, Draws, Factor, RandomImageLayer, interval, values

Range = tuple[float, float]

# What 1 - factor is kept away from.
_SMALL = 1e-7


class Colouring(RandomImageLayer):
    """A layer whose pixels have a smallest and a largest value."""

    def __init__(
        self, value_range: Range, seed: int | None, data_format: str | None = None,
        **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **options)
        self.value_range = values(value_range)

    def changed(self, x: Tensor, drawn: Drawn) -> Tensor:
        return elementwise.clip(self.coloured(x, drawn), *self.value_range)

    def coloured(self, x: Tensor, drawn: Drawn) -> Tensor:
        """The new colours, before they are cut off at the ends of the range."""
        return x

    def in_unit(self, x: Tensor) -> Tensor:
        """Pixels in 0 .. 1."""
        low, high = self.value_range
        return (x - low) / (high - low)

    def from_unit(self, x: Tensor) -> Tensor:
        """Pixels in the range again."""
        low, high = self.value_range
        return x * (high - low) + low


class ColouringByShare(Colouring):
    """One with a factor from 0 to 1; a single number f means (0, f)."""

    def __init__(
        self, factor: Factor, value_range: Range = (0, 255), data_format: str | None = None,
        seed: int | None = None, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(value_range, seed, data_format, **options)
        self.factor = interval(factor, 0.0, 1.0, alone=0.0)


@final
class RandomBrightness(Colouring):
    """Adds to each image a number from `factor` times the range: factor within -1 .. 1.

    >>> RandomBrightness((0.5, 0.5), (0, 1))([[[0.25, 1.0]]], training=True).numpy().tolist()
    [[[0.75, 1.0]]]
    """

    def __init__(
        self, factor: Factor, value_range: Range = (0, 255), seed: int | None = None,
        **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(value_range, seed, **options)
        self.factor = interval(factor, -1.0, 1.0)

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        low, high = self.value_range
        return {"rgb_delta": draws.per_image(*self.factor) * (high - low)}

    def coloured(self, x: Tensor, drawn: Drawn) -> Tensor:
        return x + per_image(drawn["rgb_delta"], x)


@final
class RandomContrast(Colouring):
    """(x - mean) * f + mean per channel, f from 1 - lower to 1 + upper; one factor is both."""

    def __init__(
        self, factor: Factor, value_range: Range = (0, 255), seed: int | None = None,
        **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(value_range, seed, **options)
        alone = factor if isinstance(factor, int | float) else None
        self.factor = interval(factor, 0.0, 1.0, alone=alone)

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        low, high = self.factor
        return {"contrast_factor": draws.per_image(1.0 - low, 1.0 + high)}

    def coloured(self, x: Tensor, drawn: Drawn) -> Tensor:
        return with_contrast(x, drawn["contrast_factor"])


@final
class RandomSaturation(ColouringByShare):
    """Multiplies the saturation by f / (1 - f): 0 is grey, 1/2 changes nothing, 1 saturates.

    One factor means (0, factor).
    """

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        share = draws.uniform(*self.factor)
        return {"factor": share / (1.0 - share + _SMALL)}

    def coloured(self, x: Tensor, drawn: Drawn) -> Tensor:
        return self.from_unit(with_hsv(self.in_unit(x), saturation=drawn["factor"]))


@final
class RandomHue(ColouringByShare):
    """Turns the colours by up to `factor` times half of their circle; one factor means (0, f)."""

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        return {"factor": draws.sign() * draws.uniform(*self.factor) * 0.5}

    def coloured(self, x: Tensor, drawn: Drawn) -> Tensor:
        return self.from_unit(with_hsv(self.in_unit(x), hue=drawn["factor"]))


@final
class RandomColorJitter(Colouring):
    """Brightness, contrast, saturation and hue, one after the other; factors as in their layers."""

    def __init__(
        self, value_range: Range = (0, 255), brightness_factor: Factor | None = None,
        contrast_factor: Factor | None = None, saturation_factor: Factor | None = None,
        hue_factor: Factor | None = None, seed: int | None = None,
        data_format: str | None = None, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(value_range, seed, data_format, **options)
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        kinds = (
            ("brightness", RandomBrightness, brightness_factor),
            ("contrast", RandomContrast, contrast_factor),
            ("saturation", RandomSaturation, saturation_factor),
            ("hue", RandomHue, hue_factor),
        )
        # They are used with the draws of this layer.
        self.parts = {n: kind(f, value_range, seed=0) for n, kind, f in kinds if f is not None}

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        return {
            f"{name}_{what}": number
            for name, part in self.parts.items()
            for what, number in part.draw(images, draws).items()
        }

    def changed(self, x: Tensor, drawn: Drawn) -> Tensor:
        for name, part in self.parts.items():
            own = {n.removeprefix(f"{name}_"): t for n, t in drawn.items() if n.startswith(name)}
            x = part.changed(x, own)
        return x


@final
class RandomGrayscale(RandomImageLayer):
    """Takes the colours from each image with a probability of `factor`; the channels stay three."""

    def __init__(
        self, factor: float = 0.5, data_format: str | None = None, seed: int | None = None,
        **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(seed, data_format, **options)
        self.factor = interval(factor, 0.0, 1.0)[1]

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        return {"should_apply": elementwise.less(draws.uniform(), self.factor)}

    def changed(self, x: Tensor, drawn: Drawn) -> Tensor:
        return elementwise.where(_each(drawn["should_apply"]), rgb_to_grayscale(x), x)


@final
class RandomColorDegeneration(Colouring):
    """Mixes each image with its grey form: factor 1 is grey; one factor means (-f, f)."""

    def __init__(
        self, factor: Factor, value_range: Range = (0, 255), data_format: str | None = None,
        seed: int | None = None, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(value_range, seed, data_format, **options)
        self.factor = interval(factor, -1.0, 1.0)

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        return {"factor": draws.per_image(*self.factor)}

    def coloured(self, x: Tensor, drawn: Drawn) -> Tensor:
        return x + per_image(drawn["factor"], x) * (rgb_to_grayscale(x) - x)


@final
class RandomInvert(Colouring):
    """Makes negatives, with a probability drawn from `factor`; one factor means (0, f)."""

    def __init__(
        self, factor: Factor = 1.0, value_range: Range = (0, 255), seed: int | None = None,
        data_format: str | None = None, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(value_range, seed, data_format, **options)
        self.factor = interval(factor, 0.0, 1.0, alone=0.0)

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        return {"apply_inversion": draws.happens(self.factor)}

    def coloured(self, x: Tensor, drawn: Drawn) -> Tensor:
        return elementwise.where(_each(drawn["apply_inversion"]), sum(self.value_range) - x, x)


@final
class RandomChannelShift(Colouring):
    """Adds to each channel a number of its own from `factor` times the range.

    `channels` is how many channels the images have; one factor means (-f, f).
    """

    def __init__(
        self, factor: Factor, value_range: Range = (0, 255), channels: int = 3,
        data_format: str | None = None, seed: int | None = None, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(value_range, seed, data_format, **options)
        self.factor = interval(factor, -1.0, 1.0)
        self.channels = positive(channels, "channels")

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        low, high = self.value_range
        return {"delta": draws.uniform(*self.factor, self.channels) * (high - low)}

    def coloured(self, x: Tensor, drawn: Drawn) -> Tensor:
        return x + movement.reshape(drawn["delta"], (-1, 1, 1, self.channels))


def _each(chosen: Tensor) -> Tensor:
    return movement.reshape(chosen, (-1, 1, 1, 1))
