"""Penalties on weights or activities, added to the loss. There is no factor 1/2, as in Keras.

l1:  factor * sum |w|        l2:  factor * sum w**2
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import final

from graphc.errors import ArgumentError
from graphc.ir.node import Tensor
from graphc.ops import elementwise, reduce

from .lookup import Config, resolve


@dataclass(frozen=True)
class Regularizer:
    """A function of a tensor that gives a scalar penalty."""

    def __call__(self, x: Tensor) -> Tensor:
        """The penalty of x."""
        raise ArgumentError(f"{type(self).__name__} has no formula", fix="define __call__(x)")

    def get_config(self) -> dict[str, object]:
        """The arguments that make this regularizer again."""
        return asdict(self)


Given = str | type[Regularizer] | Regularizer | Callable[..., Tensor] | Config | None


@final
@dataclass(frozen=True)
class L1L2(Regularizer):
    """l1 * sum |w| + l2 * sum w**2."""

    l1: float = 0.0
    l2: float = 0.0

    def __call__(self, x: Tensor) -> Tensor:
        return elementwise.add(_magnitudes(x, self.l1), _squares(x, self.l2))


@final
@dataclass(frozen=True)
class L1(Regularizer):
    """l1 * sum |w|."""

    l1: float = 0.01

    def __call__(self, x: Tensor) -> Tensor:
        return _magnitudes(x, self.l1)


@final
@dataclass(frozen=True)
class L2(Regularizer):
    """l2 * sum w**2."""

    l2: float = 0.01

    def __call__(self, x: Tensor) -> Tensor:
        return _squares(x, self.l2)


@final
@dataclass(frozen=True)
class Custom(Regularizer):
    """A function of the user in the place of a formula."""

    function: Callable[..., Tensor]

    def __call__(self, x: Tensor) -> Tensor:
        return self.function(x)


def l1(l1: float = 0.01) -> L1:
    """l1 * sum |w|."""
    return L1(l1)


def l2(l2: float = 0.01) -> L2:
    """l2 * sum w**2."""
    return L2(l2)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """l1 * sum |w| + l2 * sum w**2."""
    return L1L2(l1, l2)


BY_NAME: dict[str, type[Regularizer]] = {"l1": L1, "l2": L2, "l1_l2": L1L2}


def get(given: Given) -> Regularizer | None:
    """The regularizer meant by a name, class, object, config or function; None for None."""
    if given is None:
        return None
    if callable(given) and not isinstance(given, type | Regularizer):
        return Custom(given)
    return resolve("regularizer", BY_NAME, given, Regularizer)


def _magnitudes(x: Tensor, factor: float) -> Tensor:
    return elementwise.mul(reduce.sum(elementwise.abs(x)), factor)


def _squares(x: Tensor, factor: float) -> Tensor:
    return elementwise.mul(reduce.sum(elementwise.square(x)), factor)
