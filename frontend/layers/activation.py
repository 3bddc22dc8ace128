"""Activations as layers of their own: those with arguments, weights or noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack, final

from graphc import dtypes
from graphc.errors import ArgumentError, ShapeError
from graphc.frontend import activations, constraints, initializers, regularizers
from graphc.frontend.seeds import SeedGenerator
from graphc.ir.node import Tensor
from graphc.ops import activation, convert, elementwise, random
from graphc.ops.convert import broadcast_shapes

from .layer import Layer
from .spec import BuildShape, InputSpec, LayerOptions, known_size


class Pointwise(Layer):
    """A layer that keeps the shape and the mask of its input."""

    supports_masking = True


@final
class Activation(Pointwise):
    """y = activation(x), by name or function; the shape stays.

    >>> from graphc.ops.leaf import placeholder
    >>> Activation("softmax")(placeholder((None, 10))).shape[1:]
    (10,)
    """

    def __init__(
        self, activation: str | activations.Activation | None, **options: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**options)
        self.activation = activations.get(activation)

    def call(self, inputs: Tensor) -> Tensor:
        return self.activation(inputs)


@final
class ReLU(Pointwise):
    """max_value for x >= max_value, x for threshold <= x, else negative_slope * (x - threshold).

    >>> ReLU(max_value=6.0)([-1.0, 3.0, 9.0]).numpy().tolist()
    [0.0, 3.0, 6.0]
    """

    def __init__(
        self, max_value: float | None = None, negative_slope: float | None = 0.0,
        threshold: float | None = 0.0, **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.max_value = None if max_value is None else _not_negative(max_value, "max_value")
        self.negative_slope = _not_negative(negative_slope, "negative_slope")
        self.threshold = _not_negative(threshold, "threshold")

    def call(self, inputs: Tensor) -> Tensor:
        return activation.relu(inputs, self.negative_slope, self.max_value, self.threshold)


@final
class LeakyReLU(Pointwise):
    """x for x >= 0, else negative_slope * x. `alpha` is an older name of negative_slope."""

    def __init__(
        self, negative_slope: float | None = 0.3, *, alpha: float | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.negative_slope = _not_negative(
            negative_slope if alpha is None else alpha, "negative_slope"
        )
        self.alpha = None

    def call(self, inputs: Tensor) -> Tensor:
        return activation.leaky_relu(inputs, self.negative_slope)


@final
class PReLU(Pointwise):
    """x for x >= 0, else alpha * x with a learned alpha (He et al. 2015).

    There is an alpha for each element of an example; `shared_axes` share it, for images (1, 2).

    >>> from graphc.ops.leaf import placeholder
    >>> layer = PReLU(shared_axes=(1, 2))
    >>> layer(placeholder((None, 8, 8, 3))).shape[1:], layer.count_params()
    ((8, 8, 3), 3)
    """

    def __init__(
        self, alpha_initializer: initializers.Given = "zeros",
        alpha_regularizer: regularizers.Given = None, alpha_constraint: constraints.Given = None,
        shared_axes: int | Sequence[int] | None = None, **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.declare("alpha", alpha_initializer, alpha_regularizer, alpha_constraint)
        axes = [shared_axes] if isinstance(shared_axes, int) else list(shared_axes or ())
        self.shared_axes = axes if shared_axes is not None else None

    def build(self, input_shape: BuildShape) -> None:
        rank = len(input_shape)
        shared = {a % rank for a in self.shared_axes or ()}
        own = {a: known_size(self.name, input_shape, a) for a in range(1, rank) if a not in shared}
        self.alpha = self.add_weight([own.get(a, 1) for a in range(1, rank)], name="alpha")
        self.input_spec = InputSpec(ndim=rank, axes=own)

    def call(self, inputs: Tensor) -> Tensor:
        return activation.prelu(inputs, self.alpha)


@final
class ELU(Pointwise):
    """x for x > 0, else alpha * (exp(x) - 1) (Clevert et al. 2016)."""

    def __init__(self, alpha: float = 1.0, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.alpha = alpha

    def call(self, inputs: Tensor) -> Tensor:
        return activation.elu(inputs, self.alpha)


@final
class Softmax(Pointwise):
    """exp(x) / sum of exp(x) over an axis or several; 0 where a mask leaves an element out."""

    def __init__(self, axis: int | Sequence[int] = -1, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.axis = axis if isinstance(axis, int) else list(axis)

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        if mask is None:
            return activation.softmax(inputs, self.axis)
        counts = convert.cast(mask, dtypes.bool_)
        if broadcast_shapes(counts.shape, inputs.shape) != inputs.shape:
            raise ShapeError(
                f"the mask of {self.name} is broadcastable to its input",
                received=counts.shape,
                expected=inputs.shape,
            )
        lowest = -3e4 if inputs.dtype.bits < 32 else -3e38
        y = activation.softmax(elementwise.where(counts, inputs, lowest), self.axis)
        return elementwise.where(counts, y, 0)


@final
class RReLU(Pointwise):
    """Leaky ReLU whose slope is drawn from [lower, upper] for each element in training.

    In inference the slope is (lower + upper) / 2 (Xu et al. 2015, randomised leaky ReLU).
    """

    def __init__(
        self, lower: float = 1 / 8, upper: float = 1 / 3, seed: int | None = None,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        if not 0 <= lower <= upper:
            raise ArgumentError(
                "slopes lie between lower and upper", received=(lower, upper), expected="0 <= .."
            )
        self.lower, self.upper, self.seed = lower, upper, seed
        self.seed_generator = SeedGenerator(seed, name=self.name)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training:
            return activation.leaky_relu(inputs, (self.lower + self.upper) / 2)
        key = self.seed_generator.next_key()
        slopes = random.uniform(key, inputs.shape, self.lower, self.upper, inputs.dtype)
        return activation.prelu(inputs, slopes)


@final
class NoisyActivation(Pointwise):
    """activation(x) + stddev * n with n ~ N(0, 1) in training; activation(x) in inference.

    (Gulcehre et al. 2016 add noise to where an activation saturates; this is its simplest form.)
    """

    def __init__(
        self, activation: str | activations.Activation = "relu", stddev: float = 0.1,
        seed: int | None = None, **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.activation, self.seed = activations.get(activation), seed
        self.stddev = _not_negative(stddev, "stddev")
        self.seed_generator = SeedGenerator(seed, name=self.name)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        y = self.activation(inputs)
        if not training:
            return y
        key = self.seed_generator.next_key()
        noise = random.normal(key, y.shape, 0.0, self.stddev, y.dtype)
        return elementwise.add(y, noise)


def _not_negative(value: float | None, what: str) -> float:
    if value is None or isinstance(value, bool) or not value >= 0:
        raise ArgumentError(f"{what} is not negative", received=repr(value), expected=">= 0")
    return float(value)
