"""Batch normalisation, and batch renormalisation; see graphc/ops/normalization.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Unpack, final

import numpy as np

from graphc.errors import ArgumentError
from graphc.frontend import effects, initializers
from graphc.frontend.usual import behind
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, movement, normalization, reduce
from graphc.ops.variable import Variable

from .layer import Layer
from .spec import BuildShape, InputSpec, ScaleOptions, common, known_size, rules


class BatchOptions(ScaleOptions, total=False):
    """The keywords of batch normalisation that do not stand in its signature."""

    moving_mean_initializer: initializers.Given
    moving_variance_initializer: initializers.Given
    renorm: bool
    renorm_clipping: Mapping[str, float] | None
    renorm_momentum: float
    synchronized: bool


@final
class BatchNormalization(Layer):
    """y = gamma * (x - mean) / sqrt(variance + epsilon) + beta, per element of `axis`.

    In training mean and (biased) variance are those of the batch, and the moving statistics become
    moving * momentum + batch * (1 - momentum). In inference, and while `trainable` is False, the
    moving statistics are used. Steps that a mask leaves out do not count. (Ioffe and Szegedy 2015.)

    With `renorm` training uses ((x - mean) / deviation * r + d) * gamma + beta, where r and d make
    of the statistics of the batch those of many batches, within the bounds that `renorm_clipping`
    has: "rmin", "rmax", "dmax" (Ioffe 2017). `synchronized` has no meaning on one device.
    """

    supports_masking = True
    moving_stddev: Variable
    renorm_mean: Variable
    renorm_stddev: Variable
    usual: ClassVar[Mapping[str, object]] = {
        **behind(
            rules(beta="zeros", gamma="ones"),
            "gamma_initializer",
            moving_mean_initializer="zeros",
            moving_variance_initializer="ones",
        ),
        "renorm": False,
        "renorm_clipping": None,
        "renorm_momentum": 0.99,
        "synchronized": False,
    }

    def __init__(
        self, axis: int = -1, momentum: float = 0.99, epsilon: float = 1e-3, center: bool = True,
        scale: bool = True, **options: Unpack[BatchOptions],
    ) -> None:  # fmt: skip
        super().__init__(**common(options))
        self.axis, self.momentum, self.epsilon = axis, momentum, epsilon
        self.center, self.scale = center, scale
        self.gamma: Variable | None = None
        self.beta: Variable | None = None
        self.renormalization: Renormalization | None = None
        if options.get("renorm"):
            bounds = {"rmin": None, "rmax": None, "dmax": None}
            given = options.get("renorm_clipping") or {}
            self.renormalization = Renormalization(
                **_checked({**bounds, **given}), momentum=options.get("renorm_momentum", 0.99)
            )

    def build(self, input_shape: BuildShape) -> None:
        size = known_size(self.name, input_shape, self.axis)
        if self.scale:
            self.gamma = self.add_weight((size,), name="gamma")
        if self.center:
            self.beta = self.add_weight((size,), name="beta")
        self.moving_mean = self.add_weight((size,), trainable=False, name="moving_mean")
        self.moving_variance = self.add_weight((size,), trainable=False, name="moving_variance")
        if self.renormalization is not None:
            self.renormalization.build(self, size)
        self.input_spec = InputSpec(min_ndim=2, axes={self.axis: size})

    def call(self, inputs: Tensor, training: bool = False, mask: Tensor | None = None) -> Tensor:
        x = convert.cast(inputs, self.compute_dtype)
        mean: Tensor = self.moving_mean
        variance: Tensor = self.moving_variance
        gamma, beta = self.gamma, self.beta
        if training and self.trainable:
            mean, variance = self._moments(x, mask)
            if self.renormalization is None:
                move(self.moving_mean, mean, self.momentum)
                move(self.moving_variance, variance, self.momentum)
            else:
                gamma, beta = self.renormalization.corrected(self, mean, variance)
        return normalization.batch_norm_inference(
            x, mean, variance, gamma, beta, self.axis, self.epsilon
        )

    def _moments(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Those of the batch; with a mask, of the elements that count."""
        others = tuple(a for a in range(x.ndim) if a != self.axis % x.ndim)
        if mask is None:
            return normalization.moments(x, others)
        weights = convert.cast(mask, x.dtype)
        while weights.ndim < x.ndim:
            weights = movement.expand_dims(weights, weights.ndim)
        counted = reduce.sum(convert.broadcast_to(weights, x.shape), others)
        # Where nothing counts, mean and variance are 0.
        count = elementwise.maximum(counted, 1e-7)
        mean = elementwise.div(reduce.sum(elementwise.mul(x, weights), others), count)
        shape = [-1 if a == self.axis % x.ndim else 1 for a in range(x.ndim)]
        off = elementwise.sub(x, movement.reshape(mean, shape))
        squares = elementwise.mul(elementwise.square(off), weights)
        return mean, elementwise.div(reduce.sum(squares, others), count)


@final
@dataclass(slots=True, eq=False)
class Renormalization:
    """The statistics of many batches, and what brings those of one batch to them."""

    rmin: float | None
    rmax: float | None
    dmax: float | None
    momentum: float

    def build(self, layer: BatchNormalization, size: int) -> None:
        """Give the layer the weights for it; deviations begin at the root of the variance."""
        deviation = np.sqrt(layer.moving_variance.numpy())
        mean = layer.moving_mean.numpy()
        for name, value in (
            ("moving_stddev", deviation), ("renorm_mean", mean), ("renorm_stddev", deviation),
        ):  # fmt: skip
            weight = layer.add_weight((size,), "zeros", trainable=False, name=name)
            vars(layer)[name] = weight.assign(value)

    def corrected(
        self, layer: BatchNormalization, mean: Tensor, variance: Tensor
    ) -> tuple[Tensor, Tensor]:
        """gamma * r and gamma * d + beta; all moving statistics take the batch into account."""
        deviation = elementwise.sqrt(elementwise.add(variance, layer.epsilon))
        usual = elementwise.maximum(layer.renorm_stddev, layer.epsilon**0.5)
        r = elementwise.clip(elementwise.div(deviation, usual), self.rmin, self.rmax)
        d = elementwise.div(elementwise.sub(mean, layer.renorm_mean), usual)
        if self.dmax is not None:
            d = elementwise.clip(d, -self.dmax, self.dmax)
        self._move(layer, mean, deviation)
        gamma, beta = elementwise.stop_gradient(r), elementwise.stop_gradient(d)
        if layer.gamma is not None:
            gamma, beta = elementwise.mul(gamma, layer.gamma), elementwise.mul(beta, layer.gamma)
        return gamma, beta if layer.beta is None else elementwise.add(beta, layer.beta)

    def _move(self, layer: BatchNormalization, mean: Tensor, deviation: Tensor) -> None:
        move(layer.renorm_mean, mean, self.momentum)
        move(layer.renorm_stddev, deviation, self.momentum)
        move(layer.moving_mean, mean, layer.momentum)
        new = move(layer.moving_stddev, deviation, layer.momentum)
        variance = elementwise.sub(elementwise.square(new), layer.epsilon)
        effects.update(layer.moving_variance, elementwise.maximum(variance, 0.0))


def move(moving: Variable, batch: Tensor, momentum: float) -> Tensor:
    """A moving mean with one batch more; announced as an effect."""
    past = elementwise.mul(effects.latest(moving), momentum)
    new = elementwise.add(past, elementwise.mul(batch, 1.0 - momentum))
    effects.update(moving, new)
    return new


def _checked(bounds: dict[str, float | None]) -> dict[str, float | None]:
    rmin, rmax, dmax = (bounds[n] for n in ("rmin", "rmax", "dmax"))
    wrong = len(bounds) > 3 or (dmax is not None and dmax < 0)
    if wrong or (rmin is not None and rmax is not None and rmax < rmin):
        raise ArgumentError(
            "renorm_clipping bounds r by rmin <= rmax, and d by dmax >= 0", received=bounds
        )
    return bounds
