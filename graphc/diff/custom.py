"""Functions with a gradient of their own, for when the one that follows from the ops is not wanted.

The function becomes one `call` op with a backward region, so it works in loops, in both modes, and
is differentiated again through its backward region.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps

from graphc.errors import DifferentiationError
from graphc.ir.graph import Graph, graph, substitute
from graphc.ir.mode import build, inside_region
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves, like
from graphc.ops.control import call_op, trace_together, types_of
from graphc.ops.convert import TensorLike, as_tensor

from .linearize import parameters
from .reverse import matching
from .rules import zeros_like

Cotangents = TensorLike | Sequence[TensorLike | None] | None
Backward = Callable[..., Cotangents]
Function = Callable[..., tuple[Tree[Tensor], Backward]]


def custom_gradient(function: Function) -> Callable[..., Tree[Tensor]]:
    """A decorator: `function(*inputs)` answers its result and a function of the cotangents.

    That one takes one cotangent per result and answers one per input, None for zero. Tensors from
    outside may be used, but asking for the derivative by one of them is an error.

    Raises:
        DifferentiationError: a backward function that does not answer one cotangent per input.

    >>> from graphc.ops import elementwise, leaf
    >>> @custom_gradient
    ... def softplus(x):
    ...     e = elementwise.exp(x)
    ...     return elementwise.log(1 + e), lambda ct: ct * e / (1 + e)
    >>> softplus(leaf.zeros((3,))).shape
    (3,)
    """

    @wraps(function)
    def run(*inputs: TensorLike) -> Tree[Tensor]:
        given = [as_tensor(x) for x in inputs]
        body, backward, captured, form = _traced(function, given)
        outputs = build(call_op, (*given, *captured), {"body": body, "backward": backward})
        return like(form, outputs)

    return run


def _traced(
    function: Function, given: Sequence[Tensor]
) -> tuple[Graph, Graph, list[Tensor], Tree[Tensor]]:
    """The body, its backward region, the outside tensors of both, and the form of the result."""
    count = len(given)
    forms: list[Tree[Tensor]] = []

    def forward(*flat: Tensor) -> list[Tensor]:
        forms[:] = [function(*flat[:count])[0]]
        return leaves(forms[0])

    def backward(*flat: Tensor) -> list[Tensor]:
        result, pull = function(*flat[:count])
        results = leaves(result)
        first = count + len(results)
        cts = _one_each(pull(*flat[first:]), flat[:count])
        return substitute(cts, dict(zip(results, flat[count:first])))

    inputs = types_of(given)
    (first,), _ = trace_together([forward], inputs)
    kinds = types_of(first.outputs)
    (ahead, back), captured = trace_together([forward, backward], [*inputs, *kinds, *kinds])
    own, rest, extra = _cut(ahead.inputs, count, count + 2 * len(kinds))
    with inside_region() as depth:
        body = _renamed(depth, [*own, *extra], ahead.outputs)
        return body, _renamed(depth, [*own, *extra, *rest], back.outputs), captured, forms[0]


def _one_each(found: Cotangents, inputs: Sequence[Tensor]) -> list[Tensor]:
    cts = list(found) if isinstance(found, tuple | list) else [found]
    if len(cts) != len(inputs):
        raise DifferentiationError(
            "a custom gradient answers one cotangent per input",
            received=f"{len(cts)} cotangents",
            expected=f"{len(inputs)}, with None for zero",
        )
    full = [zeros_like(x) if ct is None else ct for ct, x in zip(cts, inputs)]
    return matching("cotangent", full, "input", inputs)  # pyright: ignore[reportArgumentType]


def _renamed(depth: int, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Graph:
    """A closed graph whose parameters are numbered in the order of `inputs`."""
    places = parameters(depth, types_of(inputs))
    return graph(places, substitute(outputs, dict(zip(inputs, places))))


def _cut(items: Sequence[Tensor], *ends: int) -> list[Sequence[Tensor]]:
    return [items[a:b] for a, b in zip((0, *ends), (*ends, len(items)))]
