"""Callbacks that watch numbers: stopping, saving the best, learning rates, files of numbers."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from graphc.errors import ArgumentError, DataError, ModeError, NumericError, UnknownNameError
from graphc.frontend import seeds
from graphc.frontend.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    MonitorCallback,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from graphc.frontend.layers import Dense
from graphc.frontend.models import Sequential
from graphc.frontend.optimizers import SGD, Adam
from graphc.frontend.optimizers.schedules import ExponentialDecay

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(10, 4)).astype(np.float32), RNG.normal(size=(10, 1)).astype(np.float32)


def compiled(rate=0.1):
    seeds.set_seed(3)
    model = Sequential([Dense(1, input_shape=(4,))])
    model.compile(SGD(rate), "mse", metrics=["mae"])
    return model


class Plays(Callback):
    """Puts given numbers in place of those of validation, and keeps the weights of each epoch."""

    def __init__(self, values, name="val_loss"):
        self.values, self.name, self.weights = values, name, []

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[epoch]
        self.weights.append(self.model.get_weights())


def played(values, *callbacks, name="val_loss", **options):
    """The model and what it went through, as far as the values go."""
    model, plays = compiled(), Plays(values, name)
    options = {"epochs": len(values), "verbose": 0, "seed": 1, **options}
    history = model.fit(X, Y, callbacks=[plays, *callbacks], **options)
    return model, plays, history


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


# ---------------------------------------------------------------------------- EarlyStopping

# arguments, the numbers of the epochs, how many epochs run, the best epoch
STOPS = [
    ({"patience": 2}, [5, 4, 4.5, 4.2, 3], 4, 1),
    ({"patience": 2}, [5, 4, 4.5, 3, 3.5, 3.2], 6, 3),
    ({"patience": 0}, [5, 4, 4.5, 3], 3, 1),
    ({"patience": 1, "min_delta": 0.5}, [5, 4.8, 4.3], 2, 0),
    ({"patience": 1, "min_delta": -0.5}, [5, 4.4, 4.3], 3, 1),
    ({"patience": 2, "mode": "max"}, [1, 2, 1.5, 1.9, 9], 4, 1),
    ({"patience": 2, "baseline": 3.0}, [5, 4, 4.5], 3, 1),
    ({"patience": 2, "baseline": 4.5}, [5, 4, 4.2, 4.1, 9], 4, 1),
    ({"patience": 1, "start_from_epoch": 3}, [1, 2, 3, 4, 3.5, 4], 6, 4),
    ({"patience": 9}, [3, 2, 1], 3, 2),
    ({"patience": 1}, [float("nan"), float("nan"), 1], 2, 0),
    ({"patience": 2}, [float("nan"), 1, 2, 3], 4, 1),
]


@pytest.mark.parametrize(("options", "values", "epochs", "best"), STOPS)
@pytest.mark.parametrize("restore", [False, True])
def test_early_stopping(options, values, epochs, best, restore):
    stop = EarlyStopping(restore_best_weights=restore, **options)
    model, plays, history = played(values, stop)
    assert len(history.epoch) == epochs
    assert stop.best_epoch == best
    assert same(model.get_weights(), plays.weights[best if restore else epochs - 1])


def test_early_stopping_says_so_and_can_be_used_again(capsys):
    stop = EarlyStopping(patience=1, verbose=1, restore_best_weights=True)
    for _ in range(2):
        played([2, 1, 3, 4], stop)
        assert (stop.stopped_epoch, stop.best) == (2, 1)
        shown = capsys.readouterr().out
        assert "epoch 3: val_loss no longer gets better" in shown
        assert "those of epoch 2" in shown


def test_a_number_that_is_not_there():
    with pytest.warns(UserWarning, match="EarlyStopping watches `val_loss`"):
        compiled().fit(X, Y, verbose=0, callbacks=[EarlyStopping()])


# ---------------------------------------------------------------------------- which way is better

WAYS = {
    "loss": False, "val_loss": False, "acc": True, "val_accuracy": True, "out_accuracy_loss": False,
    "mae": False, "val_mean_squared_error": False, "auc": True, "out_a_precision": True,
    "true_negatives": True, "false_positives": False, "cosine_similarity": True, "size": None,
    "sparse_categorical_crossentropy": False, "kl_divergence": False, "f1_score": True,
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_names_say_what_is_better(name):
    watching = MonitorCallback(name)
    if WAYS[name] is None:
        with pytest.raises(ArgumentError, match="mode="):
            watching.is_better(1.0, 0.0)
    else:
        assert watching.is_better(1.0, 0.0) is WAYS[name]
    assert MonitorCallback(name, "max").is_better(1.0, 0.0)
    assert not MonitorCallback(name, "min").is_better(1.0, 0.0)


def test_an_unknown_mode_is_auto():
    with pytest.warns(UserWarning, match="none of auto"):
        assert MonitorCallback("loss", "sideways").mode == "auto"


# ---------------------------------------------------------------------------- learning rates


def test_learning_rate_scheduler(capsys):
    rates = {"old": lambda epoch: 0.1 / (epoch + 1), "new": lambda epoch, rate: rate / 2}
    for name, expected in (("old", [0.1, 0.05, 0.1 / 3]), ("new", [0.05, 0.025, 0.0125])):
        model = compiled()
        scheduler = LearningRateScheduler(rates[name], verbose=1)
        history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[scheduler]).history
        assert history["learning_rate"] == pytest.approx(expected)
    assert "epoch 3: the learning rate is 0.0125" in capsys.readouterr().out
    assert len(model.trainer._steps) == 1


def test_a_scheduler_steps_with_its_rate():
    model, other = compiled(), compiled(0.025)
    model.fit(X, Y, verbose=0, seed=1, callbacks=[LearningRateScheduler(lambda e, r: r / 4)])
    other.fit(X, Y, verbose=0, seed=1)
    assert same(model.get_weights(), other.get_weights())


@pytest.mark.parametrize(
    ("rate", "schedule", "error", "words"),
    [
        (0.1, lambda epoch: "fast", ArgumentError, "number"),
        (ExponentialDecay(0.1, 1, 0.5), lambda epoch: 0.1, ModeError, "schedule"),
    ],
)
def test_schedules_that_do_not_work(rate, schedule, error, words):
    with pytest.raises(error, match=words):
        compiled(rate).fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(schedule)])


# arguments, the numbers of the epochs, the rates that they had
PLATEAUS = [
    ({"patience": 2, "factor": 0.5}, [3, 2, 2, 2, 2, 2], [0.1] * 4 + [0.05] * 2),
    ({"patience": 1, "factor": 0.1, "cooldown": 2}, [1] * 6, [0.1] * 2 + [0.01] * 2 + [0.001] * 2),
    ({"patience": 1, "factor": 0.1, "min_lr": 0.05}, [1] * 4, [0.1] * 2 + [0.05] * 2),
    ({"patience": 1, "min_delta": 0.5}, [3, 2.6, 1], [0.1, 0.1, 0.01]),
    ({"patience": 1, "mode": "max"}, [1, 2, 1, 3], [0.1, 0.1, 0.1, 0.01]),
    ({"patience": 9}, [1] * 3, [0.1] * 3),
]


@pytest.mark.parametrize(("options", "values", "rates"), PLATEAUS)
def test_reduce_on_plateau(options, values, rates):
    _, _, history = played(values, ReduceLROnPlateau(**options))
    assert history.history["learning_rate"] == pytest.approx(rates)


def test_reduce_on_plateau_goes_back_to_the_best_step(capsys):
    values = [3, 1, 2, 2.5, 0.5, 0.9]
    back = ReduceLROnPlateau(factor=0.5, patience=2, restore_best_weights=True, verbose=1)
    _, plays, history = played(values, back)
    assert history.history["learning_rate"] == pytest.approx([0.1] * 4 + [0.05] * 2)
    # After the fourth epoch it goes on from the second.
    again = compiled(0.05)
    again.set_weights(plays.weights[1])
    again.fit(X, Y, epochs=5, initial_epoch=4, verbose=0, seed=1)
    assert same(again.get_weights(), plays.weights[4])
    assert "epoch 4: the learning rate is reduced to 0.05" in capsys.readouterr().out
    with pytest.raises(ArgumentError, match="below 1"):
        ReduceLROnPlateau(factor=1.0)


# ---------------------------------------------------------------------------- files


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    model = compiled()
    options = {"verbose": 0, "callbacks": [CSVLogger(str(path), separator=";", append=True)]}
    first = model.fit(X, Y, epochs=2, validation_data=(X, Y), **options).history
    second = model.fit(X, Y, epochs=3, initial_epoch=2, **options).history
    rows = list(csv.DictReader(path.read_text().splitlines(), delimiter=";"))
    assert list(rows[0]) == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert [r["epoch"] for r in rows] == ["0", "1", "2"]
    assert [float(r["loss"]) for r in rows] == [*first["loss"], *second["loss"]]
    assert rows[2]["val_loss"] == "NA"
    model.fit(X, Y, verbose=0, callbacks=[CSVLogger(path)])
    header, *rows = path.read_text().splitlines()
    assert header == "epoch,loss,mae,val_loss,val_mae", "validation may come later"
    assert rows[0].endswith("NA,NA")
    assert len(rows) == 1


def test_numbers_that_are_lists_in_a_csv_file(tmp_path):
    path = tmp_path / "log.csv"
    played([np.array([1.5, 2.0])], CSVLogger(path), name="val_each")
    assert '"[1.5, 2.0]"' in path.read_text()


class Saved(Callback):
    """Stands for the model's own ways to save."""

    def __init__(self, model):
        self.paths, self.batches = [], 0
        model.save = lambda path, overwrite: self.paths.append((str(path), self.batches))
        model.save_weights = lambda path, overwrite: self.paths.append((f"weights {path}", 0))

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1


# arguments, the numbers of the epochs, the files
CHECKPOINTS = [
    ({}, [3, 1, 2], ["m1", "m2", "m3"]),
    ({"save_best_only": True}, [3, 1, 2], ["m1", "m2"]),
    ({"save_best_only": True, "mode": "max"}, [3, 1, 4], ["m1", "m3"]),
    ({"save_best_only": True, "initial_value_threshold": 1.5}, [3, 1, 2], ["m2"]),
    ({"save_best_only": True, "save_weights_only": True}, [3, 1, 2], ["weights m1", "weights m2"]),
]


@pytest.mark.parametrize(("options", "values", "files"), CHECKPOINTS)
def test_model_checkpoint(options, values, files, tmp_path):
    model = compiled()
    saved, check = Saved(model), ModelCheckpoint(tmp_path / "a" / "m{epoch}", **options)
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[Plays(values), saved, check])
    assert [p.replace(f"{tmp_path}/a/", "") for p, _ in saved.paths] == files
    assert (tmp_path / "a").is_dir()


@pytest.mark.parametrize("often", [1, 2, 3, 4, 5, 7])
def test_saving_every_few_batches(often, tmp_path):
    model = compiled()
    saved = Saved(model)
    check = ModelCheckpoint(tmp_path / "{epoch}-{batch:02d}-{loss:.1f}", save_freq=often)
    model.fit(X, Y, 2, 3, 0, [saved, check])
    due = range(often, 16, often)
    assert [n for _, n in saved.paths] == list(due)
    starts = [p.rpartition("/")[2].rpartition("-")[0] for p, _ in saved.paths]
    assert starts == [f"{(n - 1) // 5 + 1}-{(n - 1) % 5 + 1:02d}" for n in due]


def test_a_real_file(tmp_path):
    model = compiled()
    best = tmp_path / "best.graphc"
    check = ModelCheckpoint(best, "loss", save_best_only=True, verbose=1)
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[check])
    other = compiled()
    other.load_weights(best)
    assert same(other.get_weights(), model.get_weights())


@pytest.mark.parametrize("often", [0, -1, "batch", True])
def test_wrong_save_freq(often):
    with pytest.raises(ArgumentError, match="save_freq"):
        ModelCheckpoint("x.graphc", save_freq=often)


def test_a_name_with_a_number_that_is_not_there():
    with pytest.raises(UnknownNameError, match="val_loss"):
        compiled().fit(X, Y, verbose=0, callbacks=[ModelCheckpoint("{val_loss}.graphc")])


class Killed(Callback):
    """Ends the program in an epoch, the first time."""

    def __init__(self, epoch):
        self.epoch, self.epochs = epoch, []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append(epoch)
        if epoch == self.epoch:
            self.epoch = None
            raise KeyboardInterrupt


def test_training_goes_on_from_a_backup(tmp_path):
    def run(*callbacks):
        model = compiled()
        model.compile(Adam(0.1), "mse")
        model.fit(X, Y, 4, 5, 0, [*callbacks], seed=2)
        return model.get_weights()

    killed = Killed(3)
    with pytest.raises(KeyboardInterrupt):
        run(BackupAndRestore(tmp_path), killed)
    assert len(list(tmp_path.iterdir())) == 1
    assert same(run(BackupAndRestore(tmp_path), killed), run())
    assert killed.epochs == [0, 1, 2, 3, 3, 4]
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_backup(tmp_path):
    def options(**more):
        return {"epochs": 4, "verbose": 0, "callbacks": [BackupAndRestore(tmp_path, **more)]}

    compiled().fit(X, Y, **options(double_checkpoint=True, delete_checkpoint=False))
    _, new = sorted(tmp_path.iterdir())
    new.write_bytes(b"no model")
    history = compiled().fit(X, Y, **options(delete_checkpoint=False))
    assert history.epoch == [3]
    for path in tmp_path.iterdir():
        path.write_bytes(b"no model")
    with pytest.raises(DataError):
        compiled().fit(X, Y, **options())


def test_backups_every_few_batches(tmp_path):
    model = compiled()
    backup = BackupAndRestore(tmp_path, save_freq=2, delete_checkpoint=False)
    model.fit(X, Y, 2, 1, 0, [backup])
    (path,) = tmp_path.iterdir()
    assert path.name == "training-00000002-0.graphc"


# ---------------------------------------------------------------------------- NaN


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_terminate_on_nan(wrong, capsys):
    bad = X.copy()
    bad[3, 0] = wrong
    assert compiled().fit(bad, Y, epochs=5, verbose=0, callbacks=[TerminateOnNaN()]).epoch == [0]
    assert "training ends" in capsys.readouterr().out
    with pytest.raises(NumericError, match="is no number"):
        compiled().fit(bad, Y, verbose=0, callbacks=[TerminateOnNaN(raise_error=True)])
    assert len(compiled().fit(X, Y, epochs=2, verbose=0, callbacks=[TerminateOnNaN()]).epoch) == 2
