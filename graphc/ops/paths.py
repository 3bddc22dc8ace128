"""Python's own `if`, `and`, `not`, `while` on symbolic scalars: all paths of a function, joined.

A graph has no truth value while it is built, so Python cannot choose. Here it need not: the
function runs once for every way its conditions may turn out, and `where` chooses among the results.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from graphc.errors import ModeError
from graphc.ir.mode import deciding_with
from graphc.ir.node import Tensor

from .convert import TensorLike, as_tensor
from .elementwise import where

# Paths of one function, and conditions on one path: more is a loop that the condition may not end.
PATHS, CONDITIONS = 256, 64


def all_paths(function: Callable[..., TensorLike], *inputs: Tensor) -> Tensor:
    """The result of a Python function, with `where` at each condition that it asks for.

        if x < 0:                   ->       where(x < 0, -x, x)
            return -x
        return x

    The function depends on nothing but its inputs and does nothing but give a result. A condition
    that was answered on a path keeps its answer there, so `a < x and x < b` costs two conditions.

    >>> from graphc.ir.formula import formula
    >>> from graphc.ops.leaf import placeholder
    >>> formula(all_paths(lambda x: -x if x < 0 else x, placeholder((), name="x")))
    'where(x < 0, -x, x)'

    Raises:
        ModeError: the function needs a number, or has too many paths, as loops may have.
    """
    runs = count(1)

    def path(given: tuple[bool, ...]) -> Tensor:
        """The result where the first conditions turn out as given, joined over all later ones."""
        if next(runs) > PATHS:
            raise _too_many(function, f"more than {PATHS} paths")
        answers: dict[Tensor, bool] = {}

        def decide(condition: Tensor) -> bool:
            if condition not in answers:
                place = len(answers)
                if place == CONDITIONS:
                    raise _too_many(function, f"more than {CONDITIONS} conditions on one path")
                answers[condition] = given[place] if place < len(given) else True
            return answers[condition]

        with deciding_with(decide):
            result = as_tensor(function(*inputs))
        asked, taken = list(answers), tuple(answers.values())
        for place in reversed(range(len(given), len(asked))):
            result = where(asked[place], result, path((*taken[:place], False)))
        return result

    return path(())


def _too_many(function: object, received: str) -> ModeError:
    return ModeError(
        "the function has too many paths to build them all",
        received=f"{function!r} with {received}",
        fix="use gx.where, gx.cond or gx.while_loop in the place of Python's if and while",
    )
