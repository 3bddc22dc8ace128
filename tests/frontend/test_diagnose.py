"""Diagnosis: the table of errors, each kind of curve with and without noise, what it reads."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_curves import KINDS

from graphc.errors import ArgumentError, DataError, UnknownNameError
from graphc.frontend import regularizers
from graphc.frontend.diagnose import Label, bias_and_variance, diagnose
from graphc.frontend.diagnose.advice import ADVICE
from graphc.frontend.diagnose.diagnosis import acts_in_training_only
from graphc.frontend.layers import LSTM, Dense, Dropout, GaussianNoise
from graphc.frontend.models import Sequential

EPOCHS = np.arange(40)
FALLING = 0.1 + 2.0 * np.exp(-EPOCHS / 5)
RISING = np.where(EPOCHS < 12, FALLING, FALLING[12] + 0.03 * (EPOCHS - 12))


# ---------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("train", "dev", "label"),
    [
        (1, 11, Label.HIGH_VARIANCE),
        (15, 16, Label.HIGH_BIAS),
        (15, 30, Label.HIGH_BIAS_AND_VARIANCE),
        (0.5, 1, Label.LOW_BIAS_AND_VARIANCE),
        (5, 10, Label.LOW_BIAS_AND_VARIANCE),
        (5.1, 10.2, Label.HIGH_BIAS_AND_VARIANCE),
        (30, 20, Label.HIGH_BIAS),
    ],
)
def test_bias_and_variance(train: float, dev: float, label: Label) -> None:
    finding = bias_and_variance(train / 100, dev / 100)
    assert finding.label is label
    assert f"{train / 100:.1%} errors in training, {dev / 100:.1%} in validation" in str(finding)


def test_what_the_task_allows_is_no_bias() -> None:
    assert bias_and_variance(0.15, 0.16, target=0.14).label is Label.LOW_BIAS_AND_VARIANCE
    assert bias_and_variance(0.15, 0.16, tolerance=0.2).label is Label.LOW_BIAS_AND_VARIANCE
    with pytest.raises(ArgumentError, match="share of 1"):
        bias_and_variance(15, 16)


# ---------------------------------------------------------------------------- curves

# fmt: off
CURVES = [
    (np.full(20, 2.3), np.full(20, 2.31), Label.NO_CAPACITY),
    (2.3 + 0.3 * np.sin(7 * EPOCHS), 2.4 + 0.3 * np.sin(5 * EPOCHS), Label.NO_CAPACITY),
    (np.linspace(2, 1, 40), np.linspace(2, 1.05, 40), Label.NEEDS_TRAINING),
    (np.linspace(2, 1.9, 40), np.linspace(2, 1.9, 40), Label.NEEDS_TRAINING),
    (FALLING, RISING, Label.OVERFITTING),
    (FALLING, FALLING + 0.02, Label.GOOD_FIT),
    (FALLING, FALLING + 1.0, Label.SMALL_TRAINING_SET),
    (FALLING, FALLING + 0.4 * np.where(EPOCHS % 2, 1, -1), Label.SMALL_VALIDATION_SET),
    (FALLING + 0.5, FALLING + 0.2, Label.EASY_VALIDATION_SET),
    (2.0 * 1.1 ** EPOCHS, 2.0 * 1.1 ** EPOCHS, Label.DIVERGED),
    (FALLING[:4], FALLING[:4], Label.TOO_SHORT),
    (FALLING[:0], FALLING[:0], Label.TOO_SHORT),
]
# fmt: on


@pytest.mark.parametrize(("train", "validation", "label"), CURVES)
def test_clean_curves(train: np.ndarray, validation: np.ndarray, label: Label) -> None:
    report = diagnose({"loss": train, "val_loss": validation})
    assert report.labels == (label,)
    assert str(report).startswith(str(label))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_unit_of_the_loss_does_not_matter(scale: float) -> None:
    for train, validation, label in CURVES:
        assert diagnose({"loss": train * scale, "val_loss": validation * scale}).label is label


# What share of random curves must be told right: noise up to this share of the drop.
@pytest.mark.parametrize(("noise", "share"), [(0.0, 0.99), (0.02, 0.97), (0.05, 0.93)])
@pytest.mark.parametrize("label", KINDS, ids=lambda label: label.name.lower())
def test_noisy_curves(label: Label, noise: float, share: float) -> None:
    random = np.random.default_rng(3)
    pairs = [KINDS[label](random, noise) for _ in range(300)]
    told = [diagnose({"loss": t, "val_loss": v}).label for t, v in pairs]
    assert told.count(label) / len(told) >= share


def test_overfitting_names_the_epoch() -> None:
    report = diagnose({"loss": FALLING, "val_loss": RISING})
    assert report.findings[0].epoch == report.best_epoch == 12
    assert "epoch 12" in report.findings[0].evidence
    assert any("EarlyStopping" in text for text in report.advice)


def test_a_collapse_names_the_epoch() -> None:
    report = diagnose({"loss": [1.0, 0.5, np.nan, np.nan], "val_loss": [1.0, 0.9, np.nan, np.nan]})
    assert report.labels == (Label.DIVERGED,)
    assert "epoch 2" in report.findings[0].evidence
    assert report.best_epoch == 1


def test_a_gap_and_an_early_end_are_two_findings() -> None:
    train = np.linspace(2, 1, 40)
    report = diagnose({"loss": train, "val_loss": train + 0.6})
    assert report.labels == (Label.SMALL_TRAINING_SET, Label.NEEDS_TRAINING)


def test_without_validation() -> None:
    assert diagnose({"loss": FALLING}).labels == (Label.NO_VALIDATION,)
    assert diagnose({"loss": np.linspace(2, 1, 40)}).labels == (Label.NEEDS_TRAINING,)
    assert diagnose({"loss": np.full(9, 2.0)}).labels == (Label.NO_CAPACITY,)


def test_half_an_epoch_of_learning_is_no_easy_validation() -> None:
    """The training loss is a mean over an epoch, that of validation is of its end."""
    edges = 0.1 + 2 * np.exp(-np.arange(41) / 8)
    between = (edges[:-1] + edges[1:]) / 2
    assert diagnose({"loss": between, "val_loss": edges[1:]}).label is not Label.EASY_VALIDATION_SET


def test_a_short_run_that_still_improves() -> None:
    """Few epochs: the bend of the curves is no noise."""
    lists = {
        "loss": [1.104, 0.254, 0.154, 0.119, 0.094],
        "val_loss": [0.314, 0.178, 0.132, 0.116, 0.1],
    }
    assert diagnose(lists).labels == (Label.NEEDS_TRAINING,)


def test_every_label_has_advice_in_whole_sentences() -> None:
    assert set(ADVICE) == set(Label)
    assert all(text.endswith(".") for texts in ADVICE.values() for text in texts)
    assert all(len(set(texts)) == len(texts) for texts in ADVICE.values())


# ---------------------------------------------------------------------------- accuracies


def test_accuracy_is_read_as_errors() -> None:
    error = 0.02 + 0.5 * np.exp(-EPOCHS / 4)
    late = np.where(EPOCHS < 12, error, error[12] + 0.01 * (EPOCHS - 12))
    for name in ("acc", "accuracy"):
        lists = {name: 1 - error, f"val_{name}": 1 - late}
        report = diagnose(lists, monitor="accuracy")
        assert report.labels == (Label.OVERFITTING, Label.HIGH_VARIANCE)
        assert "1 - val_acc" in report.findings[0].evidence


def test_accuracies_add_bias_and_variance() -> None:
    lists = {"loss": FALLING, "val_loss": FALLING, "acc": [0.85] * 40, "val_acc": [0.7] * 40}
    report = diagnose(lists)
    assert report.labels == (Label.HIGH_BIAS_AND_VARIANCE, Label.GOOD_FIT)
    assert diagnose(lists, target_error=0.14).labels == (Label.HIGH_VARIANCE, Label.GOOD_FIT)


def test_names_of_accuracies() -> None:
    errors = {"loss": FALLING, "val_loss": FALLING}
    for name in ("sparse_categorical_accuracy", "head_accuracy", "head_acc"):
        lists = {**errors, name: [0.99] * 40, f"val_{name}": [0.8] * 40}
        assert diagnose(lists).labels == (Label.HIGH_VARIANCE, Label.GOOD_FIT)
    top = {"top_k_categorical_accuracy": [0.99] * 40, "val_top_k_categorical_accuracy": [0.8] * 40}
    assert diagnose({**errors, **top}).labels == (Label.GOOD_FIT,)
    assert diagnose(errors, monitor="val_loss") == diagnose(errors)


def test_a_flat_loss_is_fine_where_nearly_all_is_right() -> None:
    lists = {"loss": [0.02] * 9, "val_loss": [0.021] * 9, "acc": [0.99] * 9, "val_acc": [0.99] * 9}
    assert diagnose(lists).label is Label.GOOD_FIT
    assert diagnose({n: v for n, v in lists.items() if "loss" in n}).label is Label.NO_CAPACITY


# ---------------------------------------------------------------------------- what training adds


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (Dropout(0.3), True),
        (Dropout(0.0), False),
        (GaussianNoise(0.1), True),
        (LSTM(3), False),
        (LSTM(3, dropout=0.2), True),
        (Dense(3), False),
    ],
)
def test_layers_that_act_in_training_only(layer, expected: bool) -> None:
    assert acts_in_training_only(Sequential([layer])) is expected


def test_easy_validation_may_be_regularisation_alone() -> None:
    lists = {"loss": FALLING + 0.5, "val_loss": FALLING + 0.2}
    model = Sequential([Dense(3, kernel_regularizer=regularizers.L2(0.01), input_shape=(2,))])
    assert "by themselves can do this" in diagnose(lists, model=model).findings[0].evidence
    plain = Sequential([Dense(3, input_shape=(2,))])
    report = diagnose(lists, model=plain)
    assert report.label is Label.EASY_VALIDATION_SET
    assert "themselves" not in report.findings[0].evidence
    assert "compare with evaluate on the training data" in report.advice[0]


# ---------------------------------------------------------------------------- what it reads


def test_history_and_files(tmp_path) -> None:
    x, y = np.linspace(0, 1, 40)[:, None], np.linspace(1, 3, 40)[:, None]
    model = Sequential([Dense(1, input_shape=(1,))])
    model.compile("sgd", "mse")
    history = model.fit(x, y, epochs=6, validation_split=0.2, verbose=0)
    expected = diagnose(history)
    assert diagnose(history.history).labels == expected.labels
    for separator in ",;\t":
        lines = [separator.join(["epoch", *history.history])]
        columns = zip(*history.history.values())
        lines += [separator.join(map(repr, (i, *row))) for i, row in enumerate(columns)]
        path = tmp_path / "log.csv"
        path.write_text("\n".join(lines), encoding="utf-8")
        assert diagnose(path) == diagnose(str(path)) == expected


def test_what_it_does_not_read(tmp_path) -> None:
    with pytest.raises(ArgumentError, match="no curves"):
        diagnose(3)
    with pytest.raises(UnknownNameError, match="no such curve"):
        diagnose({"loss": FALLING}, monitor="mae")
    with pytest.raises(DataError, match="no such file"):
        diagnose(tmp_path / "none.csv")
    path = tmp_path / "a.csv"
    path.write_text("epoch,loss\n0,much\n", encoding="utf-8")
    with pytest.raises(DataError, match="no table"):
        diagnose(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(UnknownNameError):
        diagnose(path)


def test_numbers_that_are_missing_in_a_file(tmp_path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("epoch,loss,val_loss\n0,1,NA\n1,0.5,\n2,,3\n", encoding="utf-8")
    assert diagnose(path).label is Label.DIVERGED
