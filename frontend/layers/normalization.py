"""Normalisation of each example by itself; the functions are in graphc/ops/normalization.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack, final

from graphc.errors import ArgumentError, DTypeError
from graphc.ir.node import Tensor
from graphc.ops import convert, normalization
from graphc.ops.variable import Variable

from .layer import Layer
from .spatial import positive
from .spec import BuildShape, InputSpec, LayerOptions, ScaleOptions, common, known_size, rules


class AbstractScaled(Layer):
    """gamma and beta of the shape of the normalised axes; the base of normalisers by example."""

    gamma: Variable | None = None
    beta: Variable | None = None

    usual = rules(beta="zeros", gamma="ones")
    supports_masking = True

    def __init__(
        self, axis: int | Sequence[int] = -1, epsilon: float = 1e-3, center: bool = True,
        scale: bool = True, **options: Unpack[ScaleOptions],
    ) -> None:  # fmt: skip
        super().__init__(**common(options))
        self.axis = _axes(axis)
        self.epsilon, self.center, self.scale = epsilon, center, scale

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

    def call(self, inputs: Tensor) -> Tensor:
        x = convert.cast(inputs, self.compute_dtype)
        return normalization.layer_norm(x, self.gamma, self.beta, self.axis, self.epsilon)


@final
class GroupNormalization(AbstractScaled):
    """Layer normalisation of each of `groups` groups of channels (Wu and He 2018).

    groups = 1 is layer normalisation over all axes of an example, groups = channels (or -1) is
    instance normalisation.
    """

    def __init__(
        self, groups: int = 32, axis: int = -1, epsilon: float = 1e-3, center: bool = True,
        scale: bool = True, **options: Unpack[ScaleOptions],
    ) -> None:  # fmt: skip
        super().__init__(axis, epsilon, center, scale, **options)
        if groups != -1:
            positive(groups, "argument `groups`")
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

    supports_masking = True

    def __init__(
        self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.axis = _axes(axis)
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

    supports_masking = True

    def __init__(self, axis: int | Sequence[int] = -1, **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.axis = _axes(axis)

    def call(self, inputs: Tensor) -> Tensor:
        return normalization.l2_normalize(convert.cast(inputs, self.compute_dtype), self.axis)


def _axes(axis: int | Sequence[int]) -> int | list[int]:
    """The axes as they are kept; several are in the order of the input."""
    if isinstance(axis, int):
        return axis
    if not isinstance(axis, tuple | list):
        raise DTypeError("axis is a number or a list of them", received=repr(axis))
    return sorted(axis)
