"""Classes and functions of the user by the names that files give them.

A file holds names only. What a name means is what the running program registered, or said for the
time of a `with` block; nothing is ever imported because a file names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Protocol, TypeVar, runtime_checkable

from graphc.errors import ArgumentError

Kind = TypeVar("Kind", bound=Callable[..., object])


@runtime_checkable
class Written(Protocol):
    """Objects that know the arguments that make them again."""

    def get_config(self) -> dict[str, object]:
        """Those arguments."""
        ...


_registered: dict[str, object] = {}
_scoped: ContextVar[Mapping[str, object]] = ContextVar(
    "objects by name", default=MappingProxyType({})
)


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[Kind], Kind]:
    """Let files name a class or function of one's own, as "package>name"; a decorator.

    >>> @register_keras_serializable("doctest")
    ... def doubled(x):
    ...     return x * 2
    >>> get_registered_name(doubled), get_registered_object("doctest>doubled") is doubled
    ('doctest>doubled', True)

    Raises:
        ArgumentError: a class without `get_config`, which could not be written.
    """

    def register(given: Kind) -> Kind:
        if not may_be_written(given):
            raise ArgumentError(
                f"{get_name(given)} cannot be written into files",
                fix="define get_config(self), which answers the arguments of __init__",
            )
        _registered[f"{package}>{name or get_name(given)}"] = given
        return given

    return register


def get_custom_objects() -> dict[str, object]:
    """All that is registered, by name; what is put in is registered too."""
    return _registered


@contextmanager
def custom_object_scope(custom_objects: Mapping[str, object] | None) -> Iterator[None]:
    """Names mean these objects inside the `with` block, in this thread or task only.

    >>> with custom_object_scope({"mine": abs}):
    ...     get_registered_object("mine") is abs
    True
    """
    token = _scoped.set({**_scoped.get(), **(custom_objects or {})})
    try:
        yield
    finally:
        _scoped.reset(token)


def get_registered_name(given: Callable[..., object]) -> str:
    """The name that files give to a class or function: "package>name" if it is registered."""
    found = (name for name, known in _registered.items() if known is given)
    return next(found, None) or get_name(given)


def may_be_written(given: Callable[..., object]) -> bool:
    """Whether it is a function, or a class that says the arguments of its objects."""
    return not isinstance(given, type) or issubclass(given, Written)


def get_name(given: Callable[..., object]) -> str:
    """The name in Python; objects that are called like functions have that of their class."""
    return str(getattr(given, "__name__", None) or type(given).__name__)


def is_registered(given: object) -> bool:
    """Whether files may name it."""
    return any(known is given for known in (*_registered.values(), *_scoped.get().values()))


def get_registered_object(
    name: str, custom_objects: Mapping[str, object] | None = None
) -> object | None:
    """What a name means here: in `custom_objects`, in the scopes around, in all that is registered;
    None if nothing does."""
    for known in (custom_objects or {}, _scoped.get(), _registered):
        if name in known:
            return known[name]
    return None
