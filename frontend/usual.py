"""Keywords that many classes take as **options: their names, defaults and places.

A class lists them once, in the order of Keras; so they may also be given by position, and show in
its signature.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps

Usual = Mapping[str, object]


def by_position(init: Callable[..., None], usual: Usual) -> Callable[..., None]:
    """An `__init__` that takes the usual keywords by position too, behind its own arguments.

    >>> def init(self, units, **options):
    ...     print(units, options)
    >>> by_position(init, {"seed": None, "name": None})(None, 3, 7)
    3 {'seed': 7}
    """
    plain = inspect.signature(init)
    count = len(_positional(plain))
    signature = with_usual(plain, usual)
    more = [p.name for p in _positional(signature)[count:]]

    @wraps(init)
    def taking(*given: object, **named: object) -> None:
        if len(given) > count + len(more):
            init(*given, **named)  # says how many there are
        init(*given[:count], **dict(zip(more, given[count:])), **named)

    vars(taking)["__signature__"] = signature
    return taking


def with_usual(plain: inspect.Signature, usual: Usual) -> inspect.Signature:
    """The signature with the usual keywords in their places, if it takes **options."""
    found = list(plain.parameters.values())
    rest = [p for p in found if p.kind is p.VAR_KEYWORD]
    if not rest:
        return plain
    own = _positional(plain)
    names = {p.name for p in own}
    keywords = {p.name: p for p in found if p.kind is p.KEYWORD_ONLY}
    defaults = {**usual, **{n: p.default for n, p in keywords.items()}}
    more = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=defaults[name])
        for name in usual
        if name not in names
    ]
    last = [p for n, p in keywords.items() if n not in usual]
    return plain.replace(parameters=[*own, *more, *last, *rest])


def behind(usual: Usual, name: str, **more: object) -> dict[str, object]:
    """The usual keywords with more of them behind one; those that were elsewhere move.

    >>> behind({"a": 1, "b": 2, "c": 3}, "b", d=4, a=5)
    {'b': 2, 'd': 4, 'a': 5, 'c': 3}
    """
    found: dict[str, object] = {}
    for known, value in usual.items():
        if known not in more:
            found[known] = value
        if known == name:
            found.update(more)
    return found


def _positional(signature: inspect.Signature) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p for p in signature.parameters.values() if p.kind in kinds]
