"""Beside Keras: the same weights and the same state after steps with every optimizer and option."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import says

from graphc.compiler import function
from graphc.frontend import optimizers
from graphc.frontend.optimizers import schedules
from graphc.ops.leaf import placeholder
from graphc.ops.variable import variable

# fmt: off
OWN = {
    "SGD":       [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}],
    "RMSprop":   [{}, {"momentum": 0.5}, {"rho": 0.8, "momentum": 0.9, "centered": True}],
    "Adam":      [{}, {"amsgrad": True}, {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}],
    "AdamW":     [{}, {"weight_decay": 0.1, "amsgrad": True}],
    "Adamax":    [{}, {"beta_1": 0.5}],
    "Nadam":     [{}, {"beta_1": 0.8}],
    "Adagrad":   [{}, {"initial_accumulator_value": 0.5}],
    "Adadelta":  [{}, {"rho": 0.5, "epsilon": 1e-3}],
    "Adafactor": [{}, {"relative_step": False, "clip_threshold": 0.5, "beta_2_decay": -0.5}],
    "Ftrl":      [{"l1_regularization_strength": 0.1, "l2_regularization_strength": 0.2,
                   "l2_shrinkage_regularization_strength": 0.01, "beta": 0.1},
                  {"learning_rate_power": -0.3}],
    "Lion":      [{}, {"beta_1": 0.5}],
    "Lamb":      [{}, {"beta_1": 0.5}],
}
COMMON = [
    {"weight_decay": 0.05}, {"clipnorm": 0.5}, {"clipvalue": 0.3}, {"global_clipnorm": 0.7},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    {"use_ema": True, "ema_momentum": 0.5}, {"loss_scale_factor": 4.0},
    {"gradient_accumulation_steps": 3},
    {"gradient_accumulation_steps": 2, "weight_decay": 0.1, "clipnorm": 0.4, "use_ema": True,
     "ema_overwrite_frequency": 2},
    {"learning_rate": ("ExponentialDecay", (0.1, 2, 0.5))},
    {"learning_rate": ("CosineDecay", (0.01, 4, 0.0, "c", 0.1, 2))},
]
# fmt: on
CASES = [
    (name, {"learning_rate": 0.05, **own, **more})
    for name, settings in OWN.items()
    for own in settings
    for more in ([{}, *COMMON] if own is settings[-1] else [{}])
]

RNG = np.random.default_rng(0)
WEIGHTS = [RNG.normal(size=size).astype(np.float32) for size in ((4, 3), (3,), (2, 3, 4))]
STEPS = [[RNG.normal(size=w.shape).astype(np.float32) for w in WEIGHTS] for _ in range(5)]

PROGRAM = """
options = dict(options)
if isinstance(options["learning_rate"], tuple):
    schedule, arguments = options["learning_rate"]
    options["learning_rate"] = getattr(keras.optimizers.schedules, schedule)(*arguments)
optimizer = getattr(keras.optimizers, name)(**options)
variables = [keras.Variable(w) for w in weights]
for gradients in steps:
    optimizer.apply_gradients(zip(map(keras.ops.convert_to_tensor, gradients), variables))
path = [v.numpy() for v in variables]
optimizer.finalize_variable_values(variables)
path + [v.numpy() for v in variables] + [v.numpy() for v in optimizer.variables]
"""


@pytest.mark.keras
@pytest.mark.parametrize(("name", "options"), CASES)
def test_same_weights_and_state(name, options):
    expected = says(PROGRAM, name=name, options=options, weights=WEIGHTS, steps=STEPS)
    if isinstance(options["learning_rate"], tuple):
        schedule, arguments = options["learning_rate"]
        options = {**options, "learning_rate": vars(schedules)[schedule](*arguments)}
    optimizer = vars(optimizers)[name](**options)
    variables = [variable(w, name="w") for w in WEIGHTS]
    inputs = [placeholder(w.shape) for w in WEIGHTS]
    step = function(
        inputs, [], updates=optimizer.updates(zip(inputs, variables)), target="reference"
    )
    for gradients in STEPS:
        step(*gradients)
    got = [v.numpy() for v in variables]
    optimizer.finalize_variable_values(variables)
    got += [v.numpy() for v in (*variables, *optimizer.variables)]
    assert len(got) == len(expected)
    for ours, theirs in zip(got, expected, strict=True):
        scale = np.abs(theirs).max(initial=1e-3)
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * float(scale))
