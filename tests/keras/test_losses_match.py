"""Beside Keras: losses and metrics of the same data have the same values."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import says

from graphc.frontend import activations, losses, metrics
from graphc.knobs import settings

pytestmark = pytest.mark.keras

RANDOM = np.random.default_rng(3)
N, K = 7, 4
X, Y = RANDOM.normal(size=(2, N, K)).astype(np.float32)
P = RANDOM.dirichlet(np.ones(K), N).astype(np.float32)
LABELS = RANDOM.integers(0, K, N)
HOT = np.eye(K, dtype=np.float32)[LABELS]
BITS = RANDOM.integers(0, 2, (N, K)).astype(np.float32)
W = RANDOM.uniform(0, 2, N).astype(np.float32)
W[0] = 0

NUMBERS, CHANCES, ONE_HOT, LOGITS = (Y, X), (BITS, P), (HOT, P), (HOT, X)
SPARSE = (LABELS, P)
# fmt: off
LOSSES = {
    "MeanSquaredError()": NUMBERS,                "MeanAbsoluteError()": NUMBERS,
    "MeanAbsolutePercentageError()": NUMBERS,     "MeanSquaredLogarithmicError()": NUMBERS,
    "Huber()": NUMBERS,                           "Huber(0.3)": NUMBERS,
    "LogCosh()": NUMBERS,                         "CosineSimilarity()": NUMBERS,
    "CosineSimilarity(axis=0)": NUMBERS,          "Poisson()": CHANCES,
    "KLDivergence()": CHANCES,                    "Hinge()": (BITS, X),
    "SquaredHinge()": (BITS, X),                  "CategoricalHinge()": LOGITS,
    "BinaryCrossentropy()": CHANCES,
    "BinaryCrossentropy(from_logits=True, label_smoothing=0.2)": (BITS, X),
    "CategoricalCrossentropy()": ONE_HOT,
    "CategoricalCrossentropy(label_smoothing=0.3)": ONE_HOT,
    "CategoricalCrossentropy(from_logits=True, axis=0)": LOGITS,
    "SparseCategoricalCrossentropy()": SPARSE,
    "SparseCategoricalCrossentropy(from_logits=True)": (LABELS, X),
    "SparseCategoricalCrossentropy(ignore_class=1)": SPARSE,
    "CategoricalFocalCrossentropy(alpha=0.4, gamma=1.5)": ONE_HOT,
    "CategoricalFocalCrossentropy(from_logits=True)": LOGITS,
    "BinaryFocalCrossentropy()": CHANCES,
    "BinaryFocalCrossentropy(apply_class_balancing=True, gamma=3.0)": CHANCES,
    "Dice()": CHANCES,                            "Dice(axis=(1,))": CHANCES,
    "Tversky(alpha=0.3, beta=0.8, axis=(1,))": CHANCES,
    "CategoricalGeneralizedCrossEntropy(q=0.7)": SPARSE,
    "Circle()": (LABELS, X / np.linalg.norm(X, axis=-1, keepdims=True)),
}
METRICS = {
    "Accuracy()": (LABELS, P.argmax(-1)),         "BinaryAccuracy(threshold=0.3)": CHANCES,
    "CategoricalAccuracy()": ONE_HOT,             "SparseCategoricalAccuracy()": SPARSE,
    "TopKCategoricalAccuracy(k=2)": ONE_HOT,      "SparseTopKCategoricalAccuracy(k=3)": SPARSE,
    "RootMeanSquaredError()": NUMBERS,            "LogCoshError()": NUMBERS,
    "CosineSimilarity()": NUMBERS,                "R2Score()": NUMBERS,
    "R2Score(num_regressors=2)": NUMBERS,         "PearsonCorrelation()": NUMBERS,
    "ConcordanceCorrelation()": NUMBERS,          "CategoricalHinge()": LOGITS,
    "Precision()": CHANCES,                       "Recall(thresholds=[0.1, 0.4])": CHANCES,
    "Precision(top_k=2)": ONE_HOT,                "Recall(class_id=1, thresholds=0.3)": CHANCES,
    "TruePositives()": CHANCES,                   "TrueNegatives(thresholds=[0.2, 0.6])": CHANCES,
    "AUC()": CHANCES,                             "AUC(curve='PR')": CHANCES,
    "AUC(curve='PR', summation_method='minoring')": CHANCES,
    "AUC(curve='PRGAIN', summation_method='majoring')": CHANCES,
    "AUC(multi_label=True, num_thresholds=50)": CHANCES,
    "AUC(from_logits=True)": (BITS, X),
    "SensitivityAtSpecificity(0.5)": CHANCES,     "SpecificityAtSensitivity(0.5)": CHANCES,
    "PrecisionAtRecall(0.5)": CHANCES,            "RecallAtPrecision(0.5)": CHANCES,
    "F1Score()": ONE_HOT,                         "F1Score('macro', threshold=0.3)": CHANCES,
    "FBetaScore('weighted', beta=2.0)": ONE_HOT,  "F1Score('micro')": ONE_HOT,
    "MeanIoU(4)": (LABELS, P.argmax(-1)),         "OneHotIoU(4, [0, 2])": ONE_HOT,
    "BinaryIoU(threshold=0.3)": CHANCES,          "KLDivergence()": CHANCES,
    "BinaryCrossentropy(label_smoothing=0.1)": CHANCES,
}
# fmt: on
WITHOUT_WEIGHTS = ("PearsonCorrelation", "ConcordanceCorrelation", "axis=0", "Dice()")


@pytest.fixture(autouse=True)
def _reference():
    with settings(backend="reference"):
        yield


@pytest.mark.parametrize(
    "reduction", ["sum_over_batch_size", "sum", "none", "mean_with_sample_weight"]
)
@pytest.mark.parametrize("program", LOSSES)
def test_loss(program, reduction):
    y, p = LOSSES[program]
    weight = None if any(w in program for w in WITHOUT_WEIGHTS) else W
    program = program[:-1] + ("" if program.endswith("()") else ", ") + f"reduction='{reduction}')"
    expected = says(f"keras.losses.{program}(y, p, w)", y=y, p=p, w=weight)
    got = eval(program, vars(losses))(y, p, weight).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("program", METRICS)
def test_metric(program, weighted):
    y, p = METRICS[program]
    parts = [(y[:4], p[:4], W[:4]), (y[4:], p[4:], W[4:])]
    if not weighted or "IoU" in program:
        parts = [(a, b, None) for a, b, _ in parts]
    metric = eval(program, vars(metrics))
    for part in parts:
        metric.update_state(*part)
    expected = says(
        f"m = keras.metrics.{program}\nfor part in parts:\n    m.update_state(*part)\nm.result()",
        parts=parts,
    )
    np.testing.assert_allclose(metric.result().numpy(), expected, rtol=1e-5, atol=1e-6)


# The rows of Keras's sparsemax do not add up to 1.
@pytest.mark.parametrize("name", [n for n in activations.BY_NAME if n != "sparsemax"])
def test_activation(name):
    expected = says(f"getattr(keras.activations, {name!r}, None) is not None")
    if not expected:
        pytest.skip("an activation that Keras does not have")
    expected = says(f"keras.activations.{name}(x * 3)", x=X)
    got = activations.get(name)(X * 3).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=2e-6)
