"""The one place that knows matplotlib: figures that are never shown, only returned and saved.

They belong to no window system (no pyplot), so nothing opens and nothing needs closing; a notebook
shows what a cell ends with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graphc.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Path_ = str | Path | None

# Colours that people who see few colours can tell apart (Okabe and Ito 2008).
BLUE, ORANGE, GREEN, RED, GREY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#777777"
CYCLE = (BLUE, ORANGE, GREEN, "#cc79a7", "#56b4e9", RED, "#b8a200", "#000000")


@cache
def _figure_class() -> Callable[..., Figure]:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError(
            "matplotlib is not installed", fix='pip install "graphc[viz]"'
        ) from None
    return Figure


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    return _figure_class()(figsize=(width, height), layout="constrained")


def finished(figure: Figure, path: Path_) -> Figure:
    """The figure, written to the path if there is one; its end says the format.

    Raises:
        DataError: a path that cannot be written, or a format that there is not.
    """
    if path is not None:
        target = Path(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(target, dpi=130)
        except (OSError, ValueError) as error:
            raise DataError(f"the figure cannot be written: {error}", received=path) from None
    return figure


def panel(
    figure: Figure, grid: tuple[int, int], place: int, title: str = "", x: str = "", y: str = ""
) -> Axes:
    """Axes at a place of a grid (rows, columns), counted from 0, with a light grid of lines."""
    axes = figure.add_subplot(*grid, place + 1)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes


def picture(
    figure: Figure, grid: tuple[int, int], place: int, image: np.ndarray, title: str = "",
    **options: object,
) -> AxesImage:  # fmt: skip
    """An image without axes at a place of a grid."""
    axes = figure.add_subplot(*grid, place + 1)
    axes.set_axis_off()
    if title:
        axes.set_title(title, fontsize=8, pad=3)
    return axes.imshow(image, interpolation="nearest", **options)  # pyright: ignore


def grid_for(count: int, columns: int | None, most: int = 8) -> tuple[int, int]:
    """Rows and columns for some pictures, about as many of the one as of the other.

    >>> grid_for(10, None), grid_for(3, None), grid_for(7, 2), grid_for(0, None)
    ((2, 5), (1, 3), (4, 2), (1, 1))
    """
    if columns is None:
        rows = max(1, round((count / 2) ** 0.5)) if count > 3 else 1
        columns = min(most, -(-count // rows)) if count else 1
    return max(1, -(-count // columns)), columns


def sequence(values: object) -> np.ndarray:
    """Numbers in a row, as float64."""
    return np.asarray(values, np.float64).reshape(-1)


def named(titles: Sequence[object] | None, count: int) -> list[str]:
    """A title for each of some things; empty ones if there are none."""
    return [str(t) for t in titles] if titles is not None else [""] * count
