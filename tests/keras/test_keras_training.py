"""Keras's tests of callbacks."""

from __future__ import annotations

from harness import keras_tests

PRIVATE = "the direction of a number is found by its name, and not kept as monitor_op"
ARITHMETIC = "an ArithmeticError, where Keras has a RuntimeError"
WORDS = "says the same in other words"

LEFT_OUT: dict[str, dict[str, str]] = {
    "callback": {"*": "Layer has no add_variable"},
    "early_stopping": {"EarlyStoppingTest.test_early_stopping": PRIVATE},
    "learning_rate_scheduler": {
        "*.test_verbose_logging": WORDS,
        "*.test_throws_when_optimizer_has_schedule": WORDS,
    },
    "model_checkpoint": {"*.test_model_checkpoint_loading": "weights are looked up by .h5 names"},
    "monitor_callback": {"*": PRIVATE},
    "reduce_lr_on_plateau": {
        "*.test_verbose_logging": WORDS,
        "*.test_throws_when_optimizer_has_schedule": WORDS,
    },
    "terminate_on_nan": {
        "*.test_raise_error_terminate_*": ARITHMETIC,
        "*.test_terminate_on_nan_raise_error_raises_error": ARITHMETIC,
    },
}
NAMES = (
    "callback", "csv_logger", "early_stopping", "lambda_callback", "learning_rate_scheduler",
    "model_checkpoint", "monitor_callback", "reduce_lr_on_plateau", "terminate_on_nan",
)  # fmt: skip

test_callbacks = keras_tests({f"callbacks/{n}_test.py": LEFT_OUT.get(n, {}) for n in NAMES})
