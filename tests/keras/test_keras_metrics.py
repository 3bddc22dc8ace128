"""Keras's tests of metrics."""

from __future__ import annotations

from harness import keras_tests

test_metrics = keras_tests(
    {
        f"metrics/{name}_test.py": {}
        for name in (
            "metric",
            "accuracy_metrics",
            "confusion_metrics",
            "correlation_metrics",
            "f_score_metrics",
            "hinge_metrics",
            "iou_metrics",
            "probabilistic_metrics",
            "reduction_metrics",
            "regression_metrics",
        )
    }
)
