"""The table of rewrite/stabilize.py: accurate forms in place of those that overflow or cancel."""

from __future__ import annotations

from graphc.ir.graph import Graph
from graphc.rewrite.engine import ALL, Table, rewritten
from graphc.rewrite.stabilize import STABILIZE

from .options import Options
from .regions import everywhere

_TABLE = Table((STABILIZE, ALL))


def stabilize(given: Graph, options: Options) -> Graph:
    """The same functions without overflow, cancellation and 0 / 0.

    log(1 + x)                     ->  log1p(x)
    1 / (1 + exp(-x))              ->  sigmoid(x)
    log(exp(x) / sum(exp(x)))      ->  x - logsumexp(x)
    """
    return everywhere(given, lambda part: rewritten(part, _TABLE, options.fired))
