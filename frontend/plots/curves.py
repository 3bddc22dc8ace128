"""Curves of training: losses and metrics by epoch, learning rates by step, errors by capacity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from graphc.errors import ArgumentError, ShapeError
from graphc.frontend.callbacks.history import History
from graphc.frontend.diagnose.curves import Given, found_name, is_accuracy, lists_of
from graphc.frontend.eager import eager
from graphc.frontend.optimizers.schedules import LearningRateSchedule
from graphc.ops.convert import as_tensor

from .figure import BLUE, GREY, ORANGE, RED, Path_, finished, grid_for, new_figure, panel, sequence

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RATES = ("learning_rate", "lr")
_NO_CURVE = ("epoch", *_RATES)


def plot_history(
    history: Given, path: Path_ = None, *, metrics: Sequence[str] | None = None,
    log_scale: bool = False, best: bool = True,
) -> Figure:  # fmt: skip
    """The curves of a `fit`, one panel for the loss and for each metric; validation is dashed.

    `history` is what `fit` returns, its dict of lists, or the file of a CSVLogger. `metrics`
    chooses panels by name; acc and accuracy are one. The epoch at which the validation loss (or the
    loss) is lowest is marked. A learning rate in the history gets a panel of its own.
    `log_scale` is not for shares of right answers.

    Raises:
        MissingExtraError: matplotlib is not installed.
        UnknownNameError: the history has no such metric.
        ArgumentError: nothing to draw.
    """
    lists = lists_of(history)
    epochs = _epochs(history, lists)
    base = [n for n in lists if not n.startswith("val_") and n not in _NO_CURVE]
    shown = base if metrics is None else [found_name(lists, name) for name in metrics]
    rates = [n for n in _RATES if n in lists][:1] if metrics is None else []
    if not (shown or rates) or not len(epochs):
        raise ArgumentError("the history has no numbers to draw", received=", ".join(lists) or "{}")
    marked = _best(lists) if best else None
    rows, columns = grid_for(len(shown) + len(rates), None, most=4)
    figure = new_figure(4.3 * columns, 3.3 * rows)
    for place, name in enumerate([*shown, *rates]):
        axes = panel(figure, (rows, columns), place, name, "epoch")
        for label, style, colour in ((name, "-", BLUE), (f"val_{name}", "--", ORANGE)):
            if label in lists:
                axes.plot(epochs, lists[label], style, color=colour, label=label, linewidth=1.6,
                          marker="." if len(epochs) < 25 else None)  # fmt: skip
        if marked is not None and name not in rates:
            _mark(axes, lists, name, int(epochs[marked]), marked)
        if name in rates or (log_scale and not is_accuracy(name)):
            axes.set_yscale("log")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(fontsize=8, frameon=False)
    return finished(figure, path)


def plot_schedule(
    schedule: LearningRateSchedule | Callable[[int], float], steps: int, path: Path_ = None, *,
    log_scale: bool = False, points: int = 1000,
) -> Figure:  # fmt: skip
    """The learning rate of a schedule, or of a function of the step, at steps 0 to `steps` - 1."""
    if steps < 1:
        raise ArgumentError("steps is a positive number", received=steps)
    at = np.unique(np.linspace(0, steps - 1, min(steps, points)).astype(np.int64))
    with eager("reference"):
        rates = [float(as_tensor(schedule(int(step))).numpy()) for step in at]
    figure = new_figure(5.5, 3.2)
    axes = panel(figure, (1, 1), 0, "", "step", "learning rate")
    axes.plot(at, rates, color=BLUE, linewidth=1.6)
    axes.set_yscale("log" if log_scale else "linear")
    return finished(figure, path)


def plot_complexity(
    capacities: Sequence[float], train: Sequence[float], validation: Sequence[float],
    path: Path_ = None, *, capacity: str = "capacity of the model", error: str = "error",
    log_scale: bool = False,
) -> Figure:  # fmt: skip
    """Training and validation error by the capacity of the model; where the latter is lowest.

    Left of it the model underfits (both are large), right of it it overfits (they part).
    """
    x, curves = sequence(capacities), (sequence(train), sequence(validation))
    if not len(x) or any(len(y) != len(x) for y in curves):
        raise ShapeError(
            "an error for each capacity", received=[len(y) for y in curves], expected=len(x)
        )
    figure = new_figure(5.5, 3.6)
    axes = panel(figure, (1, 1), 0, "", capacity, error)
    for y, colour, label in zip(curves, (BLUE, ORANGE), ("training", "validation")):
        axes.plot(x, y, color=colour, marker="o", markersize=3.5, linewidth=1.6, label=label)
    best = float(x[int(np.nanargmin(curves[1]))])
    axes.axvline(best, color=GREY, linestyle=":", linewidth=1.2, label=f"best: {best:g}")
    axes.set_title("underfitting", fontsize=9, color=GREY, loc="left")
    axes.set_title("overfitting", fontsize=9, color=GREY, loc="right")
    axes.set_yscale("log" if log_scale else "linear")
    axes.legend(fontsize=8, frameon=False)
    return finished(figure, path)


def _epochs(history: Given, lists: dict[str, np.ndarray]) -> np.ndarray:
    """The numbers of the epochs, from 1 on as progress bars count them."""
    length = max((len(y) for n, y in lists.items() if n != "epoch"), default=0)
    if isinstance(history, History):
        counted = np.asarray(history.epoch)
    else:
        counted = lists.get("epoch", np.arange(length))
    # Several fits into one history count from 0 again.
    whole = len(counted) == length
    return np.arange(1, length + 1) if not whole else counted.astype(np.int64) + 1


def _best(lists: dict[str, np.ndarray]) -> int | None:
    curve = lists.get("val_loss", lists.get("loss"))
    if curve is None or not np.isfinite(curve).any():
        return None
    return int(np.nanargmin(np.where(np.isfinite(curve), curve, np.nan)))


def _mark(axes: Axes, lists: dict[str, np.ndarray], name: str, epoch: int, at: int) -> None:
    values = lists.get(f"val_{name}", lists[name])
    axes.axvline(epoch, color=GREY, linestyle=":", linewidth=1.0)
    axes.plot([epoch], [values[at]], "o", color=RED, markersize=5,
              label=f"best: epoch {epoch} ({values[at]:.4g})")  # fmt: skip
