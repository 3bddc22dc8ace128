"""What weights must fulfil: functions that the training step applies after each update."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import final

from graphc.errors import ArgumentError
from graphc.ir.node import Tensor
from graphc.ops import elementwise, reduce

from .lookup import Config, resolve

_TINY = 1e-7
Axis = int | tuple[int, ...]


@dataclass(frozen=True)
class Constraint:
    """A function from a weight to the nearest weight that fulfils the condition."""

    def __call__(self, w: Tensor) -> Tensor:
        """The weight moved onto the allowed set."""
        raise ArgumentError(f"{type(self).__name__} has no formula", fix="define __call__(w)")

    def get_config(self) -> dict[str, object]:
        """The arguments that make this constraint again."""
        return asdict(self)


Given = str | type[Constraint] | Constraint | Callable[..., Tensor] | Config | None


@final
@dataclass(frozen=True)
class NonNeg(Constraint):
    """w >= 0."""

    def __call__(self, w: Tensor) -> Tensor:
        return elementwise.maximum(w, 0.0)


@final
@dataclass(frozen=True)
class MaxNorm(Constraint):
    """The norm over `axis` is at most max_value: w * min(norm, max_value) / norm."""

    max_value: float = 2.0
    axis: Axis = 0

    def __call__(self, w: Tensor) -> Tensor:
        norm = _norm(w, self.axis)
        allowed = elementwise.minimum(norm, self.max_value)
        return elementwise.mul(w, elementwise.div(allowed, elementwise.add(norm, _TINY)))


@final
@dataclass(frozen=True)
class UnitNorm(Constraint):
    """The norm over `axis` is 1."""

    axis: Axis = 0

    def __call__(self, w: Tensor) -> Tensor:
        return elementwise.div(w, elementwise.add(_norm(w, self.axis), _TINY))


@final
@dataclass(frozen=True)
class MinMaxNorm(Constraint):
    """The norm over `axis` is pulled by `rate` towards min_value .. max_value."""

    min_value: float = 0.0
    max_value: float = 1.0
    rate: float = 1.0
    axis: Axis = 0

    def __call__(self, w: Tensor) -> Tensor:
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

    def __call__(self, w: Tensor) -> Tensor:
        return self.function(w)


BY_NAME: dict[str, type[Constraint]] = {
    "non_neg": NonNeg,
    "max_norm": MaxNorm,
    "unit_norm": UnitNorm,
    "min_max_norm": MinMaxNorm,
}


def get(given: Given) -> Constraint | None:
    """The constraint meant by a name, class, object, config or function; None for None."""
    if given is None:
        return None
    if callable(given) and not isinstance(given, type | Constraint):
        return Custom(given)
    return resolve("constraint", BY_NAME, given, Constraint)


def _norm(w: Tensor, axis: Axis) -> Tensor:
    return elementwise.sqrt(reduce.sum(elementwise.square(w), axis, keepdims=True))
