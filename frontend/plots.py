"""Pictures made with matplotlib, which is loaded when the first one is drawn."""

from __future__ import annotations

from pathlib import Path

from graphc.errors import MissingExtraError

from .callbacks.history import History


def plot_history(history: History, path: Path | str) -> None:
    """Write the curves of a `fit` as an image: loss at the left, metrics at the right.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError(
            "matplotlib is not installed", fix='pip install "graphc[viz]"'
        ) from None
    curves = history.history
    names = [n for n in curves if not n.startswith("val_")]
    groups = [["loss"], [n for n in names if n != "loss"]]
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    for place, group in enumerate(g for g in groups if g):
        axes = figure.add_subplot(1, 2, place + 1)
        for name in group:
            for shown, style in ((name, "-"), (f"val_{name}", "--")):
                if shown in curves:
                    axes.plot([e + 1 for e in history.epoch], curves[shown], style, label=shown)
        axes.set_xlabel("epoch")
        axes.legend()
    figure.savefig(path)
