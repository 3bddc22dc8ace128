"""Initial values of weights, drawn with NumPy when a layer is built.

The rules and names are Keras'. With fan_in inputs and fan_out outputs of one weight,

    variance scaling:  Var(w) = scale / n,   n = fan_in, fan_out or their mean
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import ClassVar, final

import numpy as np

from graphc.dtypes import DTypeLike, as_dtype, float32
from graphc.errors import ArgumentError

from .lookup import Config, find, resolve
from .seeds import generator

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Initializer:
    """A rule for initial values; a subclass says in `draw` how they are made."""

    def draw(self, shape: Sizes) -> np.ndarray:
        """Initial values of that shape."""
        raise ArgumentError(f"{type(self).__name__} has no rule", fix="define draw(shape)")

    def __call__(self, shape: Sizes, dtype: DTypeLike = float32) -> np.ndarray:
        """Initial values of that shape and dtype."""
        return np.asarray(self.draw(tuple(shape))).astype(as_dtype(dtype).numpy)

    def get_config(self) -> dict[str, object]:
        """The arguments that make this initializer again."""
        return asdict(self)


Given = str | type[Initializer] | Initializer | Callable[..., object] | Config | None


# ---------------------------------------------------------------------------- draws

# The standard deviation of a standard normal that is cut off at -2 and 2.
_CUT = 0.87962566103423978


def _uniform(shape: Sizes, low: float, high: float, seed: int | None) -> np.ndarray:
    unit = generator(seed).random(shape, np.float32)
    return unit * np.float32(high - low) + np.float32(low)


def _uniform_around_0(shape: Sizes, stddev: float, seed: int | None) -> np.ndarray:
    bound = math.sqrt(3.0) * stddev
    return _uniform(shape, -bound, bound, seed)


def _normal(shape: Sizes, stddev: float, seed: int | None) -> np.ndarray:
    return generator(seed).standard_normal(shape, np.float32) * np.float32(stddev)


def _truncated(shape: Sizes, stddev: float, seed: int | None) -> np.ndarray:
    source = generator(seed)
    draw = np.asarray(source.standard_normal(shape, np.float32))
    while (outside := np.abs(draw) > 2.0).any():
        draw[outside] = source.standard_normal(int(outside.sum()), np.float32)
    return draw * np.float32(stddev)


_COUNT: dict[str, Callable[[float, float], float]] = {
    "fan_in": lambda fan_in, fan_out: fan_in,
    "fan_out": lambda fan_in, fan_out: fan_out,
    "fan_avg": lambda fan_in, fan_out: (fan_in + fan_out) / 2,
}
_DRAW: dict[str, Callable[[Sizes, float, int | None], np.ndarray]] = {
    "truncated_normal": lambda shape, stddev, seed: _truncated(shape, stddev / _CUT, seed),
    "untruncated_normal": _normal,
    "uniform": _uniform_around_0,
}


# ---------------------------------------------------------------------------- rules


@final
@dataclass(frozen=True)
class Zeros(Initializer):
    """w = 0."""

    def draw(self, shape: Sizes) -> np.ndarray:
        return np.zeros(shape, np.float32)


@final
@dataclass(frozen=True)
class Ones(Initializer):
    """w = 1."""

    def draw(self, shape: Sizes) -> np.ndarray:
        return np.ones(shape, np.float32)


@final
@dataclass(frozen=True)
class Constant(Initializer):
    """w = value."""

    value: float = 0.0

    def draw(self, shape: Sizes) -> np.ndarray:
        return np.full(shape, self.value, np.float32)


@final
@dataclass(frozen=True)
class Custom(Initializer):
    """w = function(shape): a function of the user in the place of a rule."""

    function: Callable[[Sizes], object]

    def draw(self, shape: Sizes) -> np.ndarray:
        values = np.asarray(self.function(shape))
        if values.shape != shape:
            raise ArgumentError(
                "an initializer gave another shape", received=values.shape, expected=shape
            )
        return values


@final
@dataclass(frozen=True)
class RandomUniform(Initializer):
    """w uniform in [minval, maxval)."""

    minval: float = -0.05
    maxval: float = 0.05
    seed: int | None = None

    def draw(self, shape: Sizes) -> np.ndarray:
        return _uniform(shape, self.minval, self.maxval, self.seed)


@final
@dataclass(frozen=True)
class RandomNormal(Initializer):
    """w normal."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def draw(self, shape: Sizes) -> np.ndarray:
        return _normal(shape, self.stddev, self.seed) + np.float32(self.mean)


@final
@dataclass(frozen=True)
class TruncatedNormal(Initializer):
    """w normal, drawn again where it is more than two standard deviations from the mean."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def draw(self, shape: Sizes) -> np.ndarray:
        return _truncated(shape, self.stddev, self.seed) + np.float32(self.mean)


@final
@dataclass(frozen=True)
class VarianceScaling(Initializer):
    """Var(w) = scale / n; see the top of this file.

    `mode` is fan_in, fan_out or fan_avg; `distribution` is truncated_normal, untruncated_normal or
    uniform.
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.scale <= 0:
            raise ArgumentError("the scale of a variance is positive", received=self.scale)
        find("mode of variance scaling", _COUNT, self.mode)
        find("distribution of variance scaling", _DRAW, self.distribution)

    def draw(self, shape: Sizes) -> np.ndarray:
        count = find("mode", _COUNT, self.mode)(*fans(shape))
        stddev = math.sqrt(self.scale / max(count, 1.0))
        return find("distribution", _DRAW, self.distribution)(shape, stddev, self.seed)


@dataclass(frozen=True)
class AbstractScaled(Initializer):
    """A variance scaling of fixed scale, mode and distribution."""

    rule: ClassVar[VarianceScaling]
    seed: int | None = None

    def draw(self, shape: Sizes) -> np.ndarray:
        return replace(self.rule, seed=self.seed).draw(shape)


@final
class GlorotUniform(AbstractScaled):
    """Uniform with variance 2 / (fan_in + fan_out) (Glorot, Bengio 2010)."""

    rule = VarianceScaling(1.0, "fan_avg", "uniform")


@final
class GlorotNormal(AbstractScaled):
    """Truncated normal with variance 2 / (fan_in + fan_out) (Glorot, Bengio 2010)."""

    rule = VarianceScaling(1.0, "fan_avg", "truncated_normal")


@final
class HeUniform(AbstractScaled):
    """Uniform with variance 2 / fan_in (He et al. 2015)."""

    rule = VarianceScaling(2.0, "fan_in", "uniform")


@final
class HeNormal(AbstractScaled):
    """Truncated normal with variance 2 / fan_in (He et al. 2015)."""

    rule = VarianceScaling(2.0, "fan_in", "truncated_normal")


@final
class LecunUniform(AbstractScaled):
    """Uniform with variance 1 / fan_in (LeCun et al. 1998)."""

    rule = VarianceScaling(1.0, "fan_in", "uniform")


@final
class LecunNormal(AbstractScaled):
    """Truncated normal with variance 1 / fan_in (LeCun et al. 1998)."""

    rule = VarianceScaling(1.0, "fan_in", "truncated_normal")


@final
@dataclass(frozen=True)
class Orthogonal(Initializer):
    """gain times a matrix with orthonormal rows or columns (Saxe et al. 2014)."""

    gain: float = 1.0
    seed: int | None = None

    def draw(self, shape: Sizes) -> np.ndarray:
        if len(shape) < 2:
            raise ArgumentError("an orthogonal weight has two axes or more", received=shape)
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        q, r = np.linalg.qr(generator(self.seed).standard_normal(tall))
        # The signs of the diagonal make the draw uniform over all orthogonal matrices.
        q = q * np.sign(np.diag(r))
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


@final
@dataclass(frozen=True)
class Identity(Initializer):
    """gain on the diagonal of a matrix, 0 elsewhere."""

    gain: float = 1.0

    def draw(self, shape: Sizes) -> np.ndarray:
        if len(shape) != 2:
            raise ArgumentError("an identity is a matrix", received=shape)
        return np.eye(*shape, dtype=np.float32) * np.float32(self.gain)


# fmt: off
BY_NAME: dict[str, type[Initializer]] = {
    "zeros": Zeros, "ones": Ones, "constant": Constant,
    "random_uniform": RandomUniform, "random_normal": RandomNormal,
    "uniform": RandomUniform, "normal": RandomNormal, "truncated_normal": TruncatedNormal,
    "variance_scaling": VarianceScaling,
    "glorot_uniform": GlorotUniform, "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform, "he_normal": HeNormal,
    "lecun_uniform": LecunUniform, "lecun_normal": LecunNormal,
    "orthogonal": Orthogonal, "identity": Identity,
}
# fmt: on


def get(given: Given) -> Initializer:
    """The initializer meant by a name, class, object, config, or function of a shape."""
    if given is None:
        return Zeros()
    if callable(given) and not isinstance(given, type | Initializer):
        return Custom(given)
    return resolve("initializer", BY_NAME, given, Initializer)


def fans(shape: Sizes) -> tuple[float, float]:
    """How many inputs one output sees, and how many outputs one input reaches.

    The last two axes of a kernel are inputs and outputs; the axes before them are its window.

    >>> fans((3, 3, 16, 32))
    (144.0, 288.0)
    """
    if len(shape) < 2:
        size = float(shape[0]) if shape else 1.0
        return size, size
    window = math.prod(shape[:-2])
    return float(window * shape[-2]), float(window * shape[-1])
