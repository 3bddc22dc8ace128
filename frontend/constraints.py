"""What weights must fulfil: functions that the training step applies after each update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self, final

from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, reduce
from graphc.ops.convert import TensorLike

from .eager import eager_on_arrays
from .lookup import Config, config_of, own_arguments, resolve

_TINY = 1e-7
Axis = int | tuple[int, ...] | list[int]


class Constraint:
    """A function from a weight to the nearest weight that fulfils a condition; here, to itself."""

    @eager_on_arrays
    def __call__(self, w: TensorLike) -> Tensor:
        """The weight moved onto the allowed set."""
        return convert.as_tensor(w)

    def get_config(self) -> dict[str, object]:
        """The arguments that make this constraint again."""
        return own_arguments(self)

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> Self:
        """A constraint from what `get_config` gave."""
        return cls(**config)


Given = str | type[Constraint] | Constraint | Callable[..., Tensor] | Config | None


@final
@dataclass(frozen=True)
class NonNeg(Constraint):
    """w >= 0.

    >>> NonNeg()([-1.0, 2.0]).numpy().tolist()
    [0.0, 2.0]
    """

    @eager_on_arrays
    def __call__(self, w: TensorLike) -> Tensor:
        return elementwise.maximum(w, 0.0)


@final
@dataclass(frozen=True)
class MaxNorm(Constraint):
    """The norm over `axis` is at most max_value: w * min(norm, max_value) / norm.

    In a kernel of a dense layer (inputs, outputs) axis 0 gives one norm per output.

    >>> MaxNorm(1.0)([[3.0], [4.0]]).numpy().round(4).tolist()
    [[0.6000000238418579], [0.800000011920929]]
    """

    max_value: float = 2.0
    axis: Axis = 0

    @eager_on_arrays
    def __call__(self, w: TensorLike) -> Tensor:
        norm = _norm(w, self.axis)
        allowed = elementwise.minimum(norm, self.max_value)
        return elementwise.mul(w, elementwise.div(allowed, elementwise.add(norm, _TINY)))


@final
@dataclass(frozen=True)
class UnitNorm(Constraint):
    """The norm over `axis` is 1."""

    axis: Axis = 0

    @eager_on_arrays
    def __call__(self, w: TensorLike) -> Tensor:
        return elementwise.div(w, elementwise.add(_norm(w, self.axis), _TINY))


@final
@dataclass(frozen=True)
class MinMaxNorm(Constraint):
    """The norm over `axis` is pulled by `rate` towards min_value .. max_value."""

    min_value: float = 0.0
    max_value: float = 1.0
    rate: float = 1.0
    axis: Axis = 0

    @eager_on_arrays
    def __call__(self, w: TensorLike) -> Tensor:
        norm = _norm(w, self.axis)
        allowed = elementwise.clip(norm, self.min_value, self.max_value)
        wanted = elementwise.add(
            elementwise.mul(allowed, self.rate), elementwise.mul(norm, 1.0 - self.rate)
        )
        return elementwise.mul(w, elementwise.div(wanted, elementwise.add(norm, _TINY)))


@final
@dataclass(frozen=True)
class Custom(Constraint):
    """A function of the user in the place of a formula."""

    function: Callable[..., Tensor]

    def __call__(self, w: TensorLike) -> Tensor:
        return self.function(w)


non_neg, max_norm, unit_norm, min_max_norm = NonNeg, MaxNorm, UnitNorm, MinMaxNorm

BY_NAME: dict[str, type[Constraint]] = {
    "non_neg": NonNeg,
    "max_norm": MaxNorm,
    "unit_norm": UnitNorm,
    "min_max_norm": MinMaxNorm,
}


def get(identifier: Given) -> Constraint | None:
    """The constraint meant by a name, class, object, config or function; None for None."""
    if identifier is None:
        return None
    if callable(identifier) and not isinstance(identifier, type | Constraint):
        return Custom(identifier)
    return resolve("constraint", BY_NAME, identifier, Constraint)


def serialize(constraint: Constraint) -> dict[str, object]:
    """The class and the arguments of a constraint, as `deserialize` takes them."""
    return config_of(constraint)


def deserialize(config: Config, custom_objects: Mapping[str, type] | None = None) -> Constraint:
    """The constraint of a config; `custom_objects` are classes of your own, by name.

    >>> deserialize(serialize(MaxNorm(3.0)))
    MaxNorm(max_value=3.0, axis=0)
    """
    return resolve("constraint", {**BY_NAME, **(custom_objects or {})}, config, Constraint)


def _norm(w: TensorLike, axis: Axis) -> Tensor:
    return elementwise.sqrt(reduce.sum(elementwise.square(w), axis, keepdims=True))
