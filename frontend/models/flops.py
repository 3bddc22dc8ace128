"""What a model computes for one example: floating point operations, in all and layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast, runtime_checkable

from graphc.debug.flops import flops_of
from graphc.errors import ModeError, ShapeError
from graphc.frontend.effects import collecting_effects
from graphc.frontend.layers.layer import Layer, inside_of_calls
from graphc.frontend.layers.spec import BuildShape
from graphc.ir.dim import Size, evaluate, names_of
from graphc.ir.graph import topological
from graphc.ir.mode import evaluating_with
from graphc.ir.node import Node, Tensor
from graphc.ir.tree import Tree, leaves
from graphc.ops.leaf import placeholder

from .wiring import Wiring

Shapes = BuildShape | Sequence[BuildShape] | None


@runtime_checkable
class Wired(Protocol):
    """A model, as far as its description needs it."""

    wiring: Wiring | None

    @property
    def layers(self) -> list[Layer]:
        """The layers that it is made of."""
        ...


def count_flops(model: Layer, input_shape: Shapes = None) -> int:
    """The floating point operations of one forward pass in inference.

    A product with its sum counts 2, every other operation on a number 1 (a transcendental function
    too), movement of numbers 0: so a convolution counts 2 * out_height * out_width * filters *
    kernel_height * kernel_width * in_channels, and as much as its outputs for the bias.
    `input_shape` has the batch in front, as in `build`, or is a list of such shapes; a batch of
    None is one example. A model that knows its inputs needs none.

    >>> from graphc.frontend.layers import Dense
    >>> count_flops(Dense(5), (None, 3)), count_flops(Dense(5, activation="tanh"), (2, 3))
    (35, 80)

    Raises:
        ModeError: the shape of the input is not known.
        ShapeError: a size besides the batch is not known.
    """
    inputs = _inputs(model, input_shape)
    _check_sizes(leaves(inputs))
    with evaluating_with(None), collecting_effects(), inside_of_calls():
        outputs = model(inputs, training=False)
    return _number(flops_of(topological(leaves(outputs))))


def flops_of_layers(model: Wired) -> dict[Layer, int]:
    """The operations of each layer for one example; all its calls together.

    What lies between the layers belongs to the next one.
    """
    if model.wiring is None:
        return {}
    found: dict[Layer, int] = {}
    seen: set[Node] = set()

    def met(layer: Layer, results: list[Tensor]) -> None:
        new = [node for node in topological(results) if node not in seen]
        seen.update(new)
        found[layer] = found.get(layer, 0) + _number(flops_of(new))

    inputs = model.wiring.inputs
    _check_sizes(leaves(inputs))
    with evaluating_with(None), collecting_effects(), inside_of_calls():
        model.wiring.run(inputs, met)
    return found


def _inputs(model: Layer, shapes: Shapes) -> Tree[Tensor]:
    """Placeholders for the inputs of a model or layer, of known shapes."""
    if shapes is None and isinstance(model, Wired) and model.wiring is not None:
        return model.wiring.inputs
    shape = model.declared_shape if shapes is None else shapes
    if shape is None:
        raise ModeError(
            f"the shape of the input of {model.name} is not known",
            fix="count_flops(input_shape=(None, 28, 28, 1)), with the batch in front",
        )
    if all(isinstance(size, int | None) for size in shape):
        return placeholder(cast(BuildShape, shape), model.dtype)
    return [placeholder(cast(BuildShape, s), model.dtype) for s in shape]


def _check_sizes(inputs: Sequence[Tensor]) -> None:
    """All sizes but the batch are numbers."""
    for x in inputs:
        if not all(isinstance(size, int) for size in x.shape[1:]):
            raise ShapeError(
                "the operations depend on a size that is not known",
                received=x.shape,
                fix="count_flops(input_shape=...) with numbers for all sizes but the batch",
            )


def _number(count: Size) -> int:
    """The operations where every batch that is not known is 1."""
    return evaluate(count, dict.fromkeys(names_of(count), 1))
