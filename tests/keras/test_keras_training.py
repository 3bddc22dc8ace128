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
    "monitor_callback": {"*": PRIVATE},
    "reduce_lr_on_plateau": {
        "*.test_verbose_logging": WORDS,
        "*.test_throws_when_optimizer_has_schedule": WORDS,
    },
    "tensorboard": {
        "*.test_TensorBoard_non_blocking": "sets model.optimizer to a mock object",
        "*.test_TensorBoard_projector_callback": "names variables of TensorFlow's checkpoints",
        "*.test_custom_summary": "writes summaries of TensorFlow",
    },
    "terminate_on_nan": {
        "*.test_raise_error_terminate_*": ARITHMETIC,
        "*.test_terminate_on_nan_raise_error_raises_error": ARITHMETIC,
    },
}
OWN_LAST = "the last batches of an execution have their own number, also where they are fewer"
TRACKERS = "private names of Keras: _loss_tracker, _compile_metrics"
DETAILS = "private names of Keras: config.set_max_epochs, in_symbolic_scope, jit_compile"
OTHERS = "data of other libraries (tf.data, grain, torch)"
TRAINER = {
    "*_grain_*": OTHERS,
    "*_torch_*": OTHERS,
    "*_raggeds_*": OTHERS,
    "*.test_predict_preserve_order_*": OTHERS,
    "*_py_dataset*": "makes tensors on a device of TensorFlow",
    "*.test_callback_methods_keys": TRACKERS,
    "*.test_metric_tracking": TRACKERS,
    "*.test_nested_trainer_metrics*": TRACKERS,
    "*.test_multiple_compiles": TRACKERS,
    "*.test_symbolic_build": TRACKERS,
    "*.test_max_epochs_and_steps": DETAILS,
    "*.test_metric_update_in_compute_loss": DETAILS,
    "*.test_fwd_pass_loss_presence_in_compute_loss": DETAILS,
    "*.test_evaluate_with_custom_compute_loss": DETAILS,
    "*.test_jit_compile_with_tf_determinism": DETAILS,
    "*.test_rng_updated_during_predict": "keras.random.dropout in a layer",
    "*.test_predict_dropout": "asks that masks of two batches are alike; here they differ",
    "*.test_steps_per_execution_steps_count_[1u]*": OWN_LAST,
    "*.test_steps_per_execution_steps_count_3_*": OWN_LAST,
    "*.test_steps_per_execution_steps_per_epoch_match_multi_epoch_*": OWN_LAST,
    "*.test_steps_per_execution_unrolled_*": OWN_LAST,
}
NAMES = (
    "callback", "csv_logger", "early_stopping", "lambda_callback", "learning_rate_scheduler",
    "model_checkpoint", "monitor_callback", "reduce_lr_on_plateau", "swap_ema_weights",
    "tensorboard", "terminate_on_nan",
)  # fmt: skip

FILES = {f"callbacks/{n}_test.py": LEFT_OUT.get(n, {}) for n in NAMES}

test_training = keras_tests(FILES | {"trainers/trainer_test.py": TRAINER})
