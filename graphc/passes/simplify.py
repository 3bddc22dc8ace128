"""The tables of rewrite/, but for those of stabilize, applied until nothing changes."""

from __future__ import annotations

from graphc.ir.graph import Graph
from graphc.rewrite.algebra import ALGEBRA
from graphc.rewrite.engine import ALL, EXACT, Table, rewritten
from graphc.rewrite.movement import MOVEMENT
from graphc.rewrite.reduction import REDUCTION
from graphc.rewrite.statistics import CENTRES, FACTORS

from .options import Options
from .regions import everywhere

_AXES = ((*MOVEMENT, *REDUCTION, *FACTORS), ALL)
_EXACT = Table((ALGEBRA, EXACT), _AXES)
_FAST = Table(((*ALGEBRA, *CENTRES), ALL), _AXES)


def simplify(given: Graph, options: Options) -> Graph:
    """Less work for the same numbers; with fast_math, for the same real numbers.

    x * 1 + 0                    ->  x
    transpose(transpose(x))      ->  x
    exp(x) * exp(y)              ->  exp(x + y)      (fast_math)
    """
    table = _FAST if options.fast_math else _EXACT
    return everywhere(given, lambda part: rewritten(part, table, options.fired))
