"""One model, two ways to run it: compiled as a whole, or operation by operation."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

import graphc as gx

RATE = 0.05


def loss_of(weights, x, labels):
    """A small convolutional network; the same Python serves both modes.

    It is smooth, without relu and maxima: where two candidates for a maximum differ by rounding
    only, each mode would be right to pick another.
    """
    kernel, dense = weights
    y = gx.avg_pool(gx.tanh(gx.conv2d(x, kernel)), 2)
    scores = gx.flatten(y, 1) @ dense
    return -gx.mean(gx.sum(gx.log_softmax(scores) * gx.one_hot(labels, 10), axis=-1))


def new_weights() -> list:
    random = np.random.default_rng(0)
    shapes = {"kernel": (3, 3, 1, 32), "dense": (13 * 13 * 32, 10)}
    return [
        gx.variable(random.normal(0, 0.05, s), "float32", name=n) for n, s in shapes.items()
    ]  # fmt: skip


def compiled_step(weights: list) -> Callable:
    """Static: the graph of the step is built once, without values, and compiled."""
    x = gx.placeholder((None, 28, 28, 1), name="x")
    labels = gx.placeholder((None,), "int32", name="labels")
    loss = loss_of(weights, x, labels)
    gradients = gx.grad(loss, weights)
    updates = {w: w - RATE * g for w, g in zip(weights, gradients, strict=True)}
    return gx.function([x, labels], loss, updates=updates)


def eager_step(weights: list, target: str) -> Callable:
    """Eager: every operation computes at once, and the gradient too is found at each call."""

    def step(x, labels):
        with gx.eager(target):
            loss = loss_of(weights, gx.as_tensor(x), gx.as_tensor(labels))
            gradients = gx.grad(loss, weights)
            for w, g in zip(weights, gradients, strict=True):
                w.assign(w - RATE * g)
            return loss.numpy()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--steps", type=int, default=5)
    given = parser.parse_args()

    a, b = gx.constant([1, 0, 2]), gx.constant([0, 2, 2])
    print("static:", a + b)  # a name, a shape and a dtype, but no value
    with gx.eager():
        print("eager: ", a + b)

    random = np.random.default_rng(1)
    x = random.random((given.images, 28, 28, 1), np.float32)
    labels = random.integers(0, 10, given.images, np.int32)
    ways = {
        "compiled, llvm_cpu": compiled_step,
        "op by op, llvm_cpu": lambda weights: eager_step(weights, "llvm_cpu"),
        "op by op, NumPy": lambda weights: eager_step(weights, "reference"),
    }
    print(f"\n{given.images} images, {given.steps} steps of gradient descent")
    print(f"{'':20} {'ms per step':>12} {'last loss':>10} {'largest difference of a weight':>32}")
    reference: list | None = None
    for name, build in ways.items():
        weights = new_weights()
        step = build(weights)
        step(x[:1], labels[:1])  # compiles
        times = []
        for _ in range(given.steps):
            start = time.perf_counter()
            loss = step(x, labels)
            times.append(time.perf_counter() - start)
        values = [w.numpy() for w in weights]
        reference = reference or values
        difference = max(np.abs(p - q).max() for p, q in zip(values, reference, strict=True))
        print(f"{name:20} {1000 * min(times):12.2f} {float(loss):10.6f} {difference:32.1e}")
        assert difference < 1e-5, "both modes give the same weights"


if __name__ == "__main__":
    main()
