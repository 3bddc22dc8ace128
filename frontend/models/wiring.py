"""How a model leads from its inputs to its outputs: calls of layers, and operations between them.

It is read off the graph that the calls left (`layers/calls.py`), and done again for other inputs:
with arrays or tensors, in training or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from graphc.errors import ArgumentError, ShapeError
from graphc.frontend.layers.calls import Call, call_of
from graphc.frontend.layers.layer import Layer
from graphc.frontend.layers.shaping import InputLayer
from graphc.ir.dim import Dim, Size, names_of
from graphc.ir.graph import Graph, graph, rewrite, substitute
from graphc.ir.mode import build
from graphc.ir.node import Node, Tensor
from graphc.ir.tree import Tree, leaves, like
from graphc.ops import convert, movement
from graphc.ops.leaf import placeholder, placeholder_op
from graphc.passes.unify_sizes import with_sizes

Known = dict[Tensor, Tensor]
Met = Callable[[Layer, list[Tensor]], None]


@final
class Wiring:
    """The calls between inputs and outputs, each after those that it needs."""

    def __init__(self, inputs: Tree[Tensor], outputs: Tree[Tensor]) -> None:
        self.inputs, self.outputs = inputs, outputs
        begin = leaves(inputs)
        if wrong := [t for t in begin if t.node.op is not placeholder_op and not call_of(t.node)]:
            raise ArgumentError(
                "a model begins at an Input or at the output of a layer",
                received=", ".join(map(repr, wrong)),
            )
        self.steps = _steps(begin, leaves(outputs))
        self.last = Between(leaves(outputs), {*begin, *(t for s in self.steps for t in s.results)})

    def layers(self) -> list[Layer]:
        """The inputs as layers, then the layers, each once.

        The longer the way from a layer to the outputs, the earlier it comes; then in the order in
        which the outputs need them.
        """
        depths: dict[Layer, int] = {}
        makers = {t: step for step in self.steps for t in step.results}
        below: dict[Step, int] = {}
        for step in reversed(self.steps):
            depth = below.get(step, 0)
            depths[step.call.layer] = max(depth, depths.get(step.call.layer, 0))
            for t in step.arguments.needed:
                if t in makers:
                    below[makers[t]] = max(below.get(makers[t], 0), depth + 1)
        order = dict.fromkeys(step.call.layer for step in self.steps)
        inputs: list[Layer] = [InputLayer.of(t) for t in leaves(self.inputs)]
        return inputs + sorted(order, key=lambda layer: -depths[layer])

    def run(self, values: Tree[Tensor], met: Met = lambda layer, results: None) -> Tree[Tensor]:
        """The outputs for other inputs; `met` is told of each call in turn."""
        begin, flat = leaves(self.inputs), leaves(values)
        if len(begin) != len(flat):
            raise ArgumentError(
                "the model takes another number of inputs",
                received=len(flat),
                expected=len(begin),
            )
        known: Known = {a: _in_dtype_of(a, with_axes_of(a, b)) for a, b in zip(begin, flat)}
        sizes = dict(pair for a, b in known.items() for pair in sizes_between(a, b))
        for step in self.steps:
            met(step.call.layer, step.run(known, sizes))
        return like(self.outputs, self.last.at(known, sizes))  # pyright: ignore


@final
class Between:
    """Tensors that follow from known ones by operations alone."""

    def __init__(self, tensors: Sequence[Tensor], known: Iterable[Tensor]) -> None:
        self.tensors = tuple(tensors)
        self.graph: Graph | None = None
        stops = set(known)
        self.needed = _reached(self.tensors, stops)
        if not stops.issuperset(self.tensors):
            fresh = [placeholder(t.shape, t.dtype) for t in self.needed]
            self.graph = graph(fresh, substitute(self.tensors, dict(zip(self.needed, fresh))))

    def at(self, known: Known, sizes: Mapping[str, Size]) -> list[Tensor]:
        """The tensors, where known ones have these values and named sizes are these."""
        if self.graph is None:
            return [known[t] for t in self.tensors]
        region = with_sizes(self.graph, sizes)
        given = dict(zip(region.inputs, [known[t] for t in self.needed], strict=True))
        return rewrite(region.outputs, rebuilt, given)


@final
@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One call, the tensors in its arguments, and those of its results that are needed."""

    call: Call
    arguments: Between
    results: dict[Tensor, int]

    def run(self, known: Known, sizes: Mapping[str, Size]) -> list[Tensor]:
        """Call the layer, enter its results among what is known, and answer them."""
        values = iter(self.arguments.at(known, sizes))
        given = [_filled(value, values) for value in self.call.arguments]
        options = {name: _filled(value, values) for name, value in self.call.options.items()}
        results = leaves(self.call.layer(*given, **options))  # pyright: ignore
        known.update((t, results[i]) for t, i in self.results.items())
        return results


def _steps(begin: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[Step]:
    """The calls under the outputs, inputs first."""
    stop = {t.node for t in begin}
    results: dict[Call, dict[Tensor, int]] = {}
    done: set[Node] = set()
    stack = [(t.node, False) for t in reversed(outputs)]
    while stack:
        node, ready = stack.pop()
        if node in done or node in stop:
            continue
        made = call_of(node)
        needs = [t.node for t in _tensors(made[0])] if made else [t.node for t in node.inputs]
        if not ready:
            if node.op is placeholder_op:
                raise ArgumentError(
                    f"the outputs depend on {node.label}, which is not among the inputs",
                    fix="give Model(inputs=...) every Input that the outputs need",
                    source=node.source,
                )
            stack.append((node, True))
            stack.extend((n, False) for n in reversed(needs) if n not in done)
            continue
        done.add(node)
        if made:
            results.setdefault(made[0], {})[node.output()] = made[1]
    known = {*begin, *(t for found in results.values() for t in found)}
    return [Step(c, Between(_tensors(c), known), found) for c, found in results.items()]


def _tensors(call: Call) -> list[Tensor]:
    return [t for part in (call.arguments, call.options) for t in _in(part)]


def _in(value: object) -> Iterator[Tensor]:
    """The tensors in nested arguments, in the order of `_filled`."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _in(entry)
    elif isinstance(value, tuple | list):
        for entry in value:
            yield from _in(entry)


def _filled(value: object, tensors: Iterator[Tensor]) -> object:
    """The same arguments with other tensors."""
    if isinstance(value, Tensor):
        return next(tensors)
    if isinstance(value, Mapping):
        return {name: _filled(entry, tensors) for name, entry in value.items()}
    if isinstance(value, tuple | list):
        parts = [_filled(entry, tensors) for entry in value]
        return parts if isinstance(value, list) else tuple(parts)
    return value


def _reached(tensors: Iterable[Tensor], stops: set[Tensor]) -> list[Tensor]:
    """Which of `stops` the tensors follow from, without what lies below those."""
    found: dict[Tensor, None] = {}
    stack, seen = list(tensors), set[Tensor]()
    while stack:
        t = stack.pop()
        if t in stops:
            found[t] = None
        elif t not in seen:
            seen.add(t)
            stack.extend(t.node.inputs)
    return list(found)


def rebuilt(node: Node, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
    """In eager mode what is built again is computed."""
    return None if "leaf" in node.op.traits else build(node.op, inputs, node.attrs)


def with_axes_of(declared: Tensor, given: Tensor) -> Tensor:
    """A value with the number of axes that its input declares: columns are rows of one number."""
    if given.ndim == declared.ndim + 1 and given.shape[-1] == 1:
        return movement.squeeze(given, -1)
    if given.ndim == declared.ndim - 1 and declared.shape[-1] == 1:
        return movement.expand_dims(given, -1)
    return given


def _in_dtype_of(declared: Tensor, given: Tensor) -> Tensor:
    """A value as numbers of the kind that its input declares; floats stay as they are."""
    both = declared.dtype.is_float and given.dtype.is_float
    return given if both else convert.cast(given, declared.dtype)


def sizes_between(declared: Tensor, given: Tensor) -> Iterator[tuple[str, Size]]:
    """What the named sizes of an input are for a value of it."""
    if declared.ndim != given.ndim:
        raise ShapeError(
            f"the input {declared.name} has another number of axes",
            received=given.shape,
            expected=declared.shape,
        )
    for name, size in zip(declared.shape, given.shape):
        if isinstance(name, Dim):
            if names_of(name) == {str(name)}:
                yield str(name), size
        elif isinstance(size, int) and size != name:
            raise ShapeError(
                f"the input {declared.name} has another shape",
                received=given.shape,
                expected=declared.shape,
            )
