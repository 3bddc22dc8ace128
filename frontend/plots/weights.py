"""Numbers of weights, and models against one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from graphc.errors import ModeError, ShapeError
from graphc.frontend.layers.layer import Layer

from .figure import BLUE, CYCLE, GREY, Path_, finished, grid_for, new_figure, panel, sequence

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_weights(
    model: Layer, path: Path_ = None, *, before: Sequence[np.ndarray] | None = None, bins: int = 50
) -> Figure:
    """A histogram for each weight of a model; those of `before` (from get_weights) behind them.

    Raises:
        ModeError: a model without weights.
        ShapeError: earlier weights of another number.
    """
    weights = model.weights
    if not weights:
        raise ModeError(f"{model.name} has no weights", fix="build it, by calling it")
    if before is not None and len(before) != len(weights):
        raise ShapeError("earlier weights", received=len(before), expected=len(weights))
    rows, columns = grid_for(len(weights), None, most=4)
    figure = new_figure(3.0 * columns, 2.2 * rows)
    for place, weight in enumerate(weights):
        values = weight.numpy().reshape(-1).astype(np.float64)
        axes = panel(figure, (rows, columns), place, f"{weight.name} {tuple(weight.shape)}")
        old = None if before is None else np.asarray(before[place], np.float64).reshape(-1)
        both = values if old is None else np.concatenate([values, old])
        edges = np.histogram_bin_edges(both, bins=bins)
        if old is not None:
            axes.hist(old, edges, color=GREY, alpha=0.5, label="before")
        axes.hist(values, edges, color=BLUE, alpha=0.75, label="now")
        if old is not None:
            axes.legend(fontsize=8, frameon=False)
    return finished(figure, path)


def plot_tradeoff(
    names: Sequence[str], costs: Sequence[float], scores: Sequence[float], path: Path_ = None, *,
    cost: str = "multiply-adds", score: str = "accuracy", log_scale: bool = True,
) -> Figure:  # fmt: skip
    """Models by what they cost and what they reach; a line joins those that no other one beats."""
    x, y = sequence(costs), sequence(scores)
    if not len(names) == len(x) == len(y) > 0:
        raise ShapeError(
            "a cost and a score for each model", received=(len(x), len(y)), expected=len(names)
        )
    figure = new_figure(5.6, 3.8)
    axes = panel(figure, (1, 1), 0, "", cost, score)
    front = best_models(x, y)
    axes.plot(x[front], y[front], color=GREY, linestyle="--", linewidth=1.2)
    for i, name in enumerate(names):
        axes.plot([x[i]], [y[i]], "o", color=CYCLE[i % len(CYCLE)])
        axes.annotate(name, (x[i], y[i]), (5, -3), textcoords="offset points", fontsize=8)
    axes.set_xscale("log" if log_scale else "linear")
    axes.margins(0.15)
    return finished(figure, path)


def best_models(costs: np.ndarray, scores: np.ndarray) -> list[int]:
    """Those that none beats in score at the same cost or less, by rising cost (Pareto).

    >>> best_models(np.array([3, 1, 2, 2]), np.array([0.9, 0.5, 0.4, 0.8]))
    [1, 3, 0]
    """
    best, found = -np.inf, []
    for i in np.lexsort((-scores, costs)):
        if scores[i] > best:
            best = scores[i]
            found.append(int(i))
    return found
