"""Mean and variance of the same values in one pass over them, as batch normalisation needs them."""

from __future__ import annotations

from graphc.dtypes import float32, float64
from graphc.ir.graph import Graph, graph, rewrite
from graphc.ir.node import Node, Tensor
from graphc.ops.convert import cast
from graphc.ops.elementwise import maximum, mul, square, sub
from graphc.ops.reduce import mean as mean_over
from graphc.ops.reduce import sum as sum_over
from graphc.ops.reduce import sum_op
from graphc.provenance import building_for
from graphc.rewrite.movement import axes_of
from graphc.rewrite.statistics import mean_beneath

from .options import Options
from .regions import everywhere

Key = tuple[Tensor, tuple[int, ...]]


def join_moments(given: Graph, options: Options) -> Graph:
    """The sum of squares around the mean does not wait for the mean.

    sum((x - mean(x))**2)  ->  max(sum(x**2) - sum(x) * mean(x), 0)

    in float64, where nothing cancels that float32 could have held: the square of a float32 is exact
    there, so the variance keeps 7 digits while |mean| < 10**4 deviations. Only for float32 and sums
    along which memory does not run; rows are read again from the nearest cache anyway.
    """
    return everywhere(given, _joined) if options.fast_math else given


def _joined(given: Graph) -> Graph:
    squares = {node: key for node in given.nodes if (key := _squares_around_mean(node))}
    wanted = set(squares.values())
    if not wanted:
        return given

    def replace(node: Node, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        if node.op is not sum_op:
            return None
        with building_for(node.source):
            if node in squares:
                centred = inputs[0].node.inputs[0]
                return (_around_mean(centred.node.inputs[0], axes_of(node)),)
            if (node.inputs[0], axes_of(node)) in wanted:
                return (cast(sum_over(cast(inputs[0], float64), axes_of(node)), float32),)
        return None

    return graph(given.inputs, rewrite(given.outputs, replace))


def _squares_around_mean(node: Node) -> Key | None:
    """x and the axes if the node is sum((x - mean(x))**2)."""
    if node.op is not sum_op or node.types[0].dtype is not float32:
        return None
    inner, axes = node.inputs[0].node, axes_of(node)
    if inner.op is not mul or inner.inputs[0] is not inner.inputs[1]:
        return None
    centred = inner.inputs[0].node
    if centred.op is not sub or len(centred.types[0].shape) - 1 in axes:
        return None
    x, centre = centred.inputs
    return (x, axes) if mean_beneath(centre, axes) is x else None


def _around_mean(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    wide = cast(x, float64)
    spread = sub(sum_over(square(wide), axes), mul(sum_over(wide, axes), mean_over(wide, axes)))
    return cast(maximum(spread, 0), float32)
