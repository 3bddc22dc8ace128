"""Networks learn on a GPU as on the CPU, and twice the same."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

import graphc as gx
from benchmarks.networks import WORKLOADS, Workload
from benchmarks.workloads import training_graph
from graphc.compiler import function
from graphc.errors import GraphcError
from graphc.frontend.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D

pytestmark = pytest.mark.gpu


def images():
    """MNIST if it is here, else the small digits of scikit-learn, as (train, test) pairs."""
    try:
        pairs = gx.datasets.mnist.load_data()
    except GraphcError:
        pairs = gx.datasets.digits.load_data()
    return [(x[..., None].astype(np.float32) / 255, y) for x, y in pairs]


def convolutions(shape: tuple[int, ...], width: int) -> gx.Sequential:
    gx.set_seed(0)
    model = gx.Sequential([
        Input(shape),
        Conv2D(width, 3, activation="relu"),
        MaxPooling2D(),
        Flatten(),
        Dense(2 * width, activation="relu"),
        Dense(10, activation="softmax"),
    ])  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def learned(target: str, is_real: bool) -> tuple[float, float]:
    """Loss and accuracy on images that were not learned from."""
    (x, y), (x_test, y_test) = images()
    if not is_real:  # a rehearsal: two steps on small images
        x, y, x_test, y_test = x[:16, ::4, ::4], y[:16], x_test[:8, ::4, ::4], y_test[:8]
    with gx.settings(target=target):
        model = convolutions(x.shape[1:], 32 if is_real else 4)
        model.fit(x, y, batch_size=128 if is_real else 8, epochs=3 if is_real else 1, verbose=0)
        loss, accuracy = model.evaluate(x_test, y_test, batch_size=128 if is_real else 8, verbose=0)
        return loss, accuracy


def test_the_cnn_learns_what_it_learns_on_the_cpu(target, is_real):
    on_cpu, on_gpu = learned("llvm_cpu", is_real), learned(target, is_real)
    assert on_gpu[1] == pytest.approx(on_cpu[1], abs=0.005)
    if is_real:
        assert on_cpu[1] > 0.95, "it learns at all"
    else:
        assert on_gpu[0] == pytest.approx(on_cpu[0], rel=1e-4)


REHEARSED = {
    "W2": replace(WORKLOADS["W2"], shape=(10, 10, 1)),
    "W4": replace(WORKLOADS["W4"], shape=(4, 28)),
}
"""Small forms for the interpreter."""


@pytest.mark.parametrize("workload", REHEARSED)
def test_training_gives_the_same_bits_twice(workload, target, is_real):
    if is_real:
        w, steps, batch = WORKLOADS[workload], 1000, 128
    else:
        w, steps, batch = REHEARSED[workload], 2, 2
    assert digest(w, steps, batch, target) == digest(w, steps, batch, target)


def digest(w: Workload, steps: int, batch: int, target: str) -> str:
    """Of all losses and of all variables at the end, dropout and optimizer included."""
    gx.set_seed(3)
    inputs, loss, updates = training_graph(w, seed=1)
    step = function(inputs, loss, updates=updates, target=target, fast_math=True)
    x, labels = w.data(batch)
    losses = [float(step(x, labels)) for _ in range(steps)]
    assert losses[-1] < losses[0], "it learns"
    found = hashlib.sha256(np.array(losses).tobytes())
    for variable in updates:
        found.update(variable.numpy().tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("policy", ["mixed_bfloat16"])
def test_mixed_precision_learns(policy, is_real):
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (512 if is_real else 32, 16)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int32)
    gx.set_seed(0)
    model = gx.Sequential([
        Input((16,)),
        Dense(64, activation="relu", dtype=policy),
        Dense(2, dtype="float32"),
    ])  # fmt: skip
    model.compile(gx.optimizers.Adam(0.01), gx.losses.SparseCategoricalCrossentropy(True))
    history = model.fit(x, y, epochs=20 if is_real else 3, batch_size=32, verbose=0)
    losses = history.history["loss"]
    assert losses[-1] < (0.5 if is_real else 1.0) * losses[0]
    assert {v.dtype.name for v in model.trainable_variables} == {"float32"}
