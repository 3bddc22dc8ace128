"""Finding things by the names that users write: 'glorot_uniform', 'GlorotUniform', 'mse'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeGuard, TypeVar, cast, runtime_checkable

from graphc.errors import ArgumentError, UnknownNameError

T = TypeVar("T")
Config = Mapping[str, object]


def find(kind: str, table: Mapping[str, T], name: str) -> T:
    """The entry of that name; case and underscores do not matter.

    >>> find("colour", {"dark_red": 1}, "DarkRed")
    1

    Raises:
        UnknownNameError: no such entry; the message lists those there are.
    """
    if name in table:
        return table[name]
    plain = {_plain(known): value for known, value in table.items()}
    if _plain(name) not in plain:
        raise UnknownNameError(
            f"no {kind} of that name", received=repr(name), expected=", ".join(table)
        )
    return plain[_plain(name)]


def resolve(
    kind: str, table: Mapping[str, type[T]], given: str | type[T] | T | Config, base: type[T]
) -> T:
    """The object meant by a name, a class, a config {"class_name", "config"}, or the object itself.

    Raises:
        UnknownNameError: a name that is not in the table.
        ArgumentError: anything else.
    """
    if isinstance(given, base):
        return given
    if isinstance(given, str):
        return find(kind, table, given)()
    if isinstance(given, type) and issubclass(given, base):
        return given()
    if isinstance(given, Mapping) and "class_name" in given:
        options = cast(dict[str, object], given.get("config", {}))
        return find(kind, table, str(given["class_name"]))(**options)
    raise ArgumentError(
        f"not a {kind}",
        received=repr(given),
        expected=f"a name, a class, or an object of {base.__name__}",
        fix=f"names are {', '.join(table)}",
    )


@runtime_checkable
class Configurable(Protocol):
    """An object that knows the arguments that make it again."""

    def get_config(self) -> dict[str, object]:
        """Those arguments."""
        ...


def is_configurable(value: object) -> TypeGuard[Configurable]:
    """Whether it is an object, not a class, with a `get_config`."""
    return isinstance(value, Configurable) and not isinstance(value, type)


def as_config(value: Configurable | None) -> Config | None:
    """What `resolve` makes the object from again."""
    if value is None:
        return None
    return {"class_name": type(value).__name__, "config": value.get_config()}


def _plain(name: str) -> str:
    return name.replace("_", "").casefold()
