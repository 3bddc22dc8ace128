"""Normalisation layers; the functions they call are in graphc/ops/normalization.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack, final

from graphc.errors import ArgumentError
from graphc.frontend import constraints, effects, initializers, regularizers
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, movement, normalization, reduce
from graphc.ops.variable import Variable

from .layer import Layer
from .spec import BuildShape, InputSpec, LayerOptions, known_size


@final
class BatchNormalization(Layer):
    """y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, per element of `axis`.

    In training mean and (biased) variance are those of the batch, and the moving statistics become
    moving * momentum + batch * (1 - momentum). In inference, and while `trainable` is False, the
    moving statistics are used. Steps that a mask leaves out do not count. (Ioffe and Szegedy 2015.)
    """

    supports_masking = True

    def __init__(
        self, axis: int = -1, momentum: float = 0.99, epsilon: float = 1e-3, center: bool = True,
        scale: bool = True, beta_initializer: initializers.Given = "zeros",
        gamma_initializer: initializers.Given = "ones",
        moving_mean_initializer: initializers.Given = "zeros",
        moving_variance_initializer: initializers.Given = "ones",
        beta_regularizer: regularizers.Given = None,
        gamma_regularizer: regularizers.Given = None,
        beta_constraint: constraints.Given = None, gamma_constraint: constraints.Given = None,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.axis, self.momentum, self.epsilon = axis, momentum, epsilon
        self.center, self.scale = center, scale
        self.declare("gamma", gamma_initializer, gamma_regularizer, gamma_constraint)
        self.declare("beta", beta_initializer, beta_regularizer, beta_constraint)
        self.declare("moving_mean", moving_mean_initializer)
        self.declare("moving_variance", moving_variance_initializer)
        self.gamma: Variable | None = None
        self.beta: Variable | None = None

    def build(self, input_shape: BuildShape) -> None:
        size = known_size(self.name, input_shape, self.axis)
        if self.scale:
            self.gamma = self.add_weight((size,), name="gamma")
        if self.center:
            self.beta = self.add_weight((size,), name="beta")
        self.moving_mean = self.add_weight((size,), trainable=False, name="moving_mean")
        self.moving_variance = self.add_weight((size,), trainable=False, name="moving_variance")
        self.input_spec = InputSpec(min_ndim=2, axes={self.axis: size})

    def call(self, inputs: Tensor, training: bool = False, mask: Tensor | None = None) -> Tensor:
        x = convert.cast(inputs, self.compute_dtype)
        mean: Tensor = self.moving_mean
        variance: Tensor = self.moving_variance
        if training and self.trainable:
            mean, variance = self._moments(x, mask)
            self._move(self.moving_mean, mean)
            self._move(self.moving_variance, variance)
        return normalization.batch_norm_inference(
            x, mean, variance, self.gamma, self.beta, self.axis, self.epsilon
        )

    def _moments(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Those of the batch; with a mask, of the elements that count."""
        others = tuple(a for a in range(x.ndim) if a != self.axis % x.ndim)
        if mask is None:
            return normalization.moments(x, others)
        weights = convert.cast(mask, x.dtype)
        while weights.ndim < x.ndim:
            weights = movement.expand_dims(weights, weights.ndim)
        count = reduce.sum(convert.broadcast_to(weights, x.shape), others)
        mean = elementwise.div(reduce.sum(elementwise.mul(x, weights), others), count)
        shape = [-1 if a == self.axis % x.ndim else 1 for a in range(x.ndim)]
        off = elementwise.sub(x, movement.reshape(mean, shape))
        squares = elementwise.mul(elementwise.square(off), weights)
        return mean, elementwise.div(reduce.sum(squares, others), count)

    def _move(self, moving: Variable, batch: Tensor) -> None:
        past = elementwise.mul(effects.latest(moving), self.momentum)
        effects.update(moving, elementwise.add(past, elementwise.mul(batch, 1.0 - self.momentum)))


class AbstractScaled(Layer):
    """gamma and beta of the shape of the normalised axes; the base of normalisers by example."""

    gamma: Variable | None = None
    beta: Variable | None = None

    def __init__(
        self, axis: int | Sequence[int], epsilon: float, center: bool, scale: bool,
        beta_initializer: initializers.Given, gamma_initializer: initializers.Given,
        beta_regularizer: regularizers.Given, gamma_regularizer: regularizers.Given,
        beta_constraint: constraints.Given, gamma_constraint: constraints.Given,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.epsilon, self.center, self.scale = epsilon, center, scale
        self.declare("gamma", gamma_initializer, gamma_regularizer, gamma_constraint)
        self.declare("beta", beta_initializer, beta_regularizer, beta_constraint)

    def build(self, input_shape: BuildShape) -> None:
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        sizes = {a: known_size(self.name, input_shape, a) for a in axes}
        if self.scale:
            self.gamma = self.add_weight(list(sizes.values()), name="gamma")
        if self.center:
            self.beta = self.add_weight(list(sizes.values()), name="beta")
        self.input_spec = InputSpec(min_ndim=2, axes=sizes)


@final
class LayerNormalization(AbstractScaled):
    """y = gamma * (x - mean) / sqrt(variance + epsilon) + beta over `axis` of each example.

    (Ba, Kiros and Hinton 2016.)

    >>> LayerNormalization()([[1.0, 3.0]]).numpy().round(3).tolist()
    [[-1.0, 1.0]]
    """

    supports_masking = True

    def __init__(
        self, axis: int | Sequence[int] = -1, epsilon: float = 1e-3, center: bool = True,
        scale: bool = True, beta_initializer: initializers.Given = "zeros",
        gamma_initializer: initializers.Given = "ones",
        beta_regularizer: regularizers.Given = None,
        gamma_regularizer: regularizers.Given = None,
        beta_constraint: constraints.Given = None, gamma_constraint: constraints.Given = None,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(
            axis, epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer,
            gamma_regularizer, beta_constraint, gamma_constraint, **options,
        )  # fmt: skip

    def call(self, inputs: Tensor) -> Tensor:
        x = convert.cast(inputs, self.compute_dtype)
        return normalization.layer_norm(x, self.gamma, self.beta, self.axis, self.epsilon)


@final
class GroupNormalization(AbstractScaled):
    """Layer normalisation of each of `groups` groups of channels (Wu and He 2018).

    groups = 1 is layer normalisation over all axes of an example, groups = channels (or -1) is
    instance normalisation.
    """

    supports_masking = True

    def __init__(
        self, groups: int = 32, axis: int = -1, epsilon: float = 1e-3, center: bool = True,
        scale: bool = True, beta_initializer: initializers.Given = "zeros",
        gamma_initializer: initializers.Given = "ones",
        beta_regularizer: regularizers.Given = None,
        gamma_regularizer: regularizers.Given = None,
        beta_constraint: constraints.Given = None, gamma_constraint: constraints.Given = None,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(
            axis, epsilon, center, scale, beta_initializer, gamma_initializer, beta_regularizer,
            gamma_regularizer, beta_constraint, gamma_constraint, **options,
        )  # fmt: skip
        self.groups, self.channel = groups, axis

    def build(self, input_shape: BuildShape) -> None:
        channels = known_size(self.name, input_shape, self.channel)
        self.count = channels if self.groups == -1 else self.groups
        if self.count < 1 or channels % self.count:
            raise ArgumentError(
                f"groups of {self.name} divide the channels", received=(channels, self.groups)
            )
        super().build(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        x = convert.cast(inputs, self.compute_dtype)
        return normalization.group_norm(
            x, self.gamma, self.beta, self.count, self.channel, self.epsilon
        )


@final
class RMSNormalization(Layer):
    """y = gamma * x / sqrt(mean(x**2) + epsilon) over `axis` (Zhang and Sennrich 2019)."""

    def __init__(
        self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.epsilon = epsilon

    def build(self, input_shape: BuildShape) -> None:
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        sizes = {a: known_size(self.name, input_shape, a) for a in axes}
        self.scale = self.add_weight(list(sizes.values()), "ones", name="scale")
        self.input_spec = InputSpec(axes=sizes)

    def call(self, inputs: Tensor) -> Tensor:
        x = convert.cast(inputs, self.compute_dtype)
        return normalization.rms_norm(x, self.scale, self.axis, self.epsilon)


@final
class UnitNormalization(Layer):
    """y = x / sqrt(sum of x**2) over `axis`: length 1.

    >>> UnitNormalization()([[3.0, 4.0]]).numpy().round(3)
    array([[0.6, 0.8]], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = -1, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.axis = axis if isinstance(axis, int) else list(axis)

    def call(self, inputs: Tensor) -> Tensor:
        return normalization.l2_normalize(convert.cast(inputs, self.compute_dtype), self.axis)
