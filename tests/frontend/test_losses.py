"""Losses: values of known examples, gradients, reductions, and targets that are no targets."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.compiler import function
from graphc.diff.reverse import grad
from graphc.errors import ArgumentError, DataError, ShapeError, UnknownNameError
from graphc.frontend import activations, losses
from graphc.frontend.layers import Dense
from graphc.frontend.models import Sequential
from graphc.ops.leaf import placeholder

# Three classes, three examples; the second row sums to 1.99.
P = [[0.9, 0.05, 0.05], [0.5, 0.89, 0.6], [0.05, 0.01, 0.94]]
LABELS, ONE_HOT = [0, 1, 2], np.eye(3, dtype=np.float32)
ONES, BITS, CHANCES = np.ones((3, 5)), [[0, 1], [1, 0]], [[0.1, 0.8], [0.6, 0.3]]
LOGITS = np.log(np.array(CHANCES) / (1 - np.array(CHANCES)))

# fmt: off
VALUES = [
    (losses.MeanSquaredError(),                             [0, 0, 1, 1], [1, 1, 1, 0], 0.75),
    (losses.MeanSquaredError(),                             0 * ONES,     ONES,         1.0),
    (losses.MeanAbsoluteError(),                            [1.0, 2.0],   [2.0, 4.0],   1.5),
    (losses.SparseCategoricalCrossentropy(),                LABELS,       P,            0.3239681),
    (losses.SparseCategoricalCrossentropy(from_logits=True), LABELS,      P,            0.6981444),
    (losses.CategoricalCrossentropy(),                      ONE_HOT,      P,            0.3239681),
    (losses.CategoricalCrossentropy(from_logits=True),      ONE_HOT,      P,            0.6981444),
    (losses.CategoricalCrossentropy(),                      [0, 1, 0],    [.2, .7, .1], 0.3566750),
    (losses.CategoricalCrossentropy(label_smoothing=0.3),   [0, 1, 0],    [.2, .7, .1], 0.6765425),
    (losses.BinaryCrossentropy(),                           BITS,         CHANCES,      0.2990012),
    (losses.BinaryCrossentropy(from_logits=True),           BITS,         LOGITS,       0.2990012),
]
# fmt: on


@pytest.mark.parametrize(("loss", "y_true", "y_pred", "expected"), VALUES)
def test_value(loss, y_true, y_pred, expected):
    assert float(loss(y_true, y_pred)) == pytest.approx(expected, rel=1e-5)


def test_own_losses_of_the_user():
    def squares(y_true, y_pred):
        return ((y_true - y_pred) ** 2).sum(-1).mean()

    assert float(losses.as_loss(squares)(np.zeros((3, 5)), np.ones((3, 5)))) == 5.0


@pytest.mark.parametrize("name", ["SparseCategoricalCrossEntropy", "BinaryCrossEntropy"])
def test_both_spellings(name):
    assert vars(losses)[name] is vars(losses)[name.replace("Entropy", "entropy")]
    assert losses.as_loss(name).name == losses.as_loss(vars(losses)[name]).name


def test_extreme_logits_are_finite():
    logits = np.array([[1e4, -1e4, 0.0]], np.float32)
    for label, expected in ((0, 0.0), (1, 2e4), (2, 1e4)):
        value = losses.sparse_categorical_crossentropy([label], logits, from_logits=True)
        assert value.numpy() == pytest.approx([expected])
    value = losses.binary_crossentropy([[0.0, 1.0]], [[1e4, 1e4]], from_logits=True)
    assert value.numpy() == pytest.approx([5e3])


def test_sparse_and_dense_labels_have_one_gradient():
    x = placeholder((None, 3), name="x")
    sparse = losses.SparseCategoricalCrossentropy(from_logits=True)(np.array(LABELS), x)
    dense = losses.CategoricalCrossentropy(from_logits=True)(ONE_HOT, x)
    got = function(x, [sparse, dense, grad(sparse, x), grad(dense, x)])(P)
    softmax = np.exp(P) / np.exp(P).sum(-1, keepdims=True)
    assert got[0] == pytest.approx(got[1], rel=1e-6)
    for gradient in got[2:]:
        np.testing.assert_allclose(gradient, (softmax - ONE_HOT) / 3, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("reduction", "expected"), [("sum", 5.0), ("none", [1.0, 4.0]), ("mean", 2.5)]
)
def test_reduction(reduction, expected):
    loss = losses.MeanSquaredError(reduction=reduction)
    assert loss([[0.0], [0.0]], [[1.0], [2.0]]).numpy() == pytest.approx(expected)


def test_sample_weight():
    weighted = losses.MeanSquaredError()([[0.0], [0.0]], [[1.0], [2.0]], sample_weight=[1, 3])
    assert float(weighted) == pytest.approx((1 + 12) / 2)


@pytest.mark.parametrize("label", [-1, 3, float("nan")])
def test_a_label_that_is_no_class(label):
    loss = losses.SparseCategoricalCrossentropy()
    assert np.isnan(loss([label], [P[0]]).numpy())
    with pytest.raises(DataError, match=r"0 \.\. 2"):
        loss.check_targets(np.array([0, label]), (None, 3))


def test_a_missing_last_axis():
    assert losses.mean_squared_error([1.0, 2.0], [[1.0], [4.0]]).numpy().tolist() == [0.0, 4.0]


def test_errors():
    with pytest.raises(ShapeError, match="categorical_crossentropy"):
        losses.sparse_categorical_crossentropy(ONE_HOT, P)
    with pytest.raises(ShapeError, match="sparse_"):
        losses.categorical_crossentropy(np.array([0, 1, 2]), np.array(P))
    with pytest.raises(UnknownNameError, match="mean_squared_error"):
        losses.as_loss("least_squares")
    with pytest.raises(ArgumentError, match="reduction"):
        losses.MeanSquaredError(reduction="median")


def test_probabilities_of_an_activation_have_all_digits():
    x = placeholder((None, 2))
    far = np.array([[200.0, 0.0], [0.0, -200.0]], np.float32)
    for loss, of in [
        (losses.CategoricalCrossentropy(reduction="none"), activations.softmax),
        (losses.BinaryCrossentropy(reduction="none"), activations.sigmoid),
    ]:
        targets = np.array([[0, 1], [0, 1]], np.float32)
        value = loss(targets, of(x))
        direct = type(loss)(from_logits=True, reduction="none")(targets, x)
        assert function(x, value)(far).max() >= 100
        for a, b in [(value, direct), (grad(value.sum(), x), grad(direct.sum(), x))]:
            np.testing.assert_array_equal(*function(x, [a, b])(far))


def test_a_model_that_is_sure_and_wrong_still_learns():
    model = Sequential([Dense(2, activation="softmax", input_shape=(1,))])
    model.set_weights([[[60.0, -60.0]], [0.0, 0.0]])
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = model.get_weights()[0]
    loss = model.train_on_batch(np.ones((4, 1)), np.ones(4))
    assert loss == pytest.approx(120.0)
    assert model.get_weights()[0] == pytest.approx(before - [[0.01, -0.01]])


def test_a_softmax_along_another_axis_is_no_logits():
    x = placeholder((3, 3))
    value = losses.CategoricalCrossentropy()(ONE_HOT, activations.softmax(x, axis=0))
    column = np.exp(P) / np.exp(P).sum(0)
    expected = -np.log(np.diag(column / column.sum(1, keepdims=True))).mean()
    assert float(function(x, value)(P)) == pytest.approx(expected, rel=1e-5)
