"""Data on its way into `fit`: the same as arrays, threads that end, layers that change images."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

import graphc as gx
from graphc import data, layers

DRAW = np.random.default_rng(6)
X = DRAW.random((23, 4, 4, 1)).astype(np.float32)
Y = X.mean((1, 2))
W = DRAW.random(23).astype(np.float32)


def network() -> gx.Sequential:
    gx.set_seed(3)
    model = gx.Sequential([layers.Flatten(input_shape=(4, 4, 1)), layers.Dense(1)])
    model.compile(gx.optimizers.SGD(0.05), "mse")
    return model


class Rows(data.PyDataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        rows = slice(index * 5, (index + 1) * 5)
        return X[rows], Y[rows], W[rows]


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("graphc-data")]


@pytest.mark.parametrize(
    "batches",
    [
        lambda: data.Batches(X, Y, W, batch_size=5, shuffle=False),
        lambda: data.Batches(X, Y, W, batch_size=5, shuffle=False, workers=3),
        lambda: data.Batches.of_function(
            lambda i: (X[i], Y[i], W[i]), 23, batch_size=5, shuffle=False, workers=2
        ),
        lambda: Rows(),
        lambda: Rows(workers=3),
    ],
    ids=["arrays", "threads", "function", "numbered", "numbered in threads"],
)
def test_the_same_as_arrays(batches):
    wanted, found = network(), network()
    first = wanted.fit(X, Y, 5, 3, verbose=0, shuffle=False, sample_weight=W).history["loss"]
    second = found.fit(batches(), epochs=3, verbose=0, shuffle=False).history["loss"]
    np.testing.assert_allclose(first, second, rtol=1e-5)
    for a, b in zip(wanted.get_weights(), found.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert threads() == []


def test_training_that_stops_early():
    class Stop(gx.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    model = network()
    flow = data.Batches(X, Y, batch_size=2, workers=2)
    history = model.fit(flow, epochs=9, steps_per_epoch=3, verbose=0, callbacks=[Stop()])
    assert len(history.history["loss"]) == 1
    # The model is part of cycles, and may hold batches that were begun.
    del model, history, flow
    gc.collect()
    assert threads() == []


def test_prediction_and_evaluation():
    model = network()
    flow = data.Batches(X, Y, batch_size=5, shuffle=False, workers=2)
    wanted = model.predict(X, verbose=0)
    np.testing.assert_allclose(model.predict(flow, verbose=0), wanted, rtol=1e-5)
    np.testing.assert_allclose(
        model.evaluate(flow, verbose=0), model.evaluate(X, Y, verbose=0), rtol=1e-5
    )
    alone = data.Batches(X, batch_size=5, shuffle=False)
    np.testing.assert_allclose(model.predict(alone, verbose=0), wanted, rtol=1e-5)


class Loader:
    """Batches in a row; `length` is what len() answers, None an error as of an endless data set."""

    def __init__(self, length: int | None) -> None:
        self.length = length

    def __len__(self) -> int:
        if self.length is None:
            raise TypeError("the data set has no length")
        return self.length

    def __iter__(self):
        return ((X[i : i + 8], Y[i : i + 8]) for i in range(0, 23, 8))


@pytest.mark.parametrize("length", [3, None])
def test_the_length_of_a_stream(length):
    history = gx.callbacks.History()
    model = network()
    model.fit(Loader(length), epochs=2, verbose=0, callbacks=history)
    assert history.params["steps"] == length
    assert (history.epoch, int(model.optimizer.iterations.numpy())) == ([0, 1], 6)


def test_a_stream_that_is_shorter_than_its_length():
    with pytest.warns(UserWarning, match="ran out of data after 3 batches of 5"):
        network().fit(Loader(5), verbose=0)
