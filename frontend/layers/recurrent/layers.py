"""Recurrent layers with the cells that everybody knows; formulas are in `cells.py`."""

from __future__ import annotations

from typing import Unpack, final

from graphc.frontend import activations, constraints, initializers, regularizers
from graphc.frontend.naming import snake_case

from .cells import GRUCell, LSTMCell, SimpleRNNCell
from .rnn import RNN, RNNOptions


@final
class SimpleRNN(RNN):
    """h' = activation(x @ kernel + h @ recurrent_kernel + bias) along the steps (Elman 1990).

    (batch, steps, features) -> (batch, units); what the other arguments do is told in `RNN`.

    >>> from graphc.ops.leaf import placeholder
    >>> layer = SimpleRNN(256)
    >>> layer(placeholder((None, 28, 28))).shape[1:], layer.count_params()
    ((256,), 72960)
    """

    def __init__(
        self, units: int, activation: str | activations.Activation | None = "tanh",
        use_bias: bool = True, kernel_initializer: initializers.Given = "glorot_uniform",
        recurrent_initializer: initializers.Given = "orthogonal",
        bias_initializer: initializers.Given = "zeros",
        kernel_regularizer: regularizers.Given = None,
        recurrent_regularizer: regularizers.Given = None,
        bias_regularizer: regularizers.Given = None,
        activity_regularizer: regularizers.Given = None,
        kernel_constraint: constraints.Given = None,
        recurrent_constraint: constraints.Given = None, bias_constraint: constraints.Given = None,
        dropout: float = 0.0, recurrent_dropout: float = 0.0, return_sequences: bool = False,
        return_state: bool = False, go_backwards: bool = False, stateful: bool = False,
        unroll: bool = False, seed: int | None = None,
        **options: Unpack[RNNOptions],
    ) -> None:  # fmt: skip
        super().__init__(
            SimpleRNNCell(
                units, activation, use_bias, kernel_initializer,
                recurrent_initializer, bias_initializer, kernel_regularizer,
                recurrent_regularizer, bias_regularizer, kernel_constraint,
                recurrent_constraint, bias_constraint, dropout, recurrent_dropout,
                seed, dtype=options.get("dtype"),
                name=f"{snake_case('SimpleRNN')}_cell",
            ),
            return_sequences, return_state, go_backwards, stateful, unroll,
            activity_regularizer=activity_regularizer, **options,
        )  # fmt: skip


@final
class LSTM(RNN):
    """Long short-term memory along the steps; gates i, f, c, o (Hochreiter, Schmidhuber 1997).

    (batch, steps, features) -> (batch, units). `use_cudnn` is taken for the sake of programs that
    give it, and has no meaning here.

    >>> from graphc.ops.leaf import placeholder
    >>> layer = LSTM(256)
    >>> layer(placeholder((None, 28, 28))).shape[1:], layer.count_params()
    ((256,), 291840)
    """

    def __init__(
        self, units: int, activation: str | activations.Activation | None = "tanh",
        recurrent_activation: str | activations.Activation | None = "sigmoid",
        use_bias: bool = True, kernel_initializer: initializers.Given = "glorot_uniform",
        recurrent_initializer: initializers.Given = "orthogonal",
        bias_initializer: initializers.Given = "zeros", unit_forget_bias: bool = True,
        kernel_regularizer: regularizers.Given = None,
        recurrent_regularizer: regularizers.Given = None,
        bias_regularizer: regularizers.Given = None,
        activity_regularizer: regularizers.Given = None,
        kernel_constraint: constraints.Given = None,
        recurrent_constraint: constraints.Given = None, bias_constraint: constraints.Given = None,
        dropout: float = 0.0, recurrent_dropout: float = 0.0, seed: int | None = None,
        return_sequences: bool = False, return_state: bool = False, go_backwards: bool = False,
        stateful: bool = False, unroll: bool = False, use_cudnn: object = "auto",
        **options: Unpack[RNNOptions],
    ) -> None:  # fmt: skip
        super().__init__(
            LSTMCell(
                units, activation, recurrent_activation, use_bias,
                kernel_initializer, recurrent_initializer, bias_initializer,
                unit_forget_bias, kernel_regularizer, recurrent_regularizer,
                bias_regularizer, kernel_constraint, recurrent_constraint,
                bias_constraint, dropout, recurrent_dropout, seed,
                dtype=options.get("dtype"), name=f"{snake_case('LSTM')}_cell",
            ),
            return_sequences, return_state, go_backwards, stateful, unroll,
            activity_regularizer=activity_regularizer, **options,
        )  # fmt: skip


@final
class GRU(RNN):
    """Gated recurrent units along the steps; gates z, r, h (Cho et al. 2014).

    (batch, steps, features) -> (batch, units). `use_cudnn` has no meaning here.

    >>> from graphc.ops.leaf import placeholder
    >>> layer = GRU(256)
    >>> layer(placeholder((None, 28, 28))).shape[1:], layer.count_params()
    ((256,), 219648)
    """

    def __init__(
        self, units: int, activation: str | activations.Activation | None = "tanh",
        recurrent_activation: str | activations.Activation | None = "sigmoid",
        use_bias: bool = True, kernel_initializer: initializers.Given = "glorot_uniform",
        recurrent_initializer: initializers.Given = "orthogonal",
        bias_initializer: initializers.Given = "zeros",
        kernel_regularizer: regularizers.Given = None,
        recurrent_regularizer: regularizers.Given = None,
        bias_regularizer: regularizers.Given = None,
        activity_regularizer: regularizers.Given = None,
        kernel_constraint: constraints.Given = None,
        recurrent_constraint: constraints.Given = None, bias_constraint: constraints.Given = None,
        dropout: float = 0.0, recurrent_dropout: float = 0.0, seed: int | None = None,
        return_sequences: bool = False, return_state: bool = False, go_backwards: bool = False,
        stateful: bool = False, unroll: bool = False, reset_after: bool = True,
        use_cudnn: object = "auto",
        **options: Unpack[RNNOptions],
    ) -> None:  # fmt: skip
        super().__init__(
            GRUCell(
                units, activation, recurrent_activation, use_bias,
                kernel_initializer, recurrent_initializer, bias_initializer,
                kernel_regularizer, recurrent_regularizer, bias_regularizer,
                kernel_constraint, recurrent_constraint, bias_constraint, dropout,
                recurrent_dropout, reset_after, seed, dtype=options.get("dtype"),
                name=f"{snake_case('GRU')}_cell",
            ),
            return_sequences, return_state, go_backwards, stateful, unroll,
            activity_regularizer=activity_regularizer, **options,
        )  # fmt: skip
