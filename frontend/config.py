"""Settings of the library that Keras keeps in keras.config: the default float, and epsilon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from graphc import dtypes
from graphc.errors import ArgumentError


@final
@dataclass(slots=True)
class _Config:
    floatx: str = "float32"
    epsilon: float = 1e-7


_config = _Config()


def floatx() -> str:
    """The dtype of losses, metrics and weights that ask for none; float32 at first.

    >>> floatx(), epsilon()
    ('float32', 1e-07)
    """
    return _config.floatx


def set_floatx(dtype: str) -> None:
    """Set the default float.

    Raises:
        ArgumentError: a dtype that is no float.
    """
    if not dtypes.as_dtype(dtype).is_float:
        raise ArgumentError("the default dtype is a float", received=dtype, expected="float32, ...")
    _config.floatx = dtype


def epsilon() -> float:
    """The small number that keeps logarithms and divisors from 0; 1e-7 at first."""
    return _config.epsilon


def set_epsilon(value: float) -> None:
    """Set the small number."""
    _config.epsilon = float(value)
