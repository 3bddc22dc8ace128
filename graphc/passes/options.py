"""What the compiler tells the passes; they know no backend and no switches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from graphc.ir.mode import Evaluate
from graphc.ir.node import Node
from graphc.rewrite.rule import Rule


def _ignore(rule: Rule, node: Node) -> None:
    """Take no note of a rule that was applied."""


@dataclass(frozen=True, slots=True)
class Options:
    """`evaluate` computes one node on values (None folds nothing). `fast_math` allows equations
    that hold for real numbers only. `inference` says that variables are not trained, so work on
    them alone may be done before work on data. `memory_budget` bounds the memory of intermediate
    arrays (schedule/budget.py). `fired` hears of each rule that is applied."""

    evaluate: Evaluate | None = None
    fast_math: bool = False
    inference: bool = False
    memory_budget: float | None = None
    fired: Callable[[Rule, Node], None] = _ignore
