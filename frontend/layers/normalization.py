"""Normalisation layers; the functions they call are in graphc/ops/normalization.py."""

from __future__ import annotations

from typing import Unpack, final

from graphc.frontend import constraints, effects, initializers, regularizers
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, normalization
from graphc.ops.variable import Variable

from .layer import Layer
from .spec import BuildShape, InputSpec, LayerOptions, known_size


@final
class BatchNormalization(Layer):
    """y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, per element of `axis`.

    In training mean and (biased) variance are those of the batch, and the moving statistics become
    moving * momentum + batch * (1 - momentum). In inference, and while `trainable` is False, the
    moving statistics are used. (Ioffe and Szegedy 2015.)
    """

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

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        x = convert.cast(inputs, self.dtype)
        if not (training and self.trainable):
            return normalization.batch_norm_inference(
                x, self.moving_mean, self.moving_variance, self.gamma, self.beta, self.axis,
                self.epsilon,
            )  # fmt: skip
        y, mean, variance = normalization.batch_norm(
            x, self.gamma, self.beta, self.axis, self.epsilon
        )
        self._move(self.moving_mean, mean)
        self._move(self.moving_variance, variance)
        return y

    def _move(self, moving: Variable, batch: Tensor) -> None:
        past = elementwise.mul(effects.latest(moving), self.momentum)
        effects.update(moving, elementwise.add(past, elementwise.mul(batch, 1.0 - self.momentum)))
