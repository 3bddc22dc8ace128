"""Every loss against its formula in float64, its gradient, its config, its names."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit, log_softmax, logsumexp, softmax, xlogy

from graphc.compiler import function
from graphc.diff.reverse import grad
from graphc.errors import ArgumentError, ShapeError, UnknownNameError
from graphc.frontend import config, losses
from graphc.frontend.masks import set_mask
from graphc.ops.leaf import constant, placeholder

RANDOM = np.random.default_rng(7)
N, K = 6, 5
X = RANDOM.normal(size=(N, K))
Y = RANDOM.normal(size=(N, K))
P, Q = softmax(X, -1), softmax(2 * Y, -1)
LABELS = RANDOM.integers(0, K, N)
HOT = np.eye(K)[LABELS]
BITS = RANDOM.integers(0, 2, (N, K)).astype(float)
SIGNS = 2 * BITS - 1
WEIGHTS = RANDOM.uniform(size=N)
SMOOTH = 0.9 * HOT + 0.1 / K


def picked(p):
    return p[np.arange(N), LABELS]


def wrong(x):
    return np.where(HOT == 1, -np.inf, x).max(-1)


def entropy(y, p):
    return -(xlogy(y, p) + xlogy(1 - y, 1 - p))


def overlap(y, p, alpha, beta):
    both = (y * p).sum(-1)
    return 1 - both / (both + alpha * (y * (1 - p)).sum(-1) + beta * ((1 - y) * p).sum(-1))


E = X - Y
# fmt: off
# Loss, targets, predictions, its values per example.
FORMULAS = [
    (losses.MeanSquaredError(),            Y, X, (E**2).mean(-1)),
    (losses.MeanAbsoluteError(),           Y, X, abs(E).mean(-1)),
    (losses.MeanAbsolutePercentageError(), Y, X, 100 * (abs(E) / abs(Y)).mean(-1)),
    (losses.MeanSquaredLogarithmicError(), Q, P, ((np.log1p(P) - np.log1p(Q))**2).mean(-1)),
    (losses.Huber(0.7),                    Y, X,
        np.where(abs(E) <= 0.7, E**2 / 2, 0.7 * abs(E) - 0.7**2 / 2).mean(-1)),
    (losses.LogCosh(),                     Y, X, np.log(np.cosh(E)).mean(-1)),
    (losses.CosineSimilarity(),            Y, X,
        -(X * Y).sum(-1) / np.sqrt((X**2).sum(-1) * (Y**2).sum(-1))),
    (losses.Hinge(),                       SIGNS, X, np.maximum(1 - SIGNS * X, 0).mean(-1)),
    (losses.Hinge(),                       BITS, X, np.maximum(1 - SIGNS * X, 0).mean(-1)),
    (losses.SquaredHinge(),                SIGNS, X, (np.maximum(1 - SIGNS * X, 0)**2).mean(-1)),
    (losses.CategoricalHinge(),            HOT, P, np.maximum(wrong(P) - picked(P) + 1, 0)),
    (losses.KLDivergence(),                Q, P, (Q * np.log(Q / P)).sum(-1)),
    (losses.Poisson(),                     Q, P, (P - Q * np.log(P)).mean(-1)),
    (losses.BinaryCrossentropy(),          BITS, P, entropy(BITS, P).mean(-1)),
    (losses.BinaryCrossentropy(True),      BITS, X, entropy(BITS, expit(X)).mean(-1)),
    (losses.BinaryCrossentropy(True, 0.2), BITS, X,
        entropy(0.8 * BITS + 0.1, expit(X)).mean(-1)),
    (losses.CategoricalCrossentropy(),     HOT, P, -np.log(picked(P))),
    (losses.CategoricalCrossentropy(True), HOT, X, -picked(log_softmax(X, -1))),
    (losses.CategoricalCrossentropy(True, 0.1), HOT, X, -(SMOOTH * log_softmax(X, -1)).sum(-1)),
    (losses.SparseCategoricalCrossentropy(),     LABELS, P, -np.log(picked(P))),
    (losses.SparseCategoricalCrossentropy(True), LABELS, X, -picked(log_softmax(X, -1))),
    (losses.SparseCategoricalCrossentropy(True, 1), LABELS, X,
        np.where(LABELS == 1, 0, -picked(log_softmax(X, -1)))),
    (losses.CategoricalFocalCrossentropy(0.3, 1.5), HOT, P,
        -0.3 * (1 - picked(P))**1.5 * np.log(picked(P))),
    (losses.CategoricalFocalCrossentropy(from_logits=True), HOT, X,
        -0.25 * (1 - picked(P))**2 * np.log(picked(P))),
    (losses.BinaryFocalCrossentropy(gamma=3.0), BITS, P,
        (np.where(BITS == 1, 1 - P, P)**3 * entropy(BITS, P)).mean(-1)),
    (losses.BinaryFocalCrossentropy(True, from_logits=True), BITS, X,
        (np.where(BITS == 1, 0.25 * (1 - expit(X))**2, 0.75 * expit(X)**2)
         * entropy(BITS, expit(X))).mean(-1)),
    (losses.CategoricalGeneralizedCrossEntropy(0.3), LABELS, P, (1 - picked(P)**0.3) / 0.3),
    (losses.Dice(axis=-1),                 BITS, P, overlap(BITS, P, 0.5, 0.5)),
    (losses.Tversky(0.3, 0.6, axis=-1),    BITS, P, overlap(BITS, P, 0.3, 0.6)),
    # Bricks of one output each.
    (losses.FunctionLoss(losses.square_brick),      Y, X, E**2 / 2),
    (losses.FunctionLoss(losses.log_brick),         SIGNS, X, np.log1p(np.exp(-SIGNS * X))),
    (losses.FunctionLoss(losses.hinge_brick, margin=0.5), SIGNS, X,
        np.maximum(0.5 - SIGNS * X, 0)),
    (losses.FunctionLoss(losses.log_softmax_brick), LABELS, X, logsumexp(X, -1) - picked(X)),
    (losses.FunctionLoss(losses.max_margin_brick),  LABELS, X,
        np.maximum(wrong(X) + 1 - picked(X), 0)),
]
# fmt: on
NAMES = [f"{loss.name}-{n}" for n, (loss, *_) in enumerate(FORMULAS)]
CASES = pytest.mark.parametrize(("loss", "y", "x", "expected"), FORMULAS, ids=NAMES)


@CASES
def test_values(loss, y, x, expected):
    one_by_one = type(loss).from_config({**loss.get_config(), "reduction": "none"})
    np.testing.assert_allclose(one_by_one(y, x).numpy(), expected, rtol=2e-5, atol=1e-6)
    if getattr(loss, "ignore_class", None) is None:
        assert float(loss(y, x)) == pytest.approx(expected.mean(), rel=2e-5)
        weights = WEIGHTS.reshape(N, *(1,) * (expected.ndim - 1))
        weighted = (weights * expected).mean()
        assert float(loss(y, x, sample_weight=WEIGHTS)) == pytest.approx(weighted, rel=3e-5)


@CASES
def test_gradient_and_symbolic_batch(loss, y, x, expected):
    dtype = y.dtype if y is LABELS else np.float64
    doubled = type(loss)(**{**loss.get_config(), "dtype": "float64"})
    targets = placeholder(("n", *y.shape[1:]), dtype)
    predictions = placeholder(("n", K), np.float64)
    value = doubled(targets, predictions)
    run = function([targets, predictions], [value, grad(value, predictions)])
    direction, step = RANDOM.normal(size=x.shape), 1e-6
    _, gradient = run(y, x)
    ahead, behind = (float(run(y, x + s * direction)[0]) for s in (step, -step))
    slope = (ahead - behind) / (2 * step)
    assert (gradient * direction).sum() == pytest.approx(slope, rel=1e-5, abs=1e-7)
    assert np.isfinite(run(y[:1], x[:1])[1]).all()


@CASES
def test_config(loss, y, x, expected):
    if type(loss) is losses.FunctionLoss:
        return
    stored = json.loads(json.dumps(losses.serialize(loss)))
    again = losses.deserialize(stored)
    assert losses.serialize(again) == stored
    assert float(again(y, x)) == float(loss(y, x))


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [
        ("sum_over_batch_size", 8 / 3), ("mean", 8 / 3), ("mean_with_sample_weight", 8 / 4),
        ("sum", 8.0), ("none", [2.0, 0.0, 6.0]), (None, [2.0, 0.0, 6.0]),
    ],
)  # fmt: skip
def test_reductions_of_weighted_values(reduction, expected):
    loss = losses.MeanSquaredError(reduction)
    got = loss([[1.0], [2.0], [3.0]], [[2.0], [9.0], [4.0]], [2.0, 0.0, 6.0])
    if reduction == "mean_with_sample_weight":
        expected = 8 / 8
    assert got.numpy() == pytest.approx(expected)


def test_nothing_counts():
    for reduction in ("sum_over_batch_size", "mean_with_sample_weight", "sum"):
        loss = losses.MeanSquaredError(reduction)
        assert float(loss(np.ones((3, 2)), np.zeros((3, 2)), np.zeros(3))) == 0.0
        assert float(loss(np.ones((0, 2)), np.zeros((0, 2)))) == 0.0


def test_mask_leaves_out():
    y, x, mask = np.array([1.0, 2.0, 3.0]), constant([2.0, 9.0, 5.0]), [True, False, True]
    set_mask(x, mask)
    by_reduction = {"mean": 2.5, "sum": 5.0, "mean_with_sample_weight": 2.5}
    for reduction, expected in by_reduction.items():
        value = losses.MeanSquaredError(reduction)(y[:, None], placeholder_of(x))
        assert float(function([], value)()) == pytest.approx(expected)


def placeholder_of(x):
    column = x.reshape((3, 1))
    set_mask(column, [True, False, True])
    return column


def test_ignored_class_does_not_count_in_the_mean():
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    labels = np.array([0, -1, 2])
    expected = -np.log(P[[0, 2], [0, 2]]).mean()
    assert float(loss(labels, P[:3])) == pytest.approx(expected, rel=1e-5)
    loss.check_targets(labels, (None, K))


def test_weights_per_time_step():
    y, x = RANDOM.normal(size=(4, 3, 2)), RANDOM.normal(size=(4, 3, 2))
    weights = RANDOM.uniform(size=(4, 3))
    got = losses.MeanSquaredError()(y, x, weights)
    assert float(got) == pytest.approx((((x - y) ** 2).mean(-1) * weights).mean(), rel=1e-5)
    # One weight per example, also where there are as many time steps as examples.
    y, x = y[:3], x[:3]
    got = losses.MeanSquaredError()(y, x, [1.0, 0.0, 0.0])
    assert float(got) == pytest.approx(((x - y) ** 2).mean(-1)[0].sum() / 9, rel=1e-5)


@pytest.mark.parametrize("big", [1e4, -1e4])
def test_large_logits(big):
    logits = np.array([[big, 0.0]], np.float32)
    for loss, y in [
        (losses.BinaryCrossentropy(True), [[1.0, 0.0]]),
        (losses.CategoricalCrossentropy(True), [[0.0, 1.0]]),
        (losses.LogCosh(), [[0.0, 0.0]]),
        (losses.Huber(), [[0.0, 0.0]]),
    ]:
        x = placeholder((1, 2))
        value = loss(np.array(y), x)
        assert all(np.isfinite(v).all() for v in function(x, [value, grad(value, x)])(logits))


def test_log_cosh_of_small_errors():
    assert float(losses.LogCosh()([0.0], [1e-4])) == pytest.approx(0.5e-8, rel=1e-5)


def test_dtype():
    assert losses.MeanSquaredError(dtype="bfloat16")([1.0], [2.0]).dtype.name == "bfloat16"
    config.set_floatx("float16")
    try:
        assert losses.MeanSquaredError()([1.0], [2.0]).dtype.name == "float16"
    finally:
        config.set_floatx("float32")


@pytest.mark.parametrize("name", ["mse", "MSE", "mae", "mape", "msle", "bce", "kld", "KLD"])
def test_short_names(name):
    assert losses.get(name) is vars(losses)[name]


def test_every_name():
    for name in losses.BY_NAME:
        assert losses.as_loss(name).name
    assert losses.get(None) is None
    assert isinstance(losses.get("Huber"), losses.Huber)
    assert isinstance(losses.as_loss("sparse_categorical_crossentropy"),
                      losses.SparseCategoricalCrossentropy)  # fmt: skip
    assert losses.serialize(losses.mse) == "mean_squared_error"
    assert losses.deserialize("mean_squared_error") is losses.mse


def test_custom_objects():
    class Mine(losses.Loss):
        def call(self, y_true, y_pred):
            return y_pred - y_true

    stored = losses.serialize(Mine(name="mine"))
    assert isinstance(losses.deserialize(stored, {"Mine": Mine}), Mine)
    with pytest.raises(UnknownNameError, match="Mine"):
        losses.deserialize(stored)


def test_mistakes():
    with pytest.raises(ShapeError, match="one shape"):
        losses.binary_crossentropy(np.ones((3, 1)), np.ones((3, 2)))
    with pytest.raises(ArgumentError, match="between 0 and 1"):
        losses.CategoricalGeneralizedCrossEntropy(1.5)
    with pytest.raises(ArgumentError, match="not a loss"):
        losses.get(3)
    with pytest.raises(ArgumentError, match="label_smoothing"):
        losses.BinaryCrossentropy(label_smoothing=2)([[1.0]], [[0.5]])
    with pytest.raises(ShapeError, match="ctc takes"):
        losses.ctc(np.ones(3, int), np.ones((3, 2)))


def test_ctc_is_the_sum_over_all_paths():
    labels, logits = np.array([[1, 2, 0], [1, 1, 0], [2, 0, 0]]), RANDOM.normal(size=(3, 4, 3))
    logs = log_softmax(logits, -1)
    paths = np.stack(np.meshgrid(*[range(3)] * 4), -1).reshape(-1, 4)
    for row, label in enumerate(labels):
        ways = [
            logs[row, range(4), path].sum()
            for path in paths
            if collapsed(path) == [c for c in label if c]
        ]
        got = losses.ctc(labels[row : row + 1], logits[row : row + 1]).numpy()[0]
        assert got == pytest.approx(-logsumexp(ways), rel=1e-6)


def collapsed(path):
    return [c for n, c in enumerate(path) if c and (n == 0 or c != path[n - 1])]


def test_circle_of_a_batch():
    x = X / np.linalg.norm(X, axis=-1, keepdims=True)
    labels = np.array([0, 0, 1, 1, 2, 3])
    near, far = [], []
    for i in range(N):
        d = np.maximum(1 - x @ x[i], 0)
        pairs = np.arange(N)
        same = (labels == labels[i]) & (pairs != i)
        other = labels != labels[i]
        near.append(logsumexp(80 * (d[same] + 0.4) * (d[same] - 0.4)) if same.any() else -np.inf)
        far.append(logsumexp(80 * np.maximum(1.4 - d[other], 0) * (0.6 - d[other])))
    expected = np.logaddexp(0, np.array(near) + np.array(far))
    got = losses.Circle(reduction=None)(labels, x).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("activation", "targets", "name"),
    [
        ("softmax", [0, 2], "sparse_categorical_crossentropy"),
        ("softmax", [[0], [2]], "sparse_categorical_crossentropy"),
        ("softmax", [[1, 0], [0, 1]], "categorical_crossentropy"),
        ("sigmoid", [[0], [1]], "binary_crossentropy"),
        ("tanh", [-1, 1], "hinge"),
        ("tanh", [-0.5, 1], "mean_squared_error"),
        ("exponential", [0, 3, 12], "poisson"),
        (None, [0.5], "mean_squared_error"),
    ],
)
def test_suggestion(activation, targets, name):
    assert losses.suggest(activation, targets) == name
    assert losses.as_loss(name).name == name
