"""Layers that add noise in training, and a penalty on activities; see graphc/ops/dropout.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Unpack, cast, final

from graphc.errors import ArgumentError
from graphc.frontend.config import layout
from graphc.frontend.regularizers import L1L2
from graphc.frontend.seeds import SeedGenerator
from graphc.ir.node import Tensor
from graphc.ops import dropout
from graphc.ops.window import is_channels_last

from .layer import Layer
from .spec import InputSpec, LayerOptions

NoiseShape = Sequence[int | None] | None


class Noise(Layer):
    """A layer that is the identity in inference.

    Each training call draws another key, and announces the next number of its sequence as an
    effect: the same seed gives the same noise on every backend.
    """

    supports_masking = True
    # What training sees, from the input and a key.
    noisy: Callable[[Tensor, Tensor], Tensor]

    def __init__(self, seed: int | None, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.seed = seed
        self.seed_generator = SeedGenerator(seed, name=self.name)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        return self.noisy(inputs, self.seed_generator.next_key()) if training else inputs


@final
class Dropout(Noise):
    """In training y = x / (1 - rate) with probability 1 - rate, else 0; in inference y = x.

    `noise_shape` shares the draw along its axes of size 1. (Srivastava et al. 2014.)

    >>> Dropout(0.5)([1.0, 2.0]).numpy().tolist()
    [1.0, 2.0]
    """

    def __init__(
        self, rate: float, noise_shape: NoiseShape = None, seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(seed, **options)
        self.rate = _rate(rate)
        self.noise_shape = _noise_shape(noise_shape)

    def noisy(self, x: Tensor, key: Tensor) -> Tensor:
        return dropout.dropout(x, self.rate, key, self.noise_shape)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        return super().call(inputs, training and self.rate > 0)


class AbstractSpatialDropout(Noise):
    """Dropout of whole channels (Tompson et al. 2015)."""

    rank: ClassVar[int]

    def __init__(
        self, rate: float, data_format: str | None = None, seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(seed, **options)
        self.rate, self.data_format = _rate(rate), layout(data_format)
        self.channels_last = is_channels_last(self.data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def noisy(self, x: Tensor, key: Tensor) -> Tensor:
        ones = (1,) * self.rank
        shape = (None, *ones, None) if self.channels_last else (None, None, *ones)
        return dropout.dropout(x, self.rate, key, shape)


@final
class SpatialDropout1D(AbstractSpatialDropout):
    """Whole features of a sequence become 0: (batch, steps, features)."""

    rank: ClassVar[int] = 1

    def __init__(
        self, rate: float, seed: int | None = None, data_format: str | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(rate, data_format, seed, **options)


@final
class SpatialDropout2D(AbstractSpatialDropout):
    """Whole channels of images become 0."""

    rank: ClassVar[int] = 2


@final
class SpatialDropout3D(AbstractSpatialDropout):
    """Whole channels of volumes become 0."""

    rank: ClassVar[int] = 3


@final
class AlphaDropout(Noise):
    """Dropout that keeps mean 0 and variance 1 of SELU units (Klambauer et al. 2017)."""

    def __init__(
        self, rate: float, noise_shape: NoiseShape = None, seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(seed, **options)
        self.rate = _rate(rate)
        self.noise_shape = _noise_shape(noise_shape)

    def noisy(self, x: Tensor, key: Tensor) -> Tensor:
        return dropout.alpha_dropout(x, self.rate, key, self.noise_shape)


@final
class GaussianDropout(Noise):
    """In training x times normal noise of mean 1 and variance rate / (1 - rate)."""

    def __init__(
        self, rate: float, seed: int | None = None, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(seed, **options)
        self.rate = _rate(rate)

    def noisy(self, x: Tensor, key: Tensor) -> Tensor:
        return dropout.gaussian_dropout(x, self.rate, key)


@final
class GaussianNoise(Noise):
    """In training x plus normal noise of mean 0 and this standard deviation."""

    def __init__(
        self, stddev: float, seed: int | None = None, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(seed, **options)
        if isinstance(stddev, bool) or not stddev >= 0:
            raise ArgumentError("stddev is not negative", received=repr(stddev), expected=">= 0")
        self.stddev = float(stddev)

    def noisy(self, x: Tensor, key: Tensor) -> Tensor:
        return dropout.gaussian_noise(x, self.stddev, key)


@final
class ActivityRegularization(Layer):
    """y = x; l1 * sum |x| + l2 * sum x**2 is added to the loss."""

    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **options: Unpack[LayerOptions]) -> None:
        options["activity_regularizer"] = L1L2(l1, l2)
        super().__init__(**options)
        self.l1, self.l2 = l1, l2

    def call(self, inputs: Tensor) -> Tensor:
        return inputs


def _noise_shape(given: NoiseShape) -> tuple[int | None, ...] | None:
    if given is None:
        return None
    sizes = tuple(given) if isinstance(given, tuple | list) else ("",)
    if not all(n is None or (isinstance(n, int) and n > 0) for n in sizes):
        raise ArgumentError(
            "noise_shape has a positive size or None for each axis", received=repr(given)
        )
    return cast(tuple[int | None, ...], sizes)


def _rate(rate: float) -> float:
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise ArgumentError("a rate is a probability", received=repr(rate), expected="0 .. 1")
    return rate
