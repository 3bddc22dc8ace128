"""Functions: activations with their derivatives, gradients of a surface and the way down it.

All values and derivatives come from graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from graphc.compiler import function
from graphc.diff.reverse import grad
from graphc.errors import ArgumentError
from graphc.frontend import activations
from graphc.ir.mode import evaluating_with
from graphc.ir.node import Tensor
from graphc.ir.tree import leaves
from graphc.ops import convert, elementwise, leaf, reduce
from graphc.ops.control import TensorTree, scan

from .figure import BLUE, GREY, ORANGE, RED, Path_, finished, grid_for, new_figure, panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Elementwise = Callable[[Tensor], Tensor]
Surface = Callable[[Tensor, Tensor], Tensor]
Span = tuple[float, float]

ACTIVATIONS = (
    "linear", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "softplus", "softsign",
    "gelu", "silu", "mish",
)  # fmt: skip


def plot_activations(
    functions: Sequence[str] | Mapping[str, Elementwise] = ACTIVATIONS, path: Path_ = None, *,
    span: Span = (-4.0, 4.0), derivative: bool = True, points: int = 401,
) -> Figure:  # fmt: skip
    """Activation functions f, by name or as functions of a tensor, with their derivatives f'."""
    given = (
        functions
        if isinstance(functions, Mapping)
        else {name: cast(Elementwise, activations.get(name)) for name in functions}
    )
    if not given:
        raise ArgumentError("there is nothing to draw", received=functions)
    x = np.linspace(*span, points, dtype=np.float32)
    values, slopes = _with_slopes(list(given.values()), x)
    rows, columns = grid_for(len(given), None, most=4)
    figure = new_figure(2.9 * columns, 2.5 * rows)
    for place, name in enumerate(given):
        axes = panel(figure, (rows, columns), place, name)
        axes.axhline(0, color=GREY, linewidth=0.6)
        axes.axvline(0, color=GREY, linewidth=0.6)
        axes.plot(x, values[place], color=BLUE, linewidth=1.8, label="f")
        if derivative:
            axes.plot(x, slopes[place], "--", color=ORANGE, linewidth=1.4, label="f'")
        axes.legend(fontsize=8, frameon=False, loc="upper left")
    return finished(figure, path)


def plot_gradient_field(
    surface: Surface, path: Path_ = None, *, x: Span = (-2.0, 2.0), y: Span = (-2.0, 2.0),
    count: int = 20,
) -> Figure:  # fmt: skip
    """A function f(x, y) as colours, and its gradient as arrows: the way of steepest increase."""
    fine, coarse = _mesh(x, y, 120), _mesh(x, y, count)
    heights, _, _ = _gradient(surface, *fine)
    _, across, up = _gradient(surface, *coarse)
    figure = new_figure(5.2, 4.4)
    axes = panel(figure, (1, 1), 0, "", "x", "y")
    colours = axes.contourf(*fine, heights, levels=24, cmap="viridis")
    figure.colorbar(colours, ax=axes, shrink=0.85)
    axes.quiver(*coarse, across, up, color="white", width=0.0035)
    axes.set_aspect("equal")
    return finished(figure, path)


def plot_descent(
    surface: Surface, start: Span, path: Path_ = None, *, rate: float = 0.1, steps: int = 30,
    x: Span = (-2.0, 2.0), y: Span = (-2.0, 2.0),
) -> Figure:  # fmt: skip
    """Gradient descent on f(x, y) from a start: on the surface, and on its lines of equal height.

    A negative rate climbs.
    """
    way = descent_path(surface, start, rate, steps)
    mesh = _mesh(x, y, 80)
    heights, _, _ = _gradient(surface, *mesh)
    on_it, _, _ = _gradient(surface, way[:, 0], way[:, 1])
    figure = new_figure(9.4, 4.2)
    solid = figure.add_subplot(1, 2, 1, projection="3d")
    solid.plot_surface(*mesh, heights, cmap="viridis", alpha=0.75, linewidth=0)  # pyright: ignore
    solid.plot(way[:, 0], way[:, 1], on_it, color=RED, marker=".", markersize=4)
    solid.tick_params(labelsize=7)
    axes = panel(figure, (1, 2), 1, f"{steps} steps of rate {rate:g}", "x", "y")
    axes.contour(*mesh, heights, levels=24, cmap="viridis", linewidths=0.9)
    axes.plot(way[:, 0], way[:, 1], color=RED, marker=".", markersize=5, linewidth=1.2)
    axes.plot(*way[0], "o", color=GREY, markersize=6, label="start")
    axes.set_xlim(*x)
    axes.set_ylim(*y)
    axes.legend(fontsize=8, frameon=False)
    return finished(figure, path)


def descent_path(surface: Surface, start: Span, rate: float, steps: int) -> np.ndarray:
    """The points (x, y) of gradient descent, with the start: (steps + 1, 2).

    >>> descent_path(lambda x, y: x * x + y * y, (1.0, -2.0), 0.25, 2).tolist()
    [[1.0, -2.0], [0.5, -1.0], [0.25, -0.5]]
    """
    if steps < 1:
        raise ArgumentError("steps is a positive number", received=steps)

    def step(at: TensorTree, _: TensorTree) -> tuple[TensorTree, TensorTree]:
        point = convert.as_tensor(at)  # pyright: ignore[reportArgumentType]
        (slope,) = leaves(grad(surface(point[0], point[1]), point))
        return point - rate * slope, point

    with evaluating_with(None):
        last, way = scan(step, leaf.constant(np.asarray(start, np.float32)), None, steps)
        found = function([], (last, way), name="descent")()
    return np.concatenate([found[1], found[0][None]])  # pyright: ignore


def _mesh(x: Span, y: Span, count: int) -> tuple[np.ndarray, np.ndarray]:
    across, up = (np.linspace(*span, count, dtype=np.float32) for span in (x, y))
    return tuple(np.meshgrid(across, up))  # pyright: ignore[reportReturnType]


def _gradient(surface: Surface, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """f, df/dx and df/dy at all points."""
    with evaluating_with(None):
        a, b = leaf.constant(x), leaf.constant(y)
        z = convert.broadcast_to(surface(a, b), a.shape)
        outputs = (z, *leaves(grad(reduce.sum(z), (a, b))))
        return list(function([], outputs, name="surface")())  # pyright: ignore


def _with_slopes(
    functions: Sequence[Elementwise], x: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """f(x) and f'(x) of each function."""
    with evaluating_with(None):
        points = leaf.constant(x)
        values = [elementwise.mul(f(points), 1.0) for f in functions]
        slopes = [leaves(grad(reduce.sum(v), points))[0] for v in values]
        found = leaves(function([], (*values, *slopes), name="activations")())  # pyright: ignore
    return found[: len(values)], found[len(values) :]  # pyright: ignore[reportReturnType]
