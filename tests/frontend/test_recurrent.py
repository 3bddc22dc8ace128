"""Recurrent layers: formulas, masks, states, directions, dropout, cells of one's own."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gx
from graphc.errors import ArgumentError, ShapeError
from graphc.frontend.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Dense,
    Embedding,
    GlobalAveragePooling1D,
    GRUCell,
    Layer,
    LSTMCell,
    Masking,
    SimpleRNN,
    TimeDistributed,
)
from graphc.frontend.masks import mask_of
from graphc.frontend.models import Sequential
from graphc.ir.tree import leaves

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(3, 6, 2)).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def simple(weights, x, h):
    kernel, recurrent, bias = weights
    return [np.tanh(x @ kernel + h[0] @ recurrent + bias)]


def lstm(weights, x, states):
    kernel, recurrent, bias = weights
    h, c = states
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def gru(weights, x, states):
    kernel, recurrent, (outer, inner) = weights
    (h,) = states
    of_input, of_state = np.split(x @ kernel + outer, 3, -1), np.split(h @ recurrent + inner, 3, -1)
    z, r = (sigmoid(of_input[k] + of_state[k]) for k in (0, 1))
    return [z * h + (1 - z) * np.tanh(of_input[2] + r * of_state[2])]


STEPS = {SimpleRNN: (simple, 1), LSTM: (lstm, 2), GRU: (gru, 1)}
EACH = pytest.mark.parametrize("kind", STEPS, ids=lambda kind: kind.__name__)


def walked(kind, layer, x, states=None, mask=None):
    """Outputs of all steps, in float64, with the last states."""
    step, count = STEPS[kind]
    weights = [w.astype(np.float64) for w in layer.get_weights()]
    states = states or [np.zeros((len(x), layer.cell.units))] * count
    outputs, output = [], np.zeros((len(x), layer.cell.units))
    for t in range(x.shape[1]):
        new = step(weights, x[:, t].astype(np.float64), states)
        keep = np.ones((len(x), 1), bool) if mask is None else mask[:, t, None]
        states = [np.where(keep, a, b) for a, b in zip(new, states)]
        output = np.where(keep, new[0], output)
        outputs.append(output)
    return np.stack(outputs, 1), states


@EACH
def test_formulas(kind):
    layer = kind(4, return_sequences=True, return_state=True)
    outputs, *states = layer(X)
    wanted, last = walked(kind, layer, X)
    np.testing.assert_allclose(outputs.numpy(), wanted, rtol=1e-5, atol=1e-6)
    for state, value in zip(states, last, strict=True):
        np.testing.assert_allclose(state.numpy(), value, rtol=1e-5, atol=1e-6)


@EACH
def test_masked_steps_keep_state_and_output(kind):
    mask = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 0, 1, 0, 0], [0, 1, 0, 0, 1, 1]], bool)
    layer = kind(4, return_sequences=True)
    layer(X)
    wanted, _ = walked(kind, layer, X, mask=mask)
    np.testing.assert_allclose(layer(X, mask=mask).numpy(), wanted, rtol=1e-5, atol=1e-6)
    zeroed = RNN(layer.cell, return_sequences=True, zero_output_for_mask=True)
    found = zeroed(X, mask=mask).numpy()
    np.testing.assert_allclose(found, wanted * mask[:, :, None], rtol=1e-5, atol=1e-6)
    x = gx.placeholder((None, 6, 2), name="x")
    m = gx.placeholder((None, 6), "bool", name="m")
    compiled = gx.function([x, m], layer(x, mask=m))(X, mask)
    np.testing.assert_allclose(compiled, wanted, rtol=1e-5, atol=1e-6)


def test_masks_come_from_layers_before():
    words = np.array([[5, 3, 0, 0], [1, 2, 3, 4]])
    embedding, layer = Embedding(10, 3, mask_zero=True), LSTM(4)
    long = layer(embedding(words)).numpy()
    short = layer(embedding(words[:1, :2])).numpy()
    np.testing.assert_allclose(long[:1], short, rtol=1e-6)
    model = Sequential([Embedding(10, 3, mask_zero=True), LSTM(4, return_sequences=True), GRU(2)])
    unmasked = Sequential([Embedding(10, 3), LSTM(4, return_sequences=True), GRU(2)])
    model(words), unmasked(words)
    unmasked.set_weights(model.get_weights())
    np.testing.assert_allclose(
        model.predict(words, verbose=0)[:1],
        unmasked.predict(words[:1, :2], verbose=0),
        rtol=1e-5,
    )


def test_masking_and_means():
    x = np.array([[[1, 2], [0, 0], [3, 4]]], np.float32)
    masked = Masking()(x)
    assert mask_of(masked).numpy().tolist() == [[True, False, True]]
    assert GlobalAveragePooling1D()(masked).numpy().tolist() == [[2, 3]]


@EACH
def test_directions(kind):
    layer = kind(4, return_sequences=True)
    ahead = layer(X[:, ::-1]).numpy()
    back = RNN(layer.cell, return_sequences=True, go_backwards=True)
    np.testing.assert_allclose(back(X).numpy(), ahead, rtol=1e-6)
    unrolled = RNN(layer.cell, return_sequences=True, go_backwards=True, unroll=True)
    np.testing.assert_allclose(unrolled(X).numpy(), ahead, rtol=1e-5, atol=1e-6)


def test_both_directions():
    both = Bidirectional(LSTM(4, return_sequences=True, return_state=True), merge_mode="sum")
    y, *states = both(X)
    ahead, h, c = both.forward_layer(X)
    back, h2, c2 = both.backward_layer(X)
    np.testing.assert_allclose(y.numpy(), ahead.numpy() + back.numpy()[:, ::-1], rtol=1e-6)
    for got, wanted in zip(states, (h, c, h2, c2), strict=True):
        np.testing.assert_array_equal(got.numpy(), wanted.numpy())
    found = both(X, initial_state=[s.numpy() for s in states])[0].numpy()
    assert not np.array_equal(found, y.numpy())
    again = Bidirectional.from_config(both.get_config())
    assert again.forward_layer.cell.units == 4
    assert again.backward_layer.go_backwards


@EACH
def test_initial_states(kind):
    layer = kind(4, return_state=True)
    _, *middle = layer(X[:, :3])
    y, *_ = layer(X[:, 3:], initial_state=[s.numpy() for s in middle])
    np.testing.assert_allclose(y.numpy(), layer(X)[0].numpy(), rtol=1e-5, atol=1e-6)
    x, *states = [gx.Input((3, 2)), *(gx.Input((4,)) for _ in middle)]
    model = gx.Model([x, *states], layer([x, *states])[0])
    found = model.predict([X[:, 3:], *(s.numpy() for s in middle)], verbose=0)
    np.testing.assert_allclose(found, y.numpy(), rtol=1e-5, atol=1e-6)


def test_stateful_layers_go_on():
    layer = LSTM(4, stateful=True)
    wanted = LSTM(4)
    wanted(X)
    layer(X[:, :3])
    layer.set_weights(wanted.get_weights())
    layer.reset_state()
    layer(X[:, :3])
    np.testing.assert_allclose(layer(X[:, 3:]).numpy(), wanted(X).numpy(), rtol=1e-5, atol=1e-6)
    layer.reset_state()
    np.testing.assert_allclose(layer(X).numpy(), wanted(X).numpy(), rtol=1e-5, atol=1e-6)
    assert len(layer.weights) == 3, "states are no weights"
    with pytest.raises(ShapeError, match="batch"):
        LSTM(4, stateful=True)(gx.Input((3, 2)))


@EACH
def test_dropout_is_one_draw_for_a_sequence(kind):
    layer = kind(4, dropout=0.5, recurrent_dropout=0.5, seed=3)
    same = kind(4, dropout=0.5, recurrent_dropout=0.5, seed=3)
    layer(X), same(X)
    same.set_weights(layer.get_weights())
    first = layer(X, training=True).numpy()
    np.testing.assert_array_equal(first, same(X, training=True).numpy())
    assert not np.array_equal(first, layer(X, training=True).numpy())
    assert not np.allclose(first, layer(X).numpy())
    long = np.ones((1, 50, 40), np.float32)
    probe = RNN(Probe(), return_sequences=True)
    dropped = TimeDistributed(Dense(1))(probe(long))
    assert dropped.shape == (1, 50, 1)


class Probe(Layer):
    """A cell of one's own: the sum so far."""

    state_size = 40

    def __init__(self, **options):
        super().__init__(**options)
        self.state_size = 40

    def call(self, inputs, states):
        total = states[0] + inputs
        return total, [total]


def test_a_cell_of_ones_own():
    x = np.ones((2, 5, 40), np.float32)
    np.testing.assert_array_equal(RNN(Probe())(x).numpy(), np.full((2, 40), 5))
    stacked = RNN([Probe(), LSTMCell(3), GRUCell(2)], return_state=True)
    y, *states = stacked(x)
    assert [s.shape for s in leaves((y, *states))] == [(2, 2), (2, 40), (2, 3), (2, 3), (2, 2)]


def test_numbers_of_weights():
    counts = {SimpleRNN: 75_530, LSTM: 294_410, GRU: 222_218}
    for kind, count in counts.items():
        model = Sequential([kind(256, input_shape=(28, 28)), Dense(10, activation="softmax")])
        assert model.count_params() == count


def test_errors():
    with pytest.raises(ShapeError, match="takes sequences"):
        LSTM(3)(np.ones((2, 3), np.float32))
    with pytest.raises(ArgumentError, match="2 states"):
        LSTM(3)(X, initial_state=[np.ones((3, 3))])
    with pytest.raises(ArgumentError, match="no cell"):
        RNN(Dense(3))
    with pytest.raises(ArgumentError, match="share below 1"):
        LSTM(3, dropout=1.5)
    with pytest.raises(ArgumentError, match="recurrent layer"):
        Bidirectional(Dense(3))
    with pytest.raises(ArgumentError, match="merge_mode"):
        Bidirectional(LSTM(3), merge_mode="max")
