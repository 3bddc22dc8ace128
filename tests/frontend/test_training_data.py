"""What fit, evaluate and predict take: arrays, streams of batches, weights, steps."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gx
from graphc.errors import ArgumentError, DataError, ShapeError
from graphc.frontend import seeds
from graphc.frontend.callbacks import Callback
from graphc.frontend.data import Batches, PyDataset
from graphc.frontend.dtype_policy import set_dtype_policy
from graphc.frontend.layers import Add, Dense, Input
from graphc.frontend.models import Model, Sequential
from graphc.frontend.optimizers import SGD

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(10, 3)).astype(np.float32), RNG.normal(size=(10, 1)).astype(np.float32)
W = RNG.uniform(size=10).astype(np.float32)
LABELS = np.array([0, 1, 2, 1, 0, 2, 2, 1, 0, 0])


def compiled(loss="mse", units=1, **options):
    seeds.set_seed(3)
    model = Sequential([Input((3,)), Dense(units)])
    model.compile(SGD(0.1), loss, metrics=["mae"] if loss == "mse" else [], **options)
    return model


def trained(*data, **options):
    """Weights after two epochs in order."""
    model = compiled()
    model.fit(*data, epochs=2, verbose=0, shuffle=False, **options)
    return model.get_weights()


def same(a, b):
    for one, other in zip(a, b, strict=True):
        np.testing.assert_array_equal(one, other)


def batches(*arrays, size=4):
    for i in range(0, 10, size):
        yield tuple(a[i : i + size] for a in arrays)


class Numbered:
    """Batches by number."""

    def __init__(self, *arrays, size=4):
        self.parts, self.ends = list(batches(*arrays, size=size)), 0

    def __len__(self):
        return len(self.parts)

    def __getitem__(self, index):
        return self.parts[index]

    def on_epoch_end(self):
        self.ends += 1


class Iterated:
    """Batches in a row, as a loader of data makes them."""

    def __init__(self, *arrays):
        self.arrays = arrays

    def __iter__(self):
        return batches(*self.arrays)


def forever(*arrays):
    while True:
        yield from batches(*arrays)


STREAMS = {
    "a function": lambda *a: lambda: batches(*a),
    "numbered batches": Numbered,
    "an iterable": Iterated,
    "a generator": lambda *a: (b for _ in range(2) for b in batches(*a)),
}


@pytest.mark.parametrize("arrays", [(X, Y), (X, Y, W)], ids=["plain", "weighted"])
@pytest.mark.parametrize("kind", STREAMS)
def test_streams_are_as_arrays(kind, arrays):
    x, y, *weight = arrays
    expected = trained(x, y, batch_size=4, **({"sample_weight": weight[0]} if weight else {}))
    stream = STREAMS[kind](*arrays)
    steps = {"steps_per_epoch": 3} if kind == "a generator" else {}
    same(trained(stream, **steps), expected)


@pytest.mark.parametrize("kind", list(STREAMS)[:3])
def test_evaluate_and_predict_take_streams(kind):
    model = compiled()
    whole = model.evaluate(X, Y, verbose=0, batch_size=4)
    assert model.evaluate(STREAMS[kind](X, Y), verbose=0) == whole
    outputs = model.predict(X, verbose=0, batch_size=4)
    for arrays in ((X,), (X, Y)):
        np.testing.assert_array_equal(model.predict(STREAMS[kind](*arrays), verbose=0), outputs)
    np.testing.assert_array_equal(model.predict(forever(X), verbose=0, steps=2), outputs[:8])
    assert model.evaluate(forever(X, Y), verbose=0, steps=3) == whole
    assert model.evaluate(X, Y, 4, 0, steps=2) == model.evaluate(X[:8], Y[:8], 4, 0)


def test_a_data_set_is_told_that_an_epoch_ended():
    data = Numbered(X, Y)
    history = compiled().fit(data, epochs=3, verbose=0, validation_data=Numbered(X, Y))
    assert data.ends == 3
    assert history.params["steps"] == 3


@pytest.mark.parametrize("workers", [1, 3])
def test_a_py_dataset(workers):
    class Own(PyDataset):
        calls = ()

        def __len__(self):
            return 3

        def __getitem__(self, index):
            return X[4 * index : 4 * index + 4], Y[4 * index : 4 * index + 4]

        def on_epoch_begin(self):
            self.calls += ("begin",)

        def on_epoch_end(self):
            self.calls += ("end",)

    data = Own(workers=workers)
    same(trained(data), trained(X, Y, batch_size=4))
    assert data.calls == ("begin", "end") * 2


def test_batches_made_ahead():
    data = Batches(X, Y, batch_size=4, shuffle=False, workers=2)
    same(trained(data), trained(X, Y, batch_size=4))


def test_numbered_batches_are_shuffled():
    class Order(Numbered):
        def __init__(self):
            super().__init__(X, Y, size=1)
            self.asked = []

        def __getitem__(self, index):
            self.asked.append(index)
            return super().__getitem__(index)

    data = Order()
    compiled().fit(data, epochs=2, verbose=0, seed=1)
    first, second = data.asked[:10], data.asked[10:]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


# kind of data, steps per epoch: the batches of each epoch
STEPS = [
    ("arrays", 2, [2, 1, 2]),
    ("a function", 2, [2, 1, 2]),
    ("numbered batches", 3, [3, 3, 3]),
    ("forever", 2, [2, 2, 2]),
    ("a generator", 4, [4, 2]),
    ("a generator", None, [6]),
]


@pytest.mark.parametrize(("kind", "steps", "expected"), STEPS)
@pytest.mark.filterwarnings("ignore:your input ran out of data")
def test_steps_per_epoch(kind, steps, expected):
    class Count(Callback):
        def __init__(self):
            self.counts = []

        def on_epoch_begin(self, epoch, logs=None):
            self.counts.append(0)

        def on_train_batch_end(self, batch, logs=None):
            self.counts[-1] += 1

    made = {"arrays": (X, Y), "forever": (forever(X, Y),)}
    data = made.get(kind) or (STREAMS[kind](X, Y),)
    count = Count()
    options = {"epochs": 3, "verbose": 0, "callbacks": count, "steps_per_epoch": steps}
    compiled().fit(*data, batch_size=4, **options)
    assert [n for n in count.counts if n] == expected


def test_data_that_ends_early_is_told():
    with pytest.warns(UserWarning, match="ran out of data after 3 batches of 5"):
        history = compiled().fit(
            batches(X, Y), steps_per_epoch=5, verbose=0, validation_data=(X, Y)
        )
    assert len(history.history["val_loss"]) == 1
    with pytest.warns(UserWarning, match="after 0 batches"):
        assert compiled().fit(batches(X, Y), epochs=9, verbose=0).epoch == [0]


@pytest.mark.parametrize(
    "given",
    [(X, Y), [X, Y], (X, Y, np.ones(10)), Numbered(X, Y), lambda: batches(X, Y)],
    ids=["pair", "list", "weights", "numbered", "function"],
)
def test_validation_data(given):
    model = compiled()
    history = model.fit(
        X, Y, verbose=0, epochs=2, validation_data=given, validation_batch_size=4
    ).history
    assert history["val_loss"][-1] == pytest.approx(model.evaluate(X, Y, 4, 0)[0], rel=1e-6)
    assert len(history["val_mae"]) == 2


def test_validation_steps():
    model = compiled()
    options = {"verbose": 0, "validation_data": (X, Y), "validation_batch_size": 2}
    history = model.fit(X, Y, validation_steps=3, **options).history
    assert history["val_loss"] == [pytest.approx(model.evaluate(X[:6], Y[:6], 2, 0)[0], rel=1e-6)]


def test_validation_split_keeps_the_weights():
    model = compiled()
    history = model.fit(X, Y, verbose=0, validation_split=0.3, sample_weight=W).history
    expected = model.evaluate(X[7:], Y[7:], sample_weight=W[7:], verbose=0)
    assert [history["val_loss"][0], history["val_mae"][0]] == expected


# ---------------------------------------------------------------------------- weights


def test_sample_weights_are_in_the_loss():
    model = compiled()
    error = (model.predict(X, verbose=0) - Y)[:, 0] ** 2
    loss, _ = model.evaluate(X, Y, verbose=0, sample_weight=W)
    assert loss == pytest.approx(np.mean(error * W), rel=1e-5)
    # An example of weight 0 changes nothing.
    rows, ones = W > 0.5, (W > 0.5).astype(np.float32)
    share = np.full(rows.sum(), rows.mean(), np.float32)
    few = trained(X[rows], Y[rows], sample_weight=share)
    for a, b in zip(trained(X, Y, sample_weight=ones), few, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize(
    ("targets", "loss"),
    [
        (LABELS, "sparse_categorical_crossentropy"),
        (LABELS[:, None], "sparse_categorical_crossentropy"),
        (np.eye(3, dtype=np.float32)[LABELS], "categorical_crossentropy"),
    ],
    ids=["numbers", "column", "one-hot"],
)
def test_class_weights_are_sample_weights(targets, loss):
    table = {0: 2.0, 1: 0.5}
    each = np.array([table.get(int(c), 1.0) for c in LABELS], np.float32)

    def weights(**options):
        model = compiled(loss, 3)
        model.fit(X, targets, 4, 2, 0, shuffle=False, **options)
        return model.get_weights()

    same(weights(class_weight=table), weights(sample_weight=each))
    same(weights(class_weight=table, sample_weight=W), weights(sample_weight=each * W))


def test_class_weights_of_streams():
    def weights(*data):
        model = compiled("sparse_categorical_crossentropy", 3)
        model.fit(*data, batch_size=4, verbose=0, shuffle=False, class_weight={2: 3.0})
        return model.get_weights()

    same(weights(Numbered(X, LABELS)), weights(X, LABELS))


# ---------------------------------------------------------------------------- single batches


def test_single_batches():
    model, other = compiled(), compiled()
    for rows in (slice(0, 4), slice(4, 8)):
        expected = model.evaluate(X[rows], Y[rows], sample_weight=W[rows], verbose=0)
        assert model.train_on_batch(X[rows], Y[rows], W[rows]) == pytest.approx(expected, rel=1e-6)
    other.fit(X[:8], Y[:8], 4, verbose=0, shuffle=False, sample_weight=W[:8])
    same(model.get_weights(), other.get_weights())
    assert model.test_on_batch(X, Y) == model.evaluate(X, Y, verbose=0)
    weighted = model.test_on_batch(X, Y, sample_weight=W, return_dict=True)
    assert weighted == model.evaluate(X, Y, sample_weight=W, verbose=0, return_dict=True)
    np.testing.assert_array_equal(model.predict_on_batch(X), model.predict(X, verbose=0))


def test_class_weight_of_a_single_batch():
    model, other = (compiled("sparse_categorical_crossentropy", 3) for _ in range(2))
    model.train_on_batch(X, LABELS, class_weight={0: 3.0})
    other.train_on_batch(X, LABELS, np.where(LABELS == 0, 3, 1))
    same(model.get_weights(), other.get_weights())


# ---------------------------------------------------------------------------- forms of data


def test_nested_inputs():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    y = Add()([Dense(1)(a), Dense(1)(b)])
    for inputs, data in (({"b": b, "a": a}, {"a": X, "b": X * 2}), ([a, b], [X, X * 2])):
        model = Model(inputs, y)
        model.compile("sgd", "mse")
        model.fit(data, Y, verbose=0, batch_size=3)
        assert model.predict(data, verbose=0).shape == (10, 1)


def test_the_order_depends_on_the_seed_and_the_epoch():
    def weights(first=0, last=4, model=None, seed=5):
        model = model or compiled()
        model.fit(X, Y, 2, last, 0, initial_epoch=first, seed=seed)
        return model.get_weights()

    whole = weights()
    model = compiled()
    weights(0, 2, model)
    same(weights(2, 4, model), whole)
    assert not np.array_equal(weights(seed=6)[0], whole[0])


def empty():
    yield from ()


REFUSED = [
    (lambda m: m.fit(), DataError, "needs data"),
    (lambda m: m.fit(X[:0], Y[:0]), DataError, "no examples"),
    (lambda m: m.fit(X, Y[:3]), DataError, r"x \(10, 3\), y \(3, 1\)"),
    (lambda m: m.fit(X, Y, sample_weight=W[:3]), DataError, r"sample_weight \(3,\)"),
    (lambda m: m.fit(Numbered(X, Y), Y), ArgumentError, "takes no y"),
    (lambda m: m.fit(Numbered(X, Y), validation_split=0.5), ArgumentError, "validation_data"),
    (lambda m: m.fit(empty()), DataError, "no batches"),
    (lambda m: m.fit(lambda: iter([(X[:0], Y[:0])])), DataError, "no examples"),
    (lambda m: m.fit(X, Y, steps_per_epoch=0), ArgumentError, "steps"),
    (lambda m: m.fit(X, Y, validation_split=1.5), ArgumentError, "between 0 and 1"),
    (lambda m: m.fit(X, Y, class_weight=[1.0, 2.0]), ArgumentError, "dict"),
    (lambda m: m.fit(X, {"a": Y}, class_weight={0: 1.0}), DataError, "one array"),
    (lambda m: m.fit(X[:, :2], Y), ShapeError, "expected"),
    (lambda m: m.fit(X, Y, validation_data=(X, Y[:2])), DataError, "different numbers"),
    (lambda m: m.fit(X, Y, validation_freq=0), ArgumentError, "validation_freq"),
]


@pytest.mark.parametrize("row", range(len(REFUSED)))
def test_what_is_refused(row):
    call, error, words = REFUSED[row]
    with pytest.raises(error, match=words):
        call(compiled())


def test_a_bad_batch_is_named():
    def two():
        yield X, Y
        yield X, Y[:3]

    with pytest.raises(DataError) as found:
        compiled().fit(two(), verbose=0)
    assert "in batch 1 of" in found.value.__notes__[0]


def test_nan_in_data_is_nan_in_the_numbers():
    bad = X.copy()
    bad[7] = np.nan
    history = compiled().fit(batches(bad, Y), verbose=0).history
    assert np.isnan(history["loss"][0])


def test_data_is_as_exact_as_floatx_says():
    gx.config.set_floatx("float64")
    set_dtype_policy("float64")  # another test may have set one
    try:
        x, y = np.random.default_rng(0).normal(size=(2, 6, 3))
        model = gx.Sequential([gx.layers.Dense(3, use_bias=False)])
        model.compile("sgd", "mse")
        loss = model.train_on_batch(x, y)
        start = model.get_weights()[0]
        assert start.dtype == np.float64
        loss = model.test_on_batch(x, y)
        assert loss == pytest.approx(((x @ start - y) ** 2).mean(), rel=1e-14)
    finally:
        gx.config.set_floatx("float32")
        set_dtype_policy("float32")
