"""Initial values of weights, drawn with NumPy when a layer is built.

The rules and names are Keras'. With fan_in inputs and fan_out outputs of one weight,

    variance scaling:  Var(w) = scale / n,   n = fan_in, fan_out or their mean

A `seed` is an integer (the same values at every call), a `SeedGenerator` (other values at every
call), or None for a fresh seed at every call.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self, final, overload

import numpy as np

from graphc.dtypes import DTypeLike, as_dtype
from graphc.errors import ArgumentError, NotSupportedError, ShapeError
from graphc.ir.node import Tensor

from .config import floatx
from .draws import COUNT, DRAW, Seed, Sizes, compute_fans, normal, truncated, uniform
from .lookup import Config, config_of, find, own_arguments, resolve
from .seeds import SeedGenerator, generator


class Initializer:
    """A rule for initial values; a subclass says in `draw(shape)`, or in `__call__`, what they are.

    >>> class Halves(Initializer):
    ...     def draw(self, shape):
    ...         return np.full(shape, 0.5)
    >>> Halves()((2,)).tolist()
    [0.5, 0.5]
    """

    def draw(self, shape: Sizes) -> np.ndarray:
        """Initial values of that shape."""
        raise NotSupportedError(
            f"{type(self).__name__} has no rule", fix="define draw(self, shape)"
        )

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> np.ndarray:
        """Initial values of that shape and dtype (the default float)."""
        return np.asarray(self.draw(tuple(shape))).astype(as_dtype(dtype or floatx()).numpy)

    def get_config(self) -> dict[str, object]:
        """The arguments that make this initializer again."""
        return {name: _plain(value) for name, value in own_arguments(self).items()}

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """An initializer from what `get_config` gave."""
        options = dict(config)
        if isinstance(seed := options.get("seed"), Mapping):
            options["seed"] = SeedGenerator.from_config(seed["config"])
        return cls(**options)

    def clone(self) -> Self:
        """Another initializer with the same arguments."""
        return type(self).from_config(self.get_config())


def _plain(value: object) -> object:
    """A value as JSON knows it."""
    if isinstance(value, SeedGenerator):
        return config_of(value)
    if isinstance(value, Tensor):
        return value.numpy().tolist()
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


Given = str | type[Initializer] | Initializer | np.ndarray | Callable[..., object] | Config


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
    """w = value: a number, or an array that is broadcast to the shape."""

    value: float | np.ndarray | Sequence[object] = 0.0

    def draw(self, shape: Sizes) -> np.ndarray:
        return np.full(shape, self.value)


@final
@dataclass(frozen=True)
class Custom(Initializer):
    """w = function(shape), or function(shape, dtype=...): a function in the place of a rule."""

    function: Callable[..., object]

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> np.ndarray:
        kind = as_dtype(dtype or floatx())
        takes_dtype = "dtype" in inspect.signature(self.function).parameters
        options = {"dtype": kind.name} if takes_dtype else {}
        values = np.asarray(self.function(tuple(shape), **options)).astype(kind.numpy)
        return _of_shape(values, tuple(shape))


@final
class Values(Initializer):
    """w = these values, for the one shape that they have."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def draw(self, shape: Sizes) -> np.ndarray:
        return _of_shape(self.values, shape)


def _of_shape(values: np.ndarray, shape: Sizes) -> np.ndarray:
    if values.shape != shape:
        raise ShapeError("an initializer gave another shape", received=values.shape, expected=shape)
    return values


@final
@dataclass(frozen=True)
class RandomUniform(Initializer):
    """w uniform in [minval, maxval)."""

    minval: float = -0.05
    maxval: float = 0.05
    seed: Seed = None

    def draw(self, shape: Sizes) -> np.ndarray:
        return uniform(shape, self.minval, self.maxval, self.seed)


@final
@dataclass(frozen=True)
class RandomNormal(Initializer):
    """w normal."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: Seed = None

    def draw(self, shape: Sizes) -> np.ndarray:
        return normal(shape, self.stddev, self.seed) + np.float32(self.mean)


@final
@dataclass(frozen=True)
class TruncatedNormal(Initializer):
    """w normal, drawn again where it is more than two standard deviations from the mean."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: Seed = None

    def draw(self, shape: Sizes) -> np.ndarray:
        return truncated(shape, self.stddev, self.seed) + np.float32(self.mean)


@final
@dataclass(frozen=True)
class VarianceScaling(Initializer):
    """Var(w) = scale / n; see the top of this file.

    `mode` is fan_in, fan_out or fan_avg; `distribution` is truncated_normal (or normal),
    untruncated_normal or uniform. `input_axes` and `output_axes` say which axes of the shape are
    inputs and outputs, where they are not the last two.
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"
    seed: Seed = None
    input_axes: Sequence[int] | None = None
    output_axes: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if self.scale <= 0:
            raise ArgumentError("the scale of a variance is positive", received=self.scale)
        find("mode of variance scaling", COUNT, self.mode)
        find("distribution of variance scaling", DRAW, self.distribution)

    def draw(self, shape: Sizes) -> np.ndarray:
        counts = compute_fans(shape, self.input_axes, self.output_axes)
        stddev = math.sqrt(self.scale / max(find("mode", COUNT, self.mode)(*counts), 1.0))
        return find("distribution", DRAW, self.distribution)(shape, stddev, self.seed)


@dataclass(frozen=True)
class AbstractScaled(Initializer):
    """A variance scaling of fixed scale, mode and distribution."""

    rule: ClassVar[VarianceScaling]
    seed: Seed = None
    input_axes: Sequence[int] | None = None
    output_axes: Sequence[int] | None = None

    def draw(self, shape: Sizes) -> np.ndarray:
        axes = {"input_axes": self.input_axes, "output_axes": self.output_axes}
        return replace(self.rule, seed=self.seed, **axes).draw(shape)


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
    seed: Seed = None

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
    "zeros": Zeros, "ones": Ones, "zero": Zeros, "one": Ones, "constant": Constant,
    "random_uniform": RandomUniform, "random_normal": RandomNormal,
    "uniform": RandomUniform, "normal": RandomNormal, "truncated_normal": TruncatedNormal,
    "variance_scaling": VarianceScaling,
    "glorot_uniform": GlorotUniform, "glorot_normal": GlorotNormal,
    "he_uniform": HeUniform, "he_normal": HeNormal,
    "lecun_uniform": LecunUniform, "lecun_normal": LecunNormal,
    "orthogonal": Orthogonal, "identity": Identity,
    "orthogonal_initializer": Orthogonal, "identity_initializer": Identity,
}
# fmt: on

zeros, ones, constant, identity, orthogonal = Zeros, Ones, Constant, Identity, Orthogonal
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal
random_uniform, random_normal, truncated_normal = RandomUniform, RandomNormal, TruncatedNormal
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal = HeUniform, HeNormal
lecun_uniform, lecun_normal = LecunUniform, LecunNormal
variance_scaling = VarianceScaling


@overload
def get(identifier: None) -> None: ...
@overload
def get(identifier: Given) -> Initializer: ...
def get(identifier: Given | None) -> Initializer | None:
    """The initializer meant by a name, class, object, config, array, or function of a shape."""
    if identifier is None:
        return None
    if isinstance(identifier, np.ndarray | np.generic | Tensor):
        return Values(
            identifier.numpy() if isinstance(identifier, Tensor) else np.asarray(identifier)
        )
    if callable(identifier) and not isinstance(identifier, type | Initializer):
        return Custom(identifier)
    return resolve("initializer", BY_NAME, identifier, Initializer)


def serialize(initializer: Initializer) -> dict[str, object]:
    """The class and the arguments of an initializer, as `deserialize` takes them."""
    return config_of(initializer)


def deserialize(config: Config, custom_objects: Mapping[str, type] | None = None) -> Initializer:
    """The initializer of a config; `custom_objects` are classes of your own, by name.

    >>> deserialize(serialize(HeNormal(seed=3))).seed
    3
    """
    return resolve("initializer", {**BY_NAME, **(custom_objects or {})}, config, Initializer)
