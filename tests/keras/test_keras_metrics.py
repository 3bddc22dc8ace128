"""Keras's tests of metrics."""

from __future__ import annotations

from harness import keras_tests

PATHS = "variables are named by their path: my_recall/true_positives"
PRIVATE = "a private class or method of Keras"
SYMBOLIC = "a metric of placeholders is built where its updates are collected"
NO_LOSS = "compiles with a loss of a name that there is not, which graphc says at once"

test_metrics = keras_tests(
    {
        "metrics/metric_test.py": {},
        "metrics/accuracy_metrics_test.py": {},
        "metrics/confusion_metrics_test.py": {
            "AUCTest.test_config": PRIVATE,
            "AUCTest.test_config_manual_thresholds": PRIVATE,
            "PrecisionTest.test_config": PATHS,
            "RecallTest.test_config": PATHS,
            "SensitivityAtSpecificityTest.test_handles_sas_metrics": NO_LOSS,
        },
        "metrics/correlation_metrics_test.py": {},
        "metrics/f_score_metrics_test.py": {
            "FBetaScoreTest.test_non_2d_input_shapes_raises_value_error": PRIVATE,
            "FBetaScoreTest.test_undefined_output_dim_raises_value_error": PRIVATE,
        },
        "metrics/hinge_metrics_test.py": {},
        "metrics/iou_metrics_test.py": {
            "MeanIoUTest.test_user_warning_float_weight": "asks for the words of a warning",
        },
        "metrics/probabilistic_metrics_test.py": {},
        "metrics/reduction_metrics_test.py": {
            "MeanTest.test_weighted_dynamic_shapes": SYMBOLIC,
            "MetricWrapperTest.test_weighted_dynamic_shape": SYMBOLIC,
        },
        "metrics/regression_metrics_test.py": {},
    }
)
