"""Finding things by the names that users write: 'glorot_uniform', 'GlorotUniform', 'mse'."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Protocol, Self, TypeGuard, TypeVar, cast, runtime_checkable

from graphc.errors import ArgumentError, NotSupportedError, UnknownNameError
from graphc.frontend.saving.registered import get_registered_name, get_registered_object

T = TypeVar("T")
Config = Mapping[str, object]


def find(kind: str, table: Mapping[str, T], name: str) -> T:
    """The entry of that name; case and underscores do not matter. What the user registered under
    a name (`saving/registered.py`) comes before what the library calls so.

    >>> find("colour", {"dark_red": 1}, "DarkRed")
    1

    Raises:
        UnknownNameError: no such entry; the message lists those there are, and the nearest one.
    """
    if (own := get_registered_object(name)) is not None:
        return cast(T, own)
    found = entry_of(table, name)
    if found is None:
        raise UnknownNameError(
            f"no {kind} of that name",
            received=repr(name),
            expected=", ".join(table),
            fix=suggestion(name, table),
        )
    return found


def suggestion(name: str, known: Iterable[str]) -> str | None:
    """What may have been meant by a name that is not known.

    >>> suggestion("acuracy", ["accuracy", "mse"])
    "write 'accuracy'"
    """
    plain: dict[str, str] = {}
    for k in known:
        plain.setdefault(_plain(k), k)
    near = get_close_matches(_plain(name), plain, n=1, cutoff=0.7)
    return f"write {plain[near[0]]!r}" if near else None


def entry_of(table: Mapping[str, T], name: str) -> T | None:
    """The entry of that name, if there is one."""
    if name in table:
        return table[name]
    return {_plain(known): value for known, value in table.items()}.get(_plain(name))


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
        options = cast(Config, given.get("config", {}))
        return made(find(kind, table, str(given["class_name"])), options)
    raise ArgumentError(
        f"not a {kind}",
        received=repr(given),
        expected=f"a name, a class, or an object of {base.__name__}",
        fix=f"names are {', '.join(table)}",
    )


def made(kind: type[T], options: Config) -> T:
    """The object of a class with these arguments; by its `from_config` if it has one."""
    if issubclass(kind, FromConfig):
        return kind.from_config(dict(options))
    return kind(**options)


def own_arguments(value: object) -> dict[str, object]:
    """The arguments that make an object again: its attributes that are called like them.

    Raises:
        NotSupportedError: an argument without a default that no attribute is called like.
    """
    found = vars(value)
    parameters = inspect.signature(type(value)).parameters.values()
    plain = [
        p for p in parameters if p.kind is not p.VAR_KEYWORD and p.kind is not p.VAR_POSITIONAL
    ]
    lost = [p.name for p in plain if p.name not in found and p.default is p.empty]
    if lost:
        raise NotSupportedError(
            f"{type(value).__name__} does not know the arguments that make it again",
            received=f"no attribute called {', '.join(lost)}",
            fix="store each argument of __init__ in an attribute of its name, or define get_config",
        )
    return {p.name: found[p.name] for p in plain if p.name in found}


@runtime_checkable
class Configurable(Protocol):
    """An object that knows the arguments that make it again."""

    def get_config(self) -> dict[str, object]:
        """Those arguments."""
        ...


def is_configurable(value: object) -> TypeGuard[Configurable]:
    """Whether it is an object, not a class, with a `get_config`."""
    return isinstance(value, Configurable) and not isinstance(value, type)


def revived(kind: str, table: Mapping[str, object], config: str | Config) -> object:
    """What a name or a config means: objects of classes, anything else as the table has it.

    Raises:
        UnknownNameError: a name that is not in the table.
        ArgumentError: neither a name nor a config.
    """
    if isinstance(config, str):
        found, options = find(kind, table, config), {}
    elif "class_name" in config:
        found = find(kind, table, str(config["class_name"]))
        options = cast(Config, config.get("config", {}))
    else:
        raise ArgumentError(f"not the config of a {kind}", received=repr(config))
    if not isinstance(found, type):
        return found
    return found() if isinstance(config, str) else made(cast(type[object], found), options)


def no_such(kind: str, given: object) -> ArgumentError:
    """The error for what is neither a name nor a class, an object or a function."""
    expected = "a name, a class, an object, a function"
    return ArgumentError(f"not a {kind}", received=repr(given), expected=expected)


@runtime_checkable
class FromConfig(Protocol):
    """A class that makes objects from what their `get_config` gave."""

    @classmethod
    def from_config(cls, config: dict[str, object]) -> Self:
        """An object from its arguments."""
        ...


def config_of(value: Configurable) -> dict[str, object]:
    """What `resolve` makes the object from again."""
    return {"class_name": get_registered_name(type(value)), "config": value.get_config()}


def as_config(value: Configurable | None) -> Config | None:
    """The same, with None for None."""
    return None if value is None else config_of(value)


def _plain(name: str) -> str:
    return name.replace("_", "").casefold()
