"""The arguments an object was made with, remembered so that `get_config` need not be written.

An argument that the object keeps under its own name counts as it is now, in the form that the
object gave it; any other counts as it was passed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import ClassVar, Protocol, cast, runtime_checkable

import numpy as np

from graphc.dtypes import DType
from graphc.errors import ArgumentError
from graphc.frontend import activations
from graphc.frontend.lookup import config_of, is_configurable
from graphc.frontend.usual import with_usual

Arguments = Mapping[str, object]
# What every layer answers in `get_config`.
COMMON = ("name", "trainable", "dtype")


def arguments_of(kind: type, given: Sequence[object], named: Arguments) -> dict[str, object]:
    """All arguments of `kind(*given, **named)` by name, with the defaults of those left out.

    What is wrong with a call is left to the call itself to say.
    """
    signature = signature_of(kind)
    try:
        bound = signature.bind(None, *given, **named)
    except TypeError:
        return dict(named)
    bound.apply_defaults()
    found: dict[str, object] = {}
    for parameter in list(signature.parameters.values())[1:]:
        value = bound.arguments[parameter.name]
        if parameter.kind is parameter.VAR_KEYWORD:
            found.update(value)
        else:
            found[parameter.name] = value
    return found


def taken_by(kind: type, config: Arguments) -> tuple[dict[str, object], dict[str, object]]:
    """The config without those common arguments that `kind` does not take, and these."""
    parameters = signature_of(kind).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    rest = {n for n in COMMON if n in config and n not in parameters and not open_ended}
    return {n: v for n, v in config.items() if n not in rest}, {n: config[n] for n in rest}


def plain(value: object, owner: str) -> object:
    """A value as text files can hold it: numbers, texts, lists, dicts; objects as their configs.

    Raises:
        ArgumentError: neither a value of that kind, nor an object with `get_config`, nor an
            activation.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, DType):
        return value.name
    if isinstance(value, Mapping):
        return {str(name): plain(entry, owner) for name, entry in value.items()}
    if isinstance(value, tuple | list):
        return [plain(entry, owner) for entry in value]
    if is_configurable(value):
        return config_of(value)
    if callable(value):
        return activations.name_of(cast(activations.Activation, value))
    raise ArgumentError(
        f"an argument of {owner} has no form that can be written down",
        received=repr(value),
        fix="give the layer a get_config that answers its arguments as numbers, texts and lists",
    )


@runtime_checkable
class WithUsual(Protocol):
    """A class that says what the keywords are which its `__init__` takes as **options."""

    usual: ClassVar[Mapping[str, object]]


@cache
def signature_of(kind: type) -> inspect.Signature:
    """The signature of `__init__`, with the keywords that a class lists in `usual`."""
    plain = inspect.signature(_initializer(kind))
    return with_usual(plain, kind.usual) if isinstance(kind, WithUsual) else plain


def _initializer(kind: type) -> Callable[..., None]:
    return kind.__init__
