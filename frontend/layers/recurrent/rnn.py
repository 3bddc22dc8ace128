"""The loop of a recurrent layer: a cell along the time axis, compiled as one scan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack, cast

import numpy as np

from graphc.errors import ArgumentError, ShapeError
from graphc.frontend import effects, regularizers
from graphc.frontend.layers.layer import Layer
from graphc.frontend.layers.members import Memory
from graphc.frontend.layers.registry import Given, layer_of
from graphc.frontend.layers.spec import BaseOptions, BuildShape
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves
from graphc.ops import control, convert, leaf, movement
from graphc.ops.elementwise import where
from graphc.ops.variable import variable

from .cells import Cell, StackedRNNCells, States, initial_states, output_size_of, sizes_of, step_of


class RNNOptions(BaseOptions, total=False):
    """The keywords of recurrent layers that do not list the first among their own."""

    zero_output_for_mask: bool


class RNN(Layer):
    """A cell along the second axis: (batch, steps, features) -> (batch, units).

    With `return_sequences` the outputs of all steps, (batch, steps, units); with `return_state` the
    last states after the output. `go_backwards` begins at the last step (outputs stand in the order
    in which they are made). `stateful` begins where the last batch ended, until `reset_state`.
    `unroll` writes the steps out instead of a loop. Steps that the mask leaves out keep state and
    output; with `zero_output_for_mask` their output is 0.

    A cell is a layer with `state_size` and `call(inputs, states) -> (output, states)`; a list of
    cells is stacked.

    >>> from .cells import SimpleRNNCell
    >>> layer = RNN(SimpleRNNCell(8), return_sequences=True)
    >>> layer(leaf.placeholder((None, 5, 3))).shape[1:], layer.count_params()
    ((5, 8), 96)
    """

    supports_masking = True

    def __init__(
        self, cell: Given | Sequence[Given], return_sequences: bool = False,
        return_state: bool = False, go_backwards: bool = False, stateful: bool = False,
        unroll: bool = False, zero_output_for_mask: bool = False, *,
        activity_regularizer: regularizers.Given = None, **options: Unpack[BaseOptions],
    ) -> None:  # fmt: skip
        super().__init__(activity_regularizer=activity_regularizer, **options)
        several = isinstance(cell, list | tuple)
        self.cell = StackedRNNCells(cell) if several else layer_of(cast(Given, cell))
        sizes_of(self.cell)
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful, self.unroll = go_backwards, stateful, unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.memory = Memory()

    def build(self, input_shape: BuildShape | Sequence[BuildShape]) -> None:
        shape = cast(BuildShape, input_shape[0] if _is_list(input_shape) else input_shape)
        if len(shape) != 3:
            raise ShapeError(
                f"{self.name} takes sequences", received=shape, expected="(batch, steps, features)"
            )
        if not self.cell.built:
            self.cell.build((shape[0], shape[2]))
        if self.stateful:
            self._build_states(shape[0])

    def _build_states(self, batch: int | None) -> None:
        if batch is None:
            raise ShapeError(
                f"{self.name} is stateful and needs to know the size of the batch",
                fix="give Input a batch_size",
            )
        self.memory.states = [
            variable(_zeros(s), name=f"{self.name}/state", trainable=False)
            for s in initial_states(self.cell, batch)
        ]

    def call(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, sequences: Tree[Tensor], initial_state: Tree[Tensor] = None,
        mask: Tree[Tensor] = None, training: bool = False,
    ) -> Tree[Tensor]:  # fmt: skip
        x, *more = leaves(sequences)
        first_mask = next(iter(mask if isinstance(mask, list | tuple) else [mask]), None)
        states = self._begin(x, more or leaves(initial_state))
        walk = _Walk(self, x, cast("Tensor | None", first_mask), states, training)
        outputs, last, states = walk.run()
        for state, new in zip(self.memory.states, states):
            effects.update(state, new)
        found = outputs if self.return_sequences else last
        if not self.return_state:
            return found
        if isinstance(self.cell, StackedRNNCells):
            return (found, *self.cell.by_cell(states))
        return (found, *states)

    def compute_mask(self, inputs: Tree[Tensor], mask: Tree[Tensor] = None) -> Tensor | None:
        first = mask[0] if isinstance(mask, list | tuple) else mask
        return first if self.return_sequences and isinstance(first, Tensor) else None

    def reset_state(self) -> None:
        """A stateful layer begins anew with zeros."""
        for state in self.memory.states:
            state.assign(_zeros(state))

    reset_states = reset_state

    def _begin(self, x: Tensor, given: list[Tensor]) -> States:
        if given:
            count = len(sizes_of(self.cell))
            if len(given) != count:
                raise ArgumentError(
                    f"{self.name} has {count} states", received=f"{len(given)} initial states"
                )
            return [convert.cast(s, self.compute_dtype) for s in given]
        if self.memory.states:
            return [effects.latest(state) for state in self.memory.states]
        return initial_states(self.cell, x.shape[0])


class _Walk:
    """One pass along a sequence."""

    def __init__(
        self, layer: RNN, x: Tensor, mask: Tensor | None, states: States, training: bool
    ) -> None:
        self.layer, self.cell, self.training = layer, layer.cell, training
        self.rows = movement.moveaxis(x, 1, 0)
        self.mask = None if mask is None else movement.moveaxis(mask, 1, 0)
        self.states = states
        # Drawn once, before the loop: a sequence keeps its noise.
        self.noise: object = None
        if isinstance(self.cell, Cell | StackedRNNCells):
            self.noise = self.cell.noise(self.rows[0], states, training)
        width = output_size_of(self.cell)
        self.first = leaf.zeros((x.shape[0], width), layer.compute_dtype)

    def run(self) -> tuple[Tensor, Tensor, States]:
        """The outputs of all steps, (batch, steps, units), the last one, and the last states."""
        carry = (self.first, *self.states)
        xs = self.rows if self.mask is None else (self.rows, self.mask)
        backwards = self.layer.go_backwards
        if self.layer.unroll:
            end, outputs = self._unrolled(carry, backwards)
        else:
            end, outputs = control.scan(self._step, carry, xs, reverse=backwards)  # pyright: ignore
            if backwards:
                outputs = movement.flip(cast(Tensor, outputs), 0)
        last, *states = leaves(end)
        return movement.moveaxis(cast(Tensor, outputs), 0, 1), last, states

    def _step(self, carry: Tree[Tensor], row: Tree[Tensor]) -> tuple[Tree[Tensor], Tensor]:
        before, *states = leaves(carry)
        x, *masks = leaves(row)
        output, new = step_of(self.cell, x, states, self.training, self.noise)
        output = convert.cast(output, self.first.dtype)
        shown = output
        if masks:
            counts = movement.expand_dims(masks[0], 1)
            new = [where(counts, a, b) for a, b in zip(new, states)]
            output = where(counts, output, before)
            shown = where(counts, shown, 0) if self.layer.zero_output_for_mask else output
        return (output, *new), shown

    def _unrolled(self, carry: Tree[Tensor], backwards: bool) -> tuple[Tree[Tensor], Tensor]:
        count = self.rows.shape[0]
        if not isinstance(count, int):
            raise ShapeError(f"{self.layer.name} unrolls a known number of steps", received=count)
        outputs: list[Tensor] = []
        for t in reversed(range(count)) if backwards else range(count):
            row = self.rows[t] if self.mask is None else (self.rows[t], self.mask[t])
            carry, output = self._step(carry, row)
            outputs.append(output)
        return carry, movement.stack(outputs, 0)


def _zeros(state: Tensor) -> np.ndarray:
    return np.zeros([int(n) for n in state.shape], state.dtype.numpy)


def _is_list(shape: object) -> bool:
    return isinstance(shape, list | tuple) and bool(shape) and isinstance(shape[0], list | tuple)
