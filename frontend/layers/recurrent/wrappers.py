"""Layers around a layer: each time step by itself, both directions of time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack, cast, final

from graphc.errors import ArgumentError, ShapeError
from graphc.frontend.layers.binding import parameters_of
from graphc.frontend.layers.layer import Layer
from graphc.frontend.layers.registry import Given, copied, layer_of
from graphc.frontend.layers.spec import BuildShape, LayerOptions
from graphc.frontend.layers.wrapper import Wrapper
from graphc.ir.dim import may_equal, product
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves
from graphc.ops import elementwise, movement

from .rnn import RNN


@final
class TimeDistributed(Wrapper):
    """A layer at every time step: (batch, steps, ...) -> (batch, steps, ...), the same weights.

    The steps become part of the batch, so the layer runs once on batch * steps examples.

    >>> from graphc.frontend.layers import Dense
    >>> from graphc.ops.leaf import placeholder
    >>> TimeDistributed(Dense(3))(placeholder((None, 5, 4))).shape[1:]
    (5, 3)
    """

    supports_masking = True

    def build(self, input_shape: BuildShape) -> None:
        if len(input_shape) < 3:
            raise ShapeError(
                f"{self.name} takes sequences",
                received=input_shape,
                expected="(batch, steps, ...)",
            )
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        batch, steps, *rest = inputs.shape
        flat = movement.reshape(inputs, (product((batch, steps)), *rest))
        if mask is not None:
            self._check(mask, inputs)
        if mask is not None and "mask" in parameters_of(type(self.layer), "call").names:
            flat_mask = movement.reshape(mask, (product((batch, steps)), *mask.shape[2:]))
            y = self.layer(flat, mask=flat_mask)
        else:
            y = self.layer(flat)
        return movement.reshape(y, (batch, steps, *y.shape[1:]))

    def _check(self, mask: Tensor, inputs: Tensor) -> None:
        fits = all(may_equal(a, b) for a, b in zip(mask.shape[:2], inputs.shape[:2]))
        if mask.ndim < 2 or not fits:
            raise ShapeError(
                f"the mask of {self.name} has a number for each step of each example",
                received=mask.shape,
                expected=inputs.shape[:2],
            )


Merge = Callable[[Tensor, Tensor], Tensor]
MERGES: dict[str, Merge] = {
    "concat": lambda a, b: movement.concat([a, b], -1),
    "sum": elementwise.add,
    "mul": elementwise.mul,
    "ave": lambda a, b: elementwise.mul(elementwise.add(a, b), 0.5),
}


@final
class Bidirectional(Layer):
    """A recurrent layer along time and a second one against it (Schuster and Paliwal 1997).

    `merge_mode` says what becomes of the two outputs: "concat", "sum", "mul", "ave", or None for
    both. `backward_layer` is a copy of the layer that goes backwards, where none is given. With
    `return_state` the states of the first layer come after the output, then those of the second.

    >>> from graphc.ops.leaf import placeholder
    >>> from .layers import LSTM
    >>> Bidirectional(LSTM(8, return_sequences=True))(placeholder((None, 5, 4))).shape[1:]
    (5, 16)
    """

    supports_masking = True

    def __init__(
        self, layer: Given, merge_mode: str | None = "concat", weights: list[object] | None = None,
        backward_layer: Given | None = None, **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        forward = layer_of(layer)
        options.setdefault("name", f"bidirectional_{forward.name}")
        super().__init__(**options)
        if merge_mode is not None and merge_mode not in MERGES:
            raise ArgumentError(
                "no such merge_mode", received=repr(merge_mode), expected=f"{', '.join(MERGES)}"
            )
        self.merge_mode = merge_mode
        self.forward_layer = _recurrent(copied(forward, name=f"forward_{forward.name}"))
        backwards = not self.forward_layer.go_backwards
        self.backward_layer = _recurrent(
            copied(forward, name=f"backward_{forward.name}", go_backwards=backwards)
            if backward_layer is None
            else layer_of(backward_layer)
        )
        if self.backward_layer.go_backwards != backwards:
            raise ArgumentError("the two layers of Bidirectional go in opposite directions")
        self.initial_weights = weights

    def build(self, input_shape: BuildShape) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            layer.build(input_shape)
        if self.initial_weights is not None:
            self.set_weights(self.initial_weights)

    def call(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, sequences: Tree[Tensor], initial_state: Tree[Tensor] = None,
        mask: Tree[Tensor] = None, training: bool = False,
    ) -> Tree[Tensor]:  # fmt: skip
        x, *more = leaves(sequences)
        given = more or leaves(initial_state)
        half = len(given) // 2
        ways = (self.forward_layer, given[:half]), (self.backward_layer, given[half:])
        found = [
            leaves(layer(x, initial_state=own or None, mask=_first(mask), training=training))
            for layer, own in ways
        ]
        (y, *ahead), (z, *back) = found
        if self.forward_layer.return_sequences:
            z = movement.flip(z, 1)
        outputs = (y, z) if self.merge_mode is None else (MERGES[self.merge_mode](y, z),)
        states = (*ahead, *back)
        return (*outputs, *states) if states or self.merge_mode is None else outputs[0]

    def compute_mask(self, inputs: Tree[Tensor], mask: Tree[Tensor] = None) -> Tensor | None:
        return self.forward_layer.compute_mask(inputs, mask)

    def reset_state(self) -> None:
        """Both layers begin anew."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()


def _recurrent(layer: Layer) -> RNN:
    if not isinstance(layer, RNN):
        raise ArgumentError("Bidirectional takes a recurrent layer", received=repr(layer))
    return layer


def _first(mask: Tree[Tensor] = None) -> Tensor | None:
    return cast("Tensor | None", next(iter(mask), None) if isinstance(mask, list | tuple) else mask)
