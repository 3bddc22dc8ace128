"""Every metric over batches: against its formula on all data, eager and in a compiled step."""

from __future__ import annotations

import json
import pickle
from functools import cache

import numpy as np
import pytest
from sklearn import metrics as others

import graphc as gx
from graphc.errors import ArgumentError, ModeError, ShapeError, UnknownNameError
from graphc.frontend import metrics
from graphc.frontend.layers import Dense
from graphc.frontend.masks import set_mask
from graphc.frontend.models import Sequential

RANDOM = np.random.default_rng(11)
N, K = 23, 4
P = RANDOM.dirichlet(np.ones(K), N).astype(np.float32)
LABELS = RANDOM.integers(0, K, N)
HOT = np.eye(K, dtype=np.float32)[LABELS]
X, Y = RANDOM.normal(size=(2, N, K)).astype(np.float32)
BITS = RANDOM.integers(0, 2, N)
CHANCES = np.clip(0.3 * BITS + RANDOM.uniform(0, 0.7, N), 0.02, 0.98).astype(np.float32)
MANY = RANDOM.integers(0, 2, (N, K))
GUESS = P.argmax(-1)
W = RANDOM.uniform(0.2, 2, N).astype(np.float32)


def rank(p, label):
    return (p > p[np.arange(N), label][:, None]).sum(-1)


def counts(weights=None):
    table = others.confusion_matrix(BITS, CHANCES > 0.5, sample_weight=weights)
    return table.ravel()  # tn, fp, fn, tp


@cache
def counts_above(threshold):
    return others.confusion_matrix(BITS, threshold < CHANCES, labels=[0, 1]).ravel()


def best(wanted, constrained, least):
    rows = []
    for t in np.linspace(0, 1, 200):
        tn, fp, fn, tp = counts_above(t)
        with np.errstate(all="ignore"):
            shares = {"recall": tp / (tp + fn), "precision": np.nan_to_num(tp / (tp + fp)),
                      "specificity": tn / (tn + fp)}  # fmt: skip
        rows.append((shares[wanted], shares[constrained]))
    return max(w for w, c in rows if c >= least)


def trapezoids(curve):
    points = []
    limits = [-1e-7, *np.linspace(0, 1, 200)[1:-1], 1 + 1e-7]
    for t in limits:
        tn, fp, fn, tp = counts_above(t)
        share = tp / (tp + fp) if tp + fp else 0
        points.append(
            (fp / (fp + tn), tp / (tp + fn)) if curve == "ROC" else (tp / (tp + fn), share)
        )
    x, y = np.array(points).T
    return x, y


ROC_X, ROC_Y = trapezoids("ROC")
PR_X, PR_Y = trapezoids("PR")
WIDTHS = PR_X[:-1] - PR_X[1:]
ROC = ((ROC_X[:-1] - ROC_X[1:]) * (ROC_Y[:-1] + ROC_Y[1:]) / 2).sum()

# fmt: off
# Metric, targets, predictions, the number for all data.
VALUES = [
    (metrics.Accuracy(),                 LABELS, GUESS, (GUESS == LABELS).mean()),
    (metrics.BinaryAccuracy(threshold=.4), BITS, CHANCES, ((CHANCES > .4) == BITS).mean()),
    (metrics.CategoricalAccuracy(),      HOT, P, (GUESS == LABELS).mean()),
    (metrics.SparseCategoricalAccuracy(), LABELS, P, (GUESS == LABELS).mean()),
    (metrics.TopKCategoricalAccuracy(2), HOT, P, (rank(P, LABELS) < 2).mean()),
    (metrics.SparseTopKCategoricalAccuracy(3), LABELS, P, (rank(P, LABELS) < 3).mean()),
    (metrics.MeanSquaredError(),         Y, X, ((X - Y)**2).mean()),
    (metrics.RootMeanSquaredError(),     Y, X, np.sqrt(((X - Y)**2).mean())),
    (metrics.MeanAbsoluteError(),        Y, X, abs(X - Y).mean()),
    (metrics.MeanAbsolutePercentageError(), Y, X, 100 * (abs(X - Y) / abs(Y)).mean()),
    (metrics.MeanSquaredLogarithmicError(), HOT, P, ((np.log1p(P) - np.log1p(HOT))**2).mean()),
    (metrics.LogCoshError(),             Y, X, np.log(np.cosh(X - Y)).mean()),
    (metrics.CosineSimilarity(),         Y, X,
        ((X * Y).sum(-1) / np.sqrt((X**2).sum(-1) * (Y**2).sum(-1))).mean()),
    (metrics.Hinge(),                    2 * MANY - 1, X,
        np.maximum(1 - (2 * MANY - 1) * X, 0).mean()),
    (metrics.SquaredHinge(),             2 * MANY - 1, X,
        (np.maximum(1 - (2 * MANY - 1) * X, 0)**2).mean()),
    (metrics.KLDivergence(),             P, P[::-1], (P * np.log(P / P[::-1])).sum(-1).mean()),
    (metrics.Poisson(),                  HOT, P, (P - HOT * np.log(P)).mean()),
    (metrics.BinaryCrossentropy(),       BITS[:, None], CHANCES[:, None],
        others.log_loss(BITS, CHANCES)),
    (metrics.CategoricalCrossentropy(),  HOT, P, -np.log((P * HOT).sum(-1)).mean()),
    (metrics.SparseCategoricalCrossentropy(), LABELS, P, -np.log((P * HOT).sum(-1)).mean()),
    (metrics.PearsonCorrelation(),       Y, X,
        np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(X, Y)])),
    (metrics.R2Score(),                  Y, X, others.r2_score(Y, X)),
    (metrics.R2Score(None),              Y, X, others.r2_score(Y, X, multioutput="raw_values")),
    (metrics.R2Score("variance_weighted_average"), Y, X,
        others.r2_score(Y, X, multioutput="variance_weighted")),
    (metrics.TruePositives(),            BITS, CHANCES, counts()[3]),
    (metrics.FalsePositives(),           BITS, CHANCES, counts()[1]),
    (metrics.TrueNegatives(),            BITS, CHANCES, counts()[0]),
    (metrics.FalseNegatives(),           BITS, CHANCES, counts()[2]),
    (metrics.Precision(),                BITS, CHANCES, others.precision_score(BITS, CHANCES > .5)),
    (metrics.Recall(),                   BITS, CHANCES, others.recall_score(BITS, CHANCES > .5)),
    (metrics.Recall([.2, .6]),           BITS, CHANCES,
        [others.recall_score(BITS, t < CHANCES) for t in (.2, .6)]),
    (metrics.Precision(class_id=2, thresholds=.3), HOT, P,
        others.precision_score(LABELS == 2, P[:, 2] > .3)),
    (metrics.Recall(top_k=2),            HOT, P, (rank(P, LABELS) < 2).mean()),
    (metrics.SensitivityAtSpecificity(.6), BITS, CHANCES, best("recall", "specificity", .6)),
    (metrics.SpecificityAtSensitivity(.7), BITS, CHANCES, best("specificity", "recall", .7)),
    (metrics.PrecisionAtRecall(.7),      BITS, CHANCES, best("precision", "recall", .7)),
    (metrics.RecallAtPrecision(.6),      BITS, CHANCES, best("recall", "precision", .6)),
    (metrics.AUC(),                      BITS, CHANCES, ROC),
    (metrics.AUC(curve="PR", summation_method="minoring"), BITS, CHANCES,
        (WIDTHS * np.minimum(PR_Y[:-1], PR_Y[1:])).sum()),
    (metrics.AUC(curve="PR", summation_method="majoring"), BITS, CHANCES,
        (WIDTHS * np.maximum(PR_Y[:-1], PR_Y[1:])).sum()),
    (metrics.F1Score("macro", .3),       MANY, P, others.f1_score(MANY, P > .3, average="macro")),
    (metrics.F1Score(None, .3),          MANY, P, others.f1_score(MANY, P > .3, average=None)),
    (metrics.F1Score("micro"),           HOT, P, others.f1_score(LABELS, GUESS, average="micro")),
    (metrics.FBetaScore("weighted", 2.0), HOT, P,
        others.fbeta_score(LABELS, GUESS, beta=2, average="weighted")),
    (metrics.ConfusionMatrix(K),         LABELS, GUESS, others.confusion_matrix(LABELS, GUESS)),
    (metrics.MeanIoU(K),                 LABELS, GUESS,
        others.jaccard_score(LABELS, GUESS, average="macro")),
    (metrics.IoU(K, [1, 3]),             LABELS, GUESS,
        others.jaccard_score(LABELS, GUESS, average=None)[[1, 3]].mean()),
    (metrics.OneHotMeanIoU(K),           HOT, P,
        others.jaccard_score(LABELS, GUESS, average="macro")),
    (metrics.BinaryIoU([1]),             BITS, CHANCES,
        others.jaccard_score(BITS, CHANCES >= .5)),
]
# fmt: on
CASES = pytest.mark.parametrize(
    ("metric", "y", "p", "expected"),
    VALUES,
    ids=[f"{m.name}-{n}" for n, (m, *_) in enumerate(VALUES)],
)


def batches(*arrays):
    return [[a[i : i + 9] for a in arrays] for i in range(0, N, 9)]


@CASES
def test_eager_over_batches(metric, y, p, expected):
    metric.reset_state()
    for y_part, p_part in batches(y, p):
        metric.update_state(y_part, p_part)
    np.testing.assert_allclose(metric.result().numpy(), expected, rtol=2e-5, atol=2e-6)
    metric.reset_state()
    assert all((v.numpy() == 0).all() for v in metric.variables)


@CASES
def test_in_a_compiled_step(metric, y, p, expected):
    metric = type(metric).from_config(json.loads(json.dumps(metric.get_config())))
    step = step_of(metric, y, p, "reference")
    for y_part, p_part in batches(y, p):
        last = step(y_part, p_part)
    np.testing.assert_allclose(last, expected, rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(metric.result().numpy(), expected, rtol=2e-5, atol=2e-6)


def step_of(metric, y, p, target):
    targets = gx.placeholder(("batch", *y.shape[1:]), y.dtype)
    predictions = gx.placeholder(("batch", *p.shape[1:]), p.dtype)
    with gx.collecting_effects() as effects:
        metric.update_state(targets, predictions)
        result = metric.result()
    return gx.function([targets, predictions], result, updates=effects.updates, target=target)


@pytest.mark.parametrize(
    "make",
    [
        lambda: metrics.AUC(), lambda: metrics.F1Score("macro"), lambda: metrics.MeanIoU(2),
        lambda: metrics.TopKCategoricalAccuracy(2), lambda: metrics.R2Score(),
        lambda: metrics.Precision(top_k=1), lambda: metrics.AUC(multi_label=True, curve="PR"),
    ],
)  # fmt: skip
def test_native_code_follows_the_reference(make):
    y, p = (BITS, CHANCES > 0.5) if "IoU" in type(make()).__name__ else (HOT, P)
    p = p.astype(np.float32)
    results = []
    for target in ("reference", "llvm_cpu"):
        step = step_of(make(), y, p, target)
        results.append([step(*part) for part in batches(y, p)][-1])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-5, atol=1e-6)


def test_areas_per_label():
    area = metrics.AUC(multi_label=True, num_labels=K, label_weights=[1.0, 2.0, 0.0, 1.0])
    value = area(HOT, P).numpy()
    single = [metrics.AUC()(HOT[:, k], P[:, k]).numpy() for k in range(K)]
    assert value == pytest.approx(np.dot(single, [1, 2, 0, 1]) / 4, rel=1e-5)


def test_area_near_that_of_all_thresholds():
    assert metrics.AUC(2000)(BITS, CHANCES).numpy() == pytest.approx(
        others.roc_auc_score(BITS, CHANCES), abs=2e-3
    )
    logits = np.log(CHANCES + 1e-3) - np.log(1 - CHANCES + 1e-3)
    by_logits = metrics.AUC(from_logits=True)(BITS, logits).numpy()
    assert by_logits == pytest.approx(ROC, abs=0.02)


def test_weights():
    mean = metrics.Mean()
    assert mean([1.0, 3.0], [3.0, 1.0]).numpy() == 1.5
    assert metrics.Mean().result().numpy() == 0.0
    assert metrics.Mean()([[1.0, 2.0], [3.0, 5.0]], [1.0, 0.0]).numpy() == 1.5
    tn, fp, fn, tp = counts(W)
    got = [m(BITS, CHANCES, W).numpy() for m in (
        metrics.TruePositives(), metrics.FalsePositives(), metrics.TrueNegatives(),
        metrics.FalseNegatives())]  # fmt: skip
    np.testing.assert_allclose(got, [tp, fp, tn, fn], rtol=1e-5)
    area = metrics.AUC(2000)(BITS, CHANCES, W).numpy()
    assert area == pytest.approx(others.roc_auc_score(BITS, CHANCES, sample_weight=W), abs=2e-3)
    score = metrics.F1Score("macro")(HOT, P, W).numpy()
    expected = others.f1_score(LABELS, GUESS, average="macro", sample_weight=W)
    assert score == pytest.approx(expected, rel=1e-5)
    assert metrics.Accuracy()(LABELS, GUESS, 0 * W).numpy() == 0.0


def test_mask():
    p = gx.constant(P)
    set_mask(p, W > 1)
    got = metrics.SparseCategoricalAccuracy()(LABELS, p).numpy()
    assert got == pytest.approx((GUESS == LABELS)[W > 1].mean())


def test_numbers_that_are_no_class_do_not_count():
    table = metrics.confusion_matrix([0, 1, 7, -1], [0, 1, 1, 1], 2)
    assert table.numpy().tolist() == [[1, 0], [0, 1]]
    ignoring = metrics.MeanIoU(2, ignore_class=1)
    assert ignoring([0, 1, 0], [0, 0, 0]).numpy() == pytest.approx(1.0)


class Spread(metrics.Metric):
    """A metric as users write it: states, assign, assign_add and reading them again."""

    def __init__(self, name="spread", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.top = self.add_variable(shape=(), initializer="zeros", name="top")
        self.seen = self.add_weight(name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.top.assign(gx.maximum(self.top, gx.max(gx.abs(y_pred - y_true))))
        self.seen.assign_add(gx.size_of(y_pred.shape[0], gx.float32))
        self.top.assign(self.top * 1.0)

    def result(self):
        return self.top + 0 * self.seen


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_fit_with_metrics_of_all_kinds(run_eagerly):
    model = Sequential([Dense(1, input_shape=(K,))])
    model.compile(
        "sgd", "mse", [Spread(), "mae", metrics.RootMeanSquaredError, metrics.R2Score(),
                       metrics.F1Score(threshold=0.5), lambda y, p: gx.abs(p - y)],
        run_eagerly=run_eagerly, target="reference",
    )  # fmt: skip
    y = X.sum(-1, keepdims=True)
    history = model.fit(X, y, batch_size=9, epochs=2, verbose=0, validation_data=(X, y)).history
    errors = model.predict(X, verbose=0) - y
    assert history["val_spread"][-1] == pytest.approx(abs(errors).max(), rel=1e-5)
    assert history["val_mae"][-1] == pytest.approx(abs(errors).mean(), rel=1e-5)
    assert history["val_root_mean_squared_error"][-1] == pytest.approx(
        np.sqrt((errors**2).mean()), rel=1e-5
    )
    assert history["val_r2_score"][-1] == pytest.approx(1 - (errors**2).mean() / y.var(), rel=1e-4)
    assert np.shape(history["f1_score"][-1]) == (1,)
    assert history["val_<lambda>"][-1] == pytest.approx(abs(errors).mean(), rel=1e-5)


def test_states_elsewhere():
    metric = metrics.Mean()
    states = metric.stateless_update_state(metric.variables, [1.0, 3.0])
    assert metric.result().numpy() == 0.0
    assert float(metric.stateless_result(states)) == 2.0
    assert [float(v) for v in metric.stateless_reset_state()] == [0.0, 0.0]
    with pytest.raises(ArgumentError, match="2 states"):
        metric.stateless_result(states[:1])


def test_pickle_keeps_the_states():
    metric = metrics.Mean(name="m")
    metric.update_state([1.0, 2.0])
    again = pickle.loads(pickle.dumps(metric))
    assert again.result().numpy() == 1.5
    assert again.name == "m"


def test_names():
    assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
    assert metrics.get(None) is None
    for name in ("acc", "accuracy", "mae", "AUC", "f1_score", "huber", "bce"):
        assert metrics.as_metric(name).name == name
    for name, kind in metrics.BY_NAME.items():
        assert metrics.BY_NAME[name] is kind
    stored = json.loads(json.dumps(metrics.serialize(metrics.Precision(thresholds=[0.2, 0.4]))))
    assert metrics.deserialize(stored).thresholds == [0.2, 0.4]
    stored = metrics.serialize(metrics.MeanMetricWrapper(metrics.mse, "m"))
    assert metrics.deserialize(json.loads(json.dumps(stored))).fn is metrics.mse
    assert isinstance(metrics.deserialize(metrics.serialize(Spread()), {"Spread": Spread}), Spread)


def test_mistakes():
    with pytest.raises(UnknownNameError, match="akkuracy"):
        metrics.as_metric("akkuracy")
    with pytest.raises(ArgumentError, match="not a metric"):
        metrics.get(3)
    with pytest.raises(ShapeError, match="outputs"):
        metrics.F1Score()(np.ones(3), np.ones(3))
    with pytest.raises(ArgumentError, match=r"0 \.\. 1"):
        metrics.Precision(thresholds=[-1, 2])
    with pytest.raises(ArgumentError, match="no such curve"):
        metrics.AUC(curve="x")
    with pytest.raises(ModeError, match="nothing collects"):
        metrics.Mean().update_state(gx.placeholder((None,)))

    class Forgot(metrics.Metric):
        def __init__(self):
            self.a = self.add_variable()

    with pytest.raises(ModeError, match="super"):
        Forgot()
