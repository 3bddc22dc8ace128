"""Training in 16 bits on the target "triton_interpret", beside the CPU.

Both targets round the same values to 16 bits, and add up in float32 in another order, so a value
near the middle between two neighbours may become the other one: a relative error of eps. The bound
is a few of these, of the largest weight.
"""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gx
from graphc.frontend.optimizers import SGD, LossScaleOptimizer

EPS = {"mixed_float16": 2.0**-10, "mixed_bfloat16": 2.0**-7}
STEPS = 3


def trained(target: str, policy: str, start=None):
    rng = np.random.default_rng(0)
    rows, labels = rng.random((4 * STEPS, 6), np.float32), np.arange(4 * STEPS) % 3
    gx.set_seed(0)
    with gx.settings(target=target):
        model = gx.Sequential([
            gx.layers.Dense(8, input_shape=(6,), dtype=policy),
            gx.layers.BatchNormalization(dtype=policy),
            gx.layers.ReLU(dtype=policy),
            gx.layers.Dense(3, dtype="float32"),
        ])  # fmt: skip
        if start is not None:
            model.set_weights(start)
        start = model.get_weights()
        optimizer = SGD(0.1, momentum=0.9)
        if policy == "mixed_float16":
            # So large a scale that the first step overflows; others double it.
            optimizer = LossScaleOptimizer(optimizer, 2.0**17, dynamic_growth_steps=1)
        loss = gx.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer, loss)
        losses, scales = [], []
        for i in range(0, len(rows), 4):
            losses.append(float(model.train_on_batch(rows[i : i + 4], labels[i : i + 4])))
            if policy == "mixed_float16":
                scales.append(float(optimizer.dynamic_scale.numpy()))
        return start, losses, scales, model.get_weights()


@pytest.mark.parametrize("policy", EPS)
def test_some_steps_are_those_of_the_cpu(policy):
    start, losses, scales, weights = trained("llvm_cpu", policy)
    _, found, found_scales, found_weights = trained("triton_interpret", policy, start)
    assert found_scales == scales
    if policy == "mixed_float16":
        assert scales[:2] == [2.0**16, 2.0**17], "an overflow, which changes nothing, and a step"
    np.testing.assert_allclose(found, losses, rtol=4 * EPS[policy])
    for before, a, b in zip(start, weights, found_weights, strict=True):
        assert a.dtype == np.float32
        assert np.abs(b - a).max() <= 4 * EPS[policy] * np.abs(a).max()
        assert np.abs(a - before).max() > 0, "it learns"
