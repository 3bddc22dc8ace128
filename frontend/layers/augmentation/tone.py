"""Layers that change tones and sharpness: tables of values, histograms, blurs."""

from __future__ import annotations

from typing import Unpack, final

from graphc import dtypes
from graphc.errors import ArgumentError
from graphc.frontend.image.filters import gaussian_blur, sharpened
from graphc.frontend.image.form import per_image
from graphc.frontend.layers.spatial import positive
from graphc.frontend.layers.spec import BaseOptions
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, index, leaf, movement, reduce

from .base import Drawn, Draws, Factor, ImageLayer, interval, values
from .color import Colouring, ColouringByShare, Range

_LEVELS = 255.0


@final
class Solarization(Colouring):
    """Inverts pixels from a threshold on, after adding a number to all of them.

    y = x + a; y = 255 - y where y >= t. With value_range brought to 0 .. 255, a and t are drawn
    from the factors times 255; one factor means (0, f).
    """

    def __init__(
        self, addition_factor: Factor = 0.0, threshold_factor: Factor = 0.0,
        value_range: Range = (0, 255), seed: int | None = None, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(value_range, seed, **options)
        self.addition_factor = interval(addition_factor, 0.0, 1.0, "addition_factor", alone=0.0)
        self.threshold_factor = interval(threshold_factor, 0.0, 1.0, "threshold_factor", alone=0.0)

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        factors = {"additions": self.addition_factor, "thresholds": self.threshold_factor}
        return {name: draws.per_image(*factor) * _LEVELS for name, factor in factors.items()}

    def coloured(self, x: Tensor, drawn: Drawn) -> Tensor:
        levels = self.in_unit(x) * _LEVELS
        y = elementwise.clip(levels + per_image(drawn["additions"], x), 0.0, _LEVELS)
        below = elementwise.less(y, per_image(drawn["thresholds"], x))
        return self.from_unit(elementwise.where(below, y, _LEVELS - y) / _LEVELS)


@final
class RandomPosterization(Colouring):
    """Keeps the first `factor` of the eight bits of a value; (a, b) draws a number of bits."""

    def __init__(
        self, factor: int | tuple[int, int], value_range: Range = (0, 255),
        data_format: str | None = None, seed: int | None = None, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(value_range, seed, data_format, **options)
        alone = factor if isinstance(factor, int) else None
        low, high = interval(factor, 1, 8, alone=alone)
        self.factor = (int(low), int(high))

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        low, high = self.factor
        return {"bits": elementwise.floor(draws.uniform(low, high + 1.0))}

    def coloured(self, x: Tensor, drawn: Drawn) -> Tensor:
        bits = convert.cast(drawn["bits"], dtypes.float32)
        step = per_image(elementwise.pow(2.0, 8.0 - bits), x)
        whole = elementwise.floor(self.in_unit(x) * _LEVELS)
        return self.from_unit(elementwise.floor(whole / step) * step / _LEVELS)


@final
class AutoContrast(ImageLayer):
    """Stretches each channel of each image to the whole range; in training only."""

    always = False

    def __init__(
        self, value_range: Range = (0, 255), data_format: str | None = None,
        **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(data_format, **options)
        self.value_range = values(value_range)

    def changed(self, x: Tensor, drawn: Drawn) -> Tensor:
        low, high = self.value_range
        least, most = (f(x, (1, 2), keepdims=True) for f in (reduce.min, reduce.max))
        some = elementwise.greater(most, least)
        share = (x - least) / elementwise.where(some, most - least, 1.0)
        return elementwise.where(some, share * (high - low) + low, x)


@final
class Equalization(ImageLayer):
    """Spreads the values of each channel so that all are about as frequent; in training only.

    y = round((c(x) - c(least)) / (pixels - c(least)) * 255), c(x): how many pixels are up to x.
    """

    always = False

    def __init__(
        self, value_range: Range = (0, 255), bins: int = 256, data_format: str | None = None,
        **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(data_format, **options)
        self.value_range, self.bins = values(value_range), positive(bins, "bins")

    def changed(self, x: Tensor, drawn: Drawn) -> Tensor:
        low, high = self.value_range
        planes = movement.moveaxis((x - low) / (high - low), -1, 1)
        rows = movement.reshape(planes, (x.shape[0] * x.shape[3], x.shape[1] * x.shape[2]))
        scaled = elementwise.clip(rows * float(self.bins - 1), 0.0, self.bins - 1.0)
        places = convert.cast(elementwise.floor(scaled), dtypes.int32)
        empty = leaf.zeros((rows.shape[0], self.bins), x.dtype)
        ones = convert.broadcast_to(leaf.full((), 1.0, x.dtype), rows.shape)
        counts = index.scatter_add(empty, places, ones, axis=1, batch_dims=1)
        table = index.gather(self._table(counts), places, axis=1, batch_dims=1)
        equal = movement.reshape(elementwise.where(self._several(counts), table, rows),
                                 planes.shape)  # fmt: skip
        return movement.moveaxis(equal, 1, -1) * (high - low) + low

    def _table(self, counts: Tensor) -> Tensor:
        """The new value of each bin, in 0 .. 1."""
        sums = reduce.cumsum(counts, 1)
        total = sums[:, -1:]
        first = reduce.min(
            elementwise.where(elementwise.greater(sums, 0.0), sums, total), 1, keepdims=True
        )
        rest = total - first
        rest = elementwise.where(elementwise.equal(rest, 0.0), 1.0, rest)
        share = elementwise.clip((sums - first) / rest, 0.0, 1.0)
        return elementwise.round(share * _LEVELS) / _LEVELS

    def _several(self, counts: Tensor) -> Tensor:
        """Whether a channel has more than one value."""
        used = convert.cast(elementwise.greater(counts, 0.0), counts.dtype)
        return elementwise.greater(reduce.sum(used, 1, keepdims=True), 1.0)


@final
class RandomSharpness(ColouringByShare):
    """Blurs (factor 0) or sharpens (1) each image; 1/2 changes nothing."""

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        return {"factor": draws.uniform(*self.factor)}

    def coloured(self, x: Tensor, drawn: Drawn) -> Tensor:
        return sharpened(x, per_image(drawn["factor"], x) * 2.0)


@final
class RandomGaussianBlur(Colouring):
    """Blurs with normal weights, with a probability drawn from `factor`.

    Each image has a width from `sigma` across and one down; one number f means (0, f).
    """

    def __init__(
        self, factor: Factor = 1.0, kernel_size: int | tuple[int, int] = 3, sigma: Factor = 1.0,
        value_range: Range = (0, 255), data_format: str | None = None, seed: int | None = None,
        **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(value_range, seed, data_format, **options)
        self.factor = interval(factor, 0.0, 1.0, alone=0.0)
        self.kernel_size = _odd(kernel_size)
        self.sigma = interval(sigma, 0.0, float("inf"), "sigma", alone=0.0)

    def draw(self, images: Tensor, draws: Draws) -> Drawn:
        return {
            "should_apply_blur": draws.happens(self.factor),
            "blur_factor": draws.uniform(*self.sigma, 2) + 1e-6,
        }

    def coloured(self, x: Tensor, drawn: Drawn) -> Tensor:
        chosen = movement.reshape(drawn["should_apply_blur"], (-1, 1, 1, 1))
        return elementwise.where(
            chosen, gaussian_blur(x, self.kernel_size, drawn["blur_factor"]), x
        )


@final
class GaussianBlur(ImageLayer):
    """Blurs all images alike, in training and inference."""

    def __init__(
        self, kernel_size: int | tuple[int, int] = 3, sigma: float | tuple[float, float] = 1.0,
        data_format: str | None = None, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(data_format, **options)
        self.kernel_size, self.sigma = _odd(kernel_size), sigma

    def changed(self, x: Tensor, drawn: Drawn) -> Tensor:
        return gaussian_blur(x, self.kernel_size, self.sigma)


def _odd(size: int | tuple[int, int] | list[int]) -> tuple[int, int]:
    sizes = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(sizes) != 2 or any(not isinstance(s, int) or s < 1 or s % 2 == 0 for s in sizes):
        raise ArgumentError("kernel_size is an odd number, or two", received=repr(size))
    return sizes
