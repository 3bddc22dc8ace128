"""Keras's tests of optimizers and schedules."""

from __future__ import annotations

from harness import keras_tests

STATELESS = "stateless_apply is for JAX; here updates() is the graph of a step"
OVERWRITE = "weights that are their gradients are part of Keras's float8 layers"

LEFT_OUT = {
    "optimizer": {
        "OptimizerTest.test_constraints_are_applied": "np.min of a tensor",
        "OptimizerTest.test_overwrite_with_gradient*": OVERWRITE,
    },
    "loss_scale_optimizer": {
        "LossScaleOptimizerTest.*_stateless": STATELESS,
        "LossScaleOptimizerTest.test_finite_step_with_overwrite_stateful": OVERWRITE,
    },
}
NAMES = (
    "optimizer", "sgd", "rmsprop", "adam", "adamw", "adamax", "nadam", "adagrad", "adadelta",
    "adafactor", "ftrl", "lion", "lamb", "loss_scale_optimizer",
    "schedules/learning_rate_schedule",
)  # fmt: skip

test_optimizers = keras_tests({f"optimizers/{n}_test.py": LEFT_OUT.get(n, {}) for n in NAMES})
