"""What the rows of a summary say: layers, shapes, numbers of weights, and what leads where."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphc.errors import ArgumentError, UnknownNameError
from graphc.frontend.layers.layer import Layer
from graphc.frontend.layers.shaping import InputLayer
from graphc.frontend.layers.spec import build_shape
from graphc.ir.node import Tensor
from graphc.ir.tree import leaves
from graphc.ops.variable import Variable

from .flops import Wired, count_flops, flops_of_layers
from .wiring import Step, Wiring

UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Options:
    """What a summary shows besides: layers of layers, columns, and only layers in a range."""

    nested: bool = False
    trainable: bool = False
    flops: bool = False
    layer_range: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A layer as lines of cells: the first line, and more of them for more connections."""

    cells: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """All rows; `connected` where the model is no chain, so that rows say what they follow."""

    rows: tuple[Row, ...]
    connected: bool
    flops: int | None


def rows_of(model: Layer, options: Options) -> Table:
    """The table of a model."""
    wiring = model.wiring if isinstance(model, Wired) else None
    connected = wiring is not None and not is_chain(wiring)
    rows = _rows(model, options, connected, set(model.trainable_weights), 0)
    # A model without known inputs has no number of operations.
    flops = count_flops(model) if options.flops and wiring is not None else None
    return Table(tuple(rows), connected, flops)


def is_chain(wiring: Wiring) -> bool:
    """Whether each layer is called once, on the output of the one before alone."""
    layers = [step.call.layer for step in wiring.steps]
    before = [dict.fromkeys(leaves(wiring.inputs)), *(step.results for step in wiring.steps)]
    needs = [step.arguments.needed for step in wiring.steps]
    follows = all(len(n) == 1 and n[0] in made for n, made in zip(needs, before))
    return follows and len(before[0]) == 1 and len(set(layers)) == len(layers)


def layers_between(layers: Sequence[Layer], names: Sequence[str] | None) -> Sequence[Layer]:
    """The layers from the first that matches one pattern to the last that matches the other.

    Raises:
        ArgumentError: not two patterns.
        UnknownNameError: no layer has such a name.
    """
    if names is None:
        return layers
    if isinstance(names, str) or len(names) != 2 or not all(isinstance(n, str) for n in names):
        raise ArgumentError(
            "layer_range is the first and the last name, or patterns of them",
            received=repr(names),
        )
    found = [[i for i, layer in enumerate(layers) if re.match(n, layer.name)] for n in names]
    if not all(found):
        raise UnknownNameError(
            "no layer has that name",
            received=", ".join(n for n, places in zip(names, found) if not places),
            expected=", ".join(layer.name for layer in layers),
        )
    first, last = found[0][0], found[1][-1]
    if first > last:
        first, last = found[1][0], found[0][-1]
    return layers[first : last + 1]


# ---------------------------------------------------------------------------- one model


def _rows(
    model: Layer, options: Options, connected: bool, trained: set[Variable], depth: int
) -> list[Row]:
    """The rows of the layers of a model; a nested one's are further to the right."""
    layers = model.layers if isinstance(model, Wired) else model.sublayers
    wiring = model.wiring if isinstance(model, Wired) else None
    shapes = _shapes(wiring)
    links = _links(wiring) if wiring and connected and not depth else {}
    work = flops_of_layers(model) if options.flops and isinstance(model, Wired) else {}
    found: list[Row] = []
    for layer in layers_between(layers, options.layer_range if not depth else None):
        title = f"{'   ' * depth}{'└ ' if depth else ''}{layer.name} ({type(layer).__name__})"
        cells = [title, shapes.get(layer, _shape(layer)), _count(layer)]
        more = [_trainable(layer, trained)] if options.trainable else []
        if options.flops:
            more.append(str(work.get(layer, 0)) if work else UNKNOWN)
        follows = (links.get(layer) or [""]) if connected else []
        first = (*cells, *follows[:1], *more)
        rest = [("", "", "", name, *("" for _ in more)) for name in follows[1:]]
        found.append(Row((first, *rest)))
        if options.nested and isinstance(layer, Wired):
            found += _rows(layer, options, connected, trained, depth + 1)
    return found


def _shapes(wiring: Wiring | None) -> dict[Layer, str]:
    """The shapes of symbolic results, which later calls on data do not change."""
    found: dict[Layer, dict[Tensor, None]] = {}
    for step in wiring.steps if wiring else ():
        found.setdefault(step.call.layer, {}).update(dict.fromkeys(step.results))
    return {
        layer: ", ".join(dict.fromkeys(_text(build_shape(t.shape)) for t in results))
        for layer, results in found.items()
    }


def _shape(layer: Layer) -> str:
    return _text(layer.output_shape) if layer.output_shape is not None else UNKNOWN


def _text(shape: Sequence[int | None]) -> str:
    return str(tuple(shape))


def _count(layer: Layer) -> str:
    unbuilt = not layer.built and not isinstance(layer, InputLayer)
    return "0 (unbuilt)" if unbuilt else str(layer.count_params())


def _trainable(layer: Layer, trained: set[Variable]) -> str:
    if not layer.weights:
        return "-"
    return "N" if trained.isdisjoint(layer.weights) else "Y"


def _links(wiring: Wiring) -> Mapping[Layer, list[str]]:
    """What each layer was called on: name[which call][which output]."""
    numbers = {step: _call_number(step) for step in wiring.steps}
    names = {t: f"{t.name}[0][0]" for t in leaves(wiring.inputs)}
    for step, number in numbers.items():
        for t, output in step.results.items():
            names[t] = f"{step.call.layer.name}[{number}][{output}]"
    found: dict[Layer, list[str]] = {}
    for step in sorted(wiring.steps, key=numbers.__getitem__):
        given = step.arguments
        order = dict.fromkeys([*(t for t in given.tensors if t in names), *given.needed])
        found.setdefault(step.call.layer, []).extend(names[t] for t in order)
    return found


def _call_number(step: Step) -> int:
    """Which of the calls of its layer a step is."""
    return [made.call for made in step.call.layer.symbolic_calls].index(step.call)
