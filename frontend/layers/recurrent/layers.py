"""Recurrent layers with the cells that everybody knows; formulas are in `cells.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Unpack, cast, final

from graphc.frontend import activations, regularizers
from graphc.frontend.naming import snake_case
from graphc.frontend.usual import behind

from .cells import Cell, CellOptions, GRUCell, LSTMCell, SimpleRNNCell
from .rnn import RNN, RNNOptions


class SequenceOptions(CellOptions, RNNOptions, total=False):
    """The keywords of the cell, and what is done with the whole sequence (see `RNN`)."""

    activity_regularizer: regularizers.Given
    return_sequences: bool
    return_state: bool
    go_backwards: bool
    stateful: bool
    unroll: bool
    implementation: int


class KnownRNN(RNN):
    """The base of the layers here: one list of keywords for the cell and the sequence.

    `implementation` and `use_cudnn` are taken for the sake of programs that give them, and have no
    meaning here.
    """

    usual: ClassVar[Mapping[str, object]] = {
        **behind(Cell.usual, "bias_regularizer", activity_regularizer=None),
        "return_sequences": False,
        "return_state": False,
        "go_backwards": False,
        "stateful": False,
        "unroll": False,
        "zero_output_for_mask": False,
    }

    def __init__(self, cell: Cell, options: SequenceOptions) -> None:
        options.pop("implementation", None)
        super().__init__(cell, **cast(RNNOptions, options))

    @classmethod
    def for_cell(cls, options: SequenceOptions) -> CellOptions:
        """The options that the cell takes."""
        taken = {*Cell.usual, "dtype", "trainable"}
        own = {name: value for name, value in options.items() if name in taken}
        return cast(CellOptions, {**own, "name": f"{snake_case(cls.__name__)}_cell"})


@final
class SimpleRNN(KnownRNN):
    """h' = activation(x @ kernel + h @ recurrent_kernel + bias) along the steps (Elman 1990).

    (batch, steps, features) -> (batch, units); what the other arguments do is told in `RNN`.

    >>> from graphc.ops.leaf import placeholder
    >>> layer = SimpleRNN(256)
    >>> layer(placeholder((None, 28, 28))).shape[1:], layer.count_params()
    ((256,), 72960)
    """

    usual = behind(KnownRNN.usual, "unroll", seed=None)

    def __init__(
        self, units: int, activation: str | activations.Activation | None = "tanh",
        use_bias: bool = True, **options: Unpack[SequenceOptions],
    ) -> None:  # fmt: skip
        own = self.for_cell(options)
        super().__init__(SimpleRNNCell(units, activation, use_bias, **own), options)


@final
class LSTM(KnownRNN):
    """Long short-term memory along the steps; gates i, f, c, o (Hochreiter, Schmidhuber 1997).

    (batch, steps, features) -> (batch, units); what the other arguments do is told in `RNN`.

    >>> from graphc.ops.leaf import placeholder
    >>> layer = LSTM(256)
    >>> layer(placeholder((None, 28, 28))).shape[1:], layer.count_params()
    ((256,), 291840)
    """

    usual = behind(
        behind(KnownRNN.usual, "bias_initializer", unit_forget_bias=True),
        "unroll",
        use_cudnn="auto",
    )

    def __init__(
        self, units: int, activation: str | activations.Activation | None = "tanh",
        recurrent_activation: str | activations.Activation | None = "sigmoid",
        use_bias: bool = True, *, unit_forget_bias: bool = True, use_cudnn: object = "auto",
        **options: Unpack[SequenceOptions],
    ) -> None:  # fmt: skip
        cell = LSTMCell(
            units, activation, recurrent_activation, use_bias,
            unit_forget_bias=unit_forget_bias, **self.for_cell(options),
        )  # fmt: skip
        super().__init__(cell, options)
        self.use_cudnn = use_cudnn


@final
class GRU(KnownRNN):
    """Gated recurrent units along the steps; gates z, r, h (Cho et al. 2014).

    (batch, steps, features) -> (batch, units); what the other arguments do is told in `RNN`.

    >>> from graphc.ops.leaf import placeholder
    >>> layer = GRU(256)
    >>> layer(placeholder((None, 28, 28))).shape[1:], layer.count_params()
    ((256,), 219648)
    """

    usual = behind(KnownRNN.usual, "unroll", reset_after=True, use_cudnn="auto")

    def __init__(
        self, units: int, activation: str | activations.Activation | None = "tanh",
        recurrent_activation: str | activations.Activation | None = "sigmoid",
        use_bias: bool = True, *, reset_after: bool = True, use_cudnn: object = "auto",
        **options: Unpack[SequenceOptions],
    ) -> None:  # fmt: skip
        cell = GRUCell(
            units, activation, recurrent_activation, use_bias,
            reset_after=reset_after, **self.for_cell(options),
        )  # fmt: skip
        super().__init__(cell, options)
        self.use_cudnn = use_cudnn
