"""One time step of recurrent networks: (inputs, states) -> (output, new states).

inputs (batch, features), each state (batch, units); gates lie side by side in the weights, in
the order that the class states
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Unpack, cast, final

from graphc.errors import ArgumentError
from graphc.frontend import activations, constraints, initializers, regularizers
from graphc.frontend.layers.layer import Layer
from graphc.frontend.layers.registry import Given, layer_of
from graphc.frontend.layers.spatial import positive
from graphc.frontend.layers.spec import BaseOptions, BuildShape, LayerOptions, known_size, rules
from graphc.frontend.seeds import SeedGenerator
from graphc.frontend.usual import behind
from graphc.ir.dim import Size
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree
from graphc.ops import dropout, leaf
from graphc.ops.elementwise import add, mul, sub
from graphc.ops.matmul import matmul
from graphc.ops.variable import Variable

States = list[Tensor]
Noise = tuple[Tensor | None, ...]


class CellOptions(BaseOptions, total=False):
    """The keywords of cells that do not stand in their signatures."""

    kernel_initializer: initializers.Given
    recurrent_initializer: initializers.Given
    bias_initializer: initializers.Given
    kernel_regularizer: regularizers.Given
    recurrent_regularizer: regularizers.Given
    bias_regularizer: regularizers.Given
    kernel_constraint: constraints.Given
    recurrent_constraint: constraints.Given
    bias_constraint: constraints.Given
    dropout: float
    recurrent_dropout: float
    seed: int | None


class Cell(Layer):
    """The base of the cells here: a kernel for the inputs, one for the state, a bias, dropout.

    `dropout` and `recurrent_dropout` are the shares of inputs and states that training sets to 0;
    a sequence keeps its draw through all steps (Gal and Ghahramani 2016).
    """

    gates: ClassVar[int]
    usual: ClassVar[Mapping[str, object]] = {
        **rules(kernel="glorot_uniform", recurrent="orthogonal", bias="zeros"),
        "dropout": 0.0,
        "recurrent_dropout": 0.0,
        "seed": None,
    }
    bias: Variable | None = None

    def __init__(
        self, units: int, activation: str | activations.Activation | None = "tanh",
        use_bias: bool = True, **options: Unpack[CellOptions],
    ) -> None:  # fmt: skip
        super().__init__(**cast(BaseOptions, options))
        self.units = positive(units, "units")
        self.activation, self.use_bias = activations.get(activation), use_bias
        self.dropout = _share(options.get("dropout", 0.0))
        self.recurrent_dropout = _share(options.get("recurrent_dropout", 0.0))
        self.seed = options.get("seed")
        self.seed_generator = SeedGenerator(self.seed, name=self.name)
        self.state_size: int | list[int] = units
        self.output_size = units

    def build(self, input_shape: BuildShape) -> None:
        features = known_size(self.name, input_shape, -1)
        wide = self.gates * self.units
        self.kernel = self.add_weight((features, wide), name="kernel")
        self.recurrent_kernel = self.add_weight(
            (self.units, wide), rules="recurrent", name="recurrent_kernel"
        )
        if self.use_bias:
            self.bias = self.add_bias(wide)

    def add_bias(self, wide: int) -> Variable:
        """The bias of all gates."""
        return self.add_weight((wide,), name="bias")

    def noise(self, inputs: Tensor, states: Sequence[Tensor], training: bool) -> Noise:
        """What a whole sequence multiplies inputs and state by; None is nothing."""
        wanted = ((inputs, self.dropout), (states[0], self.recurrent_dropout))
        return tuple(
            dropout.dropout(_ones_like(x), share, self.seed_generator.next_key())
            if training and share
            else None
            for x, share in wanted
        )

    def call(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, inputs: Tensor, states: Sequence[Tensor], training: bool = False,
        noise: Noise | None = None,
    ) -> tuple[Tensor, States]:  # fmt: skip
        h, *others = states
        by_input, by_state = noise if noise is not None else self.noise(inputs, states, training)
        x = inputs if by_input is None else mul(inputs, by_input)
        h = h if by_state is None else mul(h, by_state)
        new = self.step(x, h, states[0], others)
        return new[0], new

    def step(self, x: Tensor, noisy: Tensor, h: Tensor, others: States) -> States:
        """The new states, the first of which is the output."""
        raise ArgumentError(f"{type(self).__name__} has no step", fix="define step(...)")

    def get_initial_state(self, batch_size: Size) -> States:
        """Zeros."""
        sizes = [self.state_size] if isinstance(self.state_size, int) else self.state_size
        return [leaf.zeros((batch_size, n), self.compute_dtype) for n in sizes]

    def gate(self, y: Tensor, k: int) -> Tensor:
        """The k-th gate of a product with all of them."""
        return y[..., k * self.units : (k + 1) * self.units]


@final
class SimpleRNNCell(Cell):
    """h' = activation(x @ kernel + h @ recurrent_kernel + bias)."""

    gates = 1

    def step(self, x: Tensor, noisy: Tensor, h: Tensor, others: States) -> States:
        y = matmul(x, self.kernel)
        y = y if self.bias is None else add(y, self.bias)
        return [self.activation(add(y, matmul(noisy, self.recurrent_kernel)))]


@final
class LSTMCell(Cell):
    """Long short-term memory (Hochreiter and Schmidhuber 1997), gates i, f, c, o.

        i, f, o = recurrent_activation(x @ W + h @ U + b)      c~ = activation(...)
        c' = f * c + i * c~        h' = o * activation(c')

    States are [h, c]. With `unit_forget_bias` the bias of f begins at 1 (Jozefowicz et al. 2015).
    """

    gates = 4
    usual = behind(Cell.usual, "bias_initializer", unit_forget_bias=True)

    def __init__(
        self, units: int, activation: str | activations.Activation | None = "tanh",
        recurrent_activation: str | activations.Activation | None = "sigmoid",
        use_bias: bool = True, *, unit_forget_bias: bool = True, **options: Unpack[CellOptions],
    ) -> None:  # fmt: skip
        super().__init__(units, activation, use_bias, **options)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [units, units]

    def add_bias(self, wide: int) -> Variable:
        bias = self.add_weight((wide,), name="bias")
        if self.unit_forget_bias:
            value = bias.numpy().copy()
            value[self.units : 2 * self.units] = 1
            bias.assign(value)
        return bias

    def step(self, x: Tensor, noisy: Tensor, h: Tensor, others: States) -> States:
        (c,) = others
        y = matmul(x, self.kernel)
        y = y if self.bias is None else add(y, self.bias)
        y = add(y, matmul(noisy, self.recurrent_kernel))
        i, f, o = (self.recurrent_activation(self.gate(y, k)) for k in (0, 1, 3))
        c = add(mul(f, c), mul(i, self.activation(self.gate(y, 2))))
        return [mul(o, self.activation(c)), c]


@final
class GRUCell(Cell):
    """Gated recurrent unit (Cho et al. 2014), gates z (update), r (reset), h (candidate).

        z, r = recurrent_activation(x @ W + h @ U + b)        h' = z * h + (1 - z) * h~
        h~ = activation(x @ W + b + r * (h @ U + b'))         with reset_after, as in cuDNN
        h~ = activation(x @ W + b + (r * h) @ U)              without

    With `reset_after` the bias is (2, 3 * units): for inputs and for the state.
    """

    gates = 3
    usual = behind(Cell.usual, "recurrent_dropout", reset_after=True)

    def __init__(
        self, units: int, activation: str | activations.Activation | None = "tanh",
        recurrent_activation: str | activations.Activation | None = "sigmoid",
        use_bias: bool = True, *, reset_after: bool = True, **options: Unpack[CellOptions],
    ) -> None:  # fmt: skip
        super().__init__(units, activation, use_bias, **options)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after

    def add_bias(self, wide: int) -> Variable:
        return self.add_weight((2, wide) if self.reset_after else (wide,), name="bias")

    def step(self, x: Tensor, noisy: Tensor, h: Tensor, others: States) -> States:
        of_input, of_state = self._products(x, noisy)
        z, r = (
            self.recurrent_activation(add(self.gate(of_input, k), self.gate(of_state, k)))
            for k in (0, 1)
        )
        if self.reset_after:
            inner = mul(r, self.gate(of_state, 2))
        else:
            inner = matmul(mul(r, noisy), self.gate(self.recurrent_kernel, 2))
        new = self.activation(add(self.gate(of_input, 2), inner))
        return [add(mul(z, h), mul(sub(1.0, z), new))]

    def _products(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """What inputs and state give to the gates; the last of the state only with reset_after."""
        of_input = matmul(x, self.kernel)
        if self.reset_after:
            of_state = matmul(h, self.recurrent_kernel)
            if self.bias is None:
                return of_input, of_state
            return add(of_input, self.bias[0]), add(of_state, self.bias[1])
        of_state = matmul(h, self.recurrent_kernel[:, : 2 * self.units])
        return of_input if self.bias is None else add(of_input, self.bias), of_state


@final
class StackedRNNCells(Layer):
    """Cells one upon the other: the output of each is the input of the next, states in a row."""

    def __init__(self, cells: Sequence[Given], **options: Unpack[LayerOptions]) -> None:
        super().__init__(**options)
        self.cells = [layer_of(cell) for cell in cells]

    @property
    def state_size(self) -> list[object]:
        """The sizes of the states, cell by cell."""
        return [sizes_of(cell) if count_of(cell) > 1 else sizes_of(cell)[0] for cell in self.cells]

    @property
    def output_size(self) -> int:
        """The size of the output of the last cell."""
        return output_size_of(self.cells[-1])

    def build(self, input_shape: BuildShape) -> None:
        for cell in self.cells:
            if not cell.built:
                cell.build(input_shape)
            input_shape = (*input_shape[:-1], output_size_of(cell))

    def noise(self, inputs: Tensor, states: Sequence[Tensor], training: bool) -> tuple[Noise, ...]:
        """The noise of each cell, for inputs and states of their shapes."""
        found: list[Noise] = []
        for cell, own in zip(self.cells, self._split(states)):
            found.append(cell.noise(inputs, own, training) if isinstance(cell, Cell) else ())
            inputs = leaf.zeros((*inputs.shape[:-1], output_size_of(cell)), self.compute_dtype)
        return tuple(found)

    def call(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, inputs: Tensor, states: Sequence[Tensor], training: bool = False,
        noise: tuple[Noise, ...] | None = None,
    ) -> tuple[Tensor, States]:  # fmt: skip
        drawn = self.noise(inputs, states, training) if noise is None else noise
        new: States = []
        for cell, own, mine in zip(self.cells, self._split(states), drawn):
            inputs, after = step_of(cell, inputs, own, training, mine)
            new += after
        return inputs, new

    def get_initial_state(self, batch_size: Size) -> States:
        """The initial states of all cells."""
        return [s for cell in self.cells for s in initial_states(cell, batch_size)]

    def by_cell(self, states: Sequence[Tensor]) -> list[Tree[Tensor]]:
        """The states of each cell: a tensor where there is one, else a list of them."""
        return [own[0] if len(own) == 1 else [*own] for own in self._split(states)]

    def _split(self, states: Sequence[Tensor]) -> list[States]:
        rest, found = list(states), []
        for cell in self.cells:
            found.append(rest[: count_of(cell)])
            rest = rest[count_of(cell) :]
        return found


# ---------------------------------------------------------------------------- any cell


def sizes_of(cell: Layer) -> list[int]:
    """The sizes of a cell's states, of any layer with a `state_size`."""
    size = vars(cell).get("state_size")
    if size is None and isinstance(cell, StackedRNNCells):
        return [n for part in cell.cells for n in sizes_of(part)]
    if isinstance(size, int):
        return [size]
    if isinstance(size, tuple | list):
        return [n for n in size if isinstance(n, int)]
    raise ArgumentError(
        f"{cell.name} is no cell", fix="a cell has state_size, and call(inputs, states)"
    )


def count_of(cell: Layer) -> int:
    """How many states a cell has."""
    return len(sizes_of(cell))


def output_size_of(cell: Layer) -> int:
    """The features of a cell's output; the size of its first state where it does not say."""
    if isinstance(cell, StackedRNNCells):
        return cell.output_size
    size = vars(cell).get("output_size")
    return size if isinstance(size, int) else sizes_of(cell)[0]


def initial_states(cell: Layer, batch: Size) -> States:
    """What the cell begins with: its own answer, or zeros."""
    if isinstance(cell, Cell | StackedRNNCells):
        return cell.get_initial_state(batch)
    return [leaf.zeros((batch, n), cell.compute_dtype) for n in sizes_of(cell)]


def step_of(
    cell: Layer, inputs: Tensor, states: Sequence[Tensor], training: bool, noise: object
) -> tuple[Tensor, States]:
    """One step of any cell."""
    options = {"noise": noise} if isinstance(cell, Cell | StackedRNNCells) else {}
    output, new = cell(inputs, list(states), training=training, **options)
    return output, list(new) if isinstance(new, tuple | list) else [new]


def _ones_like(x: Tensor) -> Tensor:
    return leaf.ones(x.shape, x.dtype)


def _share(value: float) -> float:
    if isinstance(value, bool) or not 0 <= value < 1:
        raise ArgumentError("dropout is a share below 1", received=repr(value), expected="0 .. 1")
    return float(value)
