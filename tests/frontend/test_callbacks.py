"""Callbacks: when hooks are called and with what, how many native calls that takes, history."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.errors import ArgumentError, ModeError
from graphc.frontend import seeds
from graphc.frontend.callbacks import Callback, CallbackList, History, LambdaCallback, ProgbarLogger
from graphc.frontend.layers import Dense
from graphc.frontend.models import Sequential
from graphc.frontend.optimizers import SGD

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(10, 4)).astype(np.float32), RNG.normal(size=(10, 1)).astype(np.float32)


def compiled(**options):
    seeds.set_seed(3)
    model = Sequential([Dense(1, input_shape=(4,))])
    model.compile(SGD(0.1), "mse", metrics=["mae"], **options)
    return model


class Recorder(Callback):
    """Remembers every hook."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def _record(name):
        def hook(self, *given):
            numbers = given[-1] or {}
            self.calls.append((name, *given[:-1], tuple(sorted(numbers))))

        return hook

    for _name in ("train", "test", "predict"):
        for _when in ("begin", "end"):
            vars()[f"on_{_name}_{_when}"] = _record(f"{_name} {_when}")
            vars()[f"on_{_name}_batch_{_when}"] = _record(f"{_name} batch {_when}")
    on_epoch_begin, on_epoch_end = _record("epoch begin"), _record("epoch end")
    del _name, _when

    def on_train_begin(self, logs=None):
        self.calls.append(("train begin", ()))


def batches(kind, count, names):
    for i in range(count):
        yield (f"{kind} batch begin", i, ())
        yield (f"{kind} batch end", i, names)


def test_order_of_hooks():
    model, seen = compiled(), Recorder()
    model.fit(X, Y, 4, 1, 0, [seen], validation_data=(X[:5], Y[:5]))
    names = ("loss", "mae")
    assert seen.calls == [
        ("train begin", ()), ("epoch begin", 0, ()), *batches("train", 3, names),
        ("test begin", ()), *batches("test", 2, names), ("test end", names),
        ("epoch end", 0, (*names, "val_loss", "val_mae")),
        ("train end", (*names, "val_loss", "val_mae")),
    ]  # fmt: skip
    seen.calls.clear()
    model.predict(X, 5, 0, callbacks=seen)
    outputs = ("outputs",)
    assert seen.calls == [
        ("predict begin", ()), *batches("predict", 2, outputs), ("predict end", ())
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("callback", "options", "expected"),
    [
        (Callback(), {}, [5]),
        (LambdaCallback(on_epoch_end=lambda epoch, logs: None), {}, [5]),
        (LambdaCallback(on_test_batch_end=lambda batch, logs: None), {}, [5]),
        (LambdaCallback(on_train_batch_end=lambda batch, logs: None), {}, [1] * 5),
        (LambdaCallback(on_batch_begin=lambda batch, logs: None), {}, [1] * 5),
        (Recorder(), {"steps_per_execution": 2}, [2, 2, 1]),
        (Recorder(), {"steps_per_execution": 7}, [5]),
    ],
)
def test_an_epoch_is_one_native_call_unless_batches_are_watched(
    callback, options, expected, monkeypatch
):
    model, calls = compiled(**options), []
    step = type(model.trainer)._step

    def counted(self, kind, arrays):
        run = step(self, kind, arrays)

        def one(given, size, order):
            calls.append(-(-len(order) // size))
            return run(given, size, order)

        return one if kind == "train" else run

    monkeypatch.setattr(type(model.trainer), "_step", counted)
    model.fit(X, Y, 2, verbose=0, callbacks=[callback])
    assert calls == expected


def test_steps_per_execution_says_how_often_batches_are_told():
    seen = Recorder()
    compiled(steps_per_execution=2).fit(X, Y, 2, verbose=0, callbacks=seen)
    told = [c[:2] for c in seen.calls if "batch" in c[0]]
    begin, end = "train batch begin", "train batch end"
    assert told == [(begin, 0), (end, 1), (begin, 2), (end, 3), (begin, 4), (end, 4)]


def test_watching_batches_changes_no_weight():
    def weights(callbacks):
        model = compiled()
        model.fit(X, Y, 3, 2, 0, callbacks, seed=1)
        return model.get_weights()

    for a, b in zip(weights([]), weights([Recorder()]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_stop_training():
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.last = batch
            if batch == 1 and self.model.history.epoch == [0]:
                self.model.stop_training = True

    model, stop = compiled(), Stop()
    history = model.fit(X, Y, 2, 5, 0, [stop])
    assert (history.epoch, stop.last) == ([0, 1], 1)
    assert len(history.history["loss"]) == 2
    # The next training begins anew.
    assert model.fit(X, Y, epochs=2, verbose=0).epoch == [0, 1]


def test_history_is_a_callback():
    model, history = compiled(), History()
    assert model.fit(X, Y, verbose=0, callbacks=[history], epochs=2) is history
    assert model.history is history
    assert list(history.history) == ["loss", "mae"]
    assert len(history.seconds) == 2
    assert history.params == {"epochs": 2, "steps": 1, "verbose": 0}
    # Given again, it goes on.
    model.fit(X, Y, verbose=0, callbacks=history, epochs=4, initial_epoch=2)
    assert history.epoch == [2, 3]
    assert len(history.history["loss"]) == 4


@pytest.mark.parametrize(
    ("name", "asked"), [("accuracy", "acc"), ("val_acc", "val_accuracy"), ("a_acc", "a_accuracy")]
)
def test_both_spellings_of_accuracy(name, asked):
    history = History()
    history.on_epoch_end(0, {name: 0.5})
    assert history.history[asked] == history.history[name] == [0.5]
    with pytest.raises(KeyError, match=name):
        history.history["loss"]


@pytest.mark.parametrize(
    ("often", "epochs"), [(1, [0, 1, 2, 3]), (2, [1, 3]), ([1, 4], [0, 3]), (5, [])]
)
def test_validation_freq(often, epochs):
    seen = Recorder()
    history = compiled().fit(
        X, Y, epochs=4, verbose=0, callbacks=seen, validation_data=(X, Y), validation_freq=often
    )
    assert [c[1] for c in seen.calls if "val_loss" in c[-1] and c[0] == "epoch end"] == epochs
    assert len(history.history.get("val_loss", [])) == len(epochs)


def test_numbers_may_be_added():
    class Rate(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["rate"] = float(self.model.optimizer.learning_rate.numpy())

    assert compiled().fit(X, Y, verbose=0, callbacks=Rate).history["rate"] == [
        pytest.approx(0.1, rel=1e-6)
    ]


def test_a_subclass_needs_no_init():
    class Silent(Callback):
        def __init__(self):
            self.epochs = 0

        def on_epoch_begin(self, epoch, logs=None):
            self.epochs += self.params["epochs"]

    silent = Silent()
    compiled().fit(X, Y, epochs=2, verbose=0, callbacks=[silent])
    assert silent.epochs == 4


def test_lists_of_callbacks():
    everyone = CallbackList([[Recorder()], (Recorder, None)], add_history=True, add_progbar=True)
    kinds = [type(c) for c in everyone.callbacks]
    assert kinds == [Recorder, Recorder, History, ProgbarLogger]
    with pytest.raises(ArgumentError, match="not a callback"):
        compiled().fit(X, Y, callbacks=[3])
    with pytest.raises(ModeError, match="no model yet"):
        Callback().model.fit(X, Y)


def test_a_bar_of_ones_own(capsys):
    model = compiled()
    model.fit(X, Y, verbose=0, callbacks=[ProgbarLogger(2)], validation_data=(X, Y))
    shown = capsys.readouterr().out
    assert shown.startswith("epoch 1/1  loss")
    assert "val_mae" in shown
    model.evaluate(X, Y, verbose=2)
    assert capsys.readouterr().out.startswith("evaluate  loss")
    with pytest.raises(ArgumentError, match="verbose"):
        model.fit(X, Y, verbose=3)
