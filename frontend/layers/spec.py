"""What layers take: their common keywords, shapes as `build` sees them, checks of inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from graphc.errors import ArgumentError, ShapeError
from graphc.frontend import constraints, initializers, regularizers
from graphc.frontend.dtype_policy import PolicyLike
from graphc.ir.dim import Dim, Shape
from graphc.ir.node import Tensor

# A shape with None for each size that is not known while building.
BuildShape = tuple[int | None, ...]


class BaseOptions(TypedDict, total=False):
    """The keywords that every layer takes besides its own."""

    name: str | None
    trainable: bool
    dtype: PolicyLike | None
    input_shape: Sequence[int | None]


class LayerOptions(BaseOptions, total=False):
    """The same for layers that do not list the last one among their own."""

    activity_regularizer: regularizers.Given


class BiasOptions(LayerOptions, total=False):
    """The keywords of layers with a bias."""

    bias_initializer: initializers.Given
    bias_regularizer: regularizers.Given
    bias_constraint: constraints.Given


class KernelOptions(BiasOptions, total=False):
    """The keywords of layers with a kernel and a bias."""

    kernel_initializer: initializers.Given
    kernel_regularizer: regularizers.Given
    kernel_constraint: constraints.Given


class DepthwiseOptions(BiasOptions, total=False):
    """The keywords of layers with a kernel for each channel and a bias."""

    depthwise_initializer: initializers.Given
    depthwise_regularizer: regularizers.Given
    depthwise_constraint: constraints.Given


class SeparableOptions(DepthwiseOptions, total=False):
    """The keywords of layers with a kernel for each channel, one for all of them, and a bias."""

    pointwise_initializer: initializers.Given
    pointwise_regularizer: regularizers.Given
    pointwise_constraint: constraints.Given


class ScaleOptions(LayerOptions, total=False):
    """The keywords of layers that scale by gamma and shift by beta."""

    beta_initializer: initializers.Given
    gamma_initializer: initializers.Given
    beta_regularizer: regularizers.Given
    gamma_regularizer: regularizers.Given
    beta_constraint: constraints.Given
    gamma_constraint: constraints.Given


def common(options: LayerOptions) -> LayerOptions:
    """The keywords of a layer as those of its base, which knows them by the class's `usual`."""
    return options


def rules(activity: bool = False, /, **initial: initializers.Given) -> dict[str, object]:
    """The keywords for weights of these names, with their initializers by default.

    With `activity` the regularizer of what the layer answers stands among them.

    >>> list(rules(True, kernel="glorot_uniform"))
    ['kernel_initializer', 'kernel_regularizer', 'activity_regularizer', 'kernel_constraint']
    """
    return {
        **{f"{name}_initializer": initializer for name, initializer in initial.items()},
        **{f"{name}_regularizer": None for name in initial},
        **({"activity_regularizer": None} if activity else {}),
        **{f"{name}_constraint": None for name in initial},
    }


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What a built layer takes: a number of axes, and sizes of some of them."""

    ndim: int | None = None
    min_ndim: int = 0
    axes: Mapping[int, int] = field(default_factory=dict)


def check_options(layer: str, options: Mapping[str, object], more: Iterable[str]) -> None:
    """ArgumentError for a keyword that is none of `LayerOptions`, and none of these."""
    known = [*more, *LayerOptions.__annotations__]
    if unknown := set(options) - set(known):
        raise ArgumentError(
            f"{layer} has no such argument",
            received=", ".join(sorted(unknown)),
            expected="its own arguments and " + ", ".join(known),
        )


def check_input(layer: str, spec: InputSpec | None, x: Tensor) -> None:
    """ShapeError if the input is not what the layer was built for."""
    if spec is None:
        return
    shape = build_shape(x.shape)
    if x.ndim < spec.min_ndim or spec.ndim not in (None, x.ndim):
        raise ShapeError(
            f"{layer} takes inputs of another number of axes",
            received=shape,
            expected=f"{spec.ndim or f'at least {spec.min_ndim}'} axes, the batch included",
        )
    for axis, size in spec.axes.items():
        if shape[axis] not in (None, size):
            raise ShapeError(
                f"{layer} was built for inputs with {size} elements on axis {axis}",
                received=shape,
                fix="use another layer for inputs of another size",
            )


def build_shape(shape: Shape) -> BuildShape:
    """A shape with None for its symbolic sizes."""
    return tuple(None if isinstance(s, Dim) else s for s in shape)


def known_size(layer: str, shape: BuildShape, axis: int) -> int:
    """The size of an axis that the weights depend on."""
    size = shape[axis] if -len(shape) <= axis < len(shape) else None
    if size is None:
        raise ShapeError(
            f"the weights of {layer} depend on the size of axis {axis}, which is not known",
            received=shape,
            fix="give that size as a number in the shape of the input",
        )
    return size
