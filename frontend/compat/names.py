"""Namespaces: modules that are tables of names, and say what is near a name that they lack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from types import ModuleType
from typing import final

Table = Mapping[str, object]


@final
class Namespace(ModuleType):
    """A module made of a table; a name that is not in it is an error that helps.

    `elsewhere` has sentences for names that are left out on purpose.

    >>> Namespace("colours", {"red": 1, "green": 2}).gren
    Traceback (most recent call last):
        ...
    AttributeError: colours has no 'gren'; near it: green, red
    """

    def __init__(
        self, name: str, table: Table, doc: str = "", elsewhere: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(name, doc)
        # Python takes modules with a __path__ for packages: there may be modules below.
        self.__path__ = []
        self.__all__ = sorted(table)
        self.__elsewhere = elsewhere or {}
        vars(self).update(table)

    # The result has no annotation: type checkers then take each name as what it is used as.
    def __getattr__(self, name: str):
        if (reason := self.__elsewhere.get(name)) is not None:
            raise AttributeError(f"{self.__name__} has no {name!r}: {reason}")
        near = get_close_matches(name, self.__all__, n=5, cutoff=0.5)
        known = f"near it: {', '.join(near)}" if near else f"it has {', '.join(self.__all__[:20])}"
        raise AttributeError(f"{self.__name__} has no {name!r}; {known}")


def by_name(where: ModuleType | Table, names: str) -> dict[str, object]:
    """The entries of a module of these names; `new=old` gives one another name.

    >>> import math
    >>> sorted(by_name(math, "sin root=sqrt"))
    ['root', 'sin']
    """
    known = vars(where) if isinstance(where, ModuleType) else where
    pairs = [(entry.partition("=")[0], entry.rpartition("=")[2]) for entry in names.split()]
    return {new: known[old] for new, old in pairs}


def public(module: ModuleType) -> dict[str, object]:
    """What a module offers: the names in its __all__, or else all that it defines itself."""
    listed = vars(module).get("__all__")
    if listed is not None:
        return {name: vars(module)[name] for name in listed}
    own = {name: v for name, v in vars(module).items() if not name.startswith("_")}
    return {name: v for name, v in own.items() if not isinstance(v, ModuleType)}


def without_name(function: Callable[..., object]) -> Callable[..., object]:
    """The function with a `name` that it ignores: nodes get their names from their ops."""

    def call(*args: object, name: str | None = None, **kwargs: object) -> object:
        return function(*args, **kwargs)

    call.__doc__ = function.__doc__
    return call


def nameless(table: Table) -> dict[str, object]:
    """A table whose functions take a `name` and ignore it."""
    plain = {n for n, value in table.items() if isinstance(value, type) or not callable(value)}
    return {n: v if n in plain else without_name(v) for n, v in table.items()}  # pyright: ignore
