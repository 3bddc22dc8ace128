"""Settings of the library that Keras keeps in keras.config: the default float, epsilon, layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from graphc import dtypes
from graphc.errors import ArgumentError
from graphc.ops import window


@final
@dataclass(slots=True)
class _Config:
    floatx: str = "float32"
    epsilon: float = 1e-7
    image_data_format: str = "channels_last"


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


def image_data_format() -> str:
    """Where images have their channels, for layers that are not told; channels_last at first."""
    return _config.image_data_format


def set_image_data_format(data_format: str) -> None:
    """Set where images have their channels: "channels_last" or "channels_first".

    Raises:
        ArgumentError: another word.
    """
    _config.image_data_format = window.layout(data_format)


def layout(data_format: str | None) -> str:
    """The layout by name; the one that is set for None.

    >>> layout(None), layout("channels_first")
    ('channels_last', 'channels_first')
    """
    return window.layout(data_format or _config.image_data_format)
