"""A training loop of one's own: by hand with a tape, with an optimizer, and compiled as a whole."""

from __future__ import annotations

import argparse
import time

import numpy as np

import graphc.compat.tensorflow as tf

RATE = 0.1


def new_model():
    tf.random.set_seed(3)
    layers = [tf.keras.layers.Dense(16, activation="tanh", input_shape=(2,))]
    return tf.keras.Sequential([*layers, tf.keras.layers.Dense(1)])


def by_hand(model, loss_fn, x, y):
    """Gradient descent as it is defined: var = var - rate * gradient."""
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True))
    weights = model.trainable_variables
    for gradient, variable in zip(tape.gradient(loss, weights), weights, strict=True):
        variable.assign_add(-RATE * gradient)
    return loss


def with_optimizer(optimizer):
    """The same, where an optimizer knows better how far to go."""

    def step(model, loss_fn, x, y):
        with tf.GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True))
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
        return loss

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    given = parser.parse_args()

    random = np.random.default_rng(0)
    points = random.uniform(-1, 1, (given.steps, 32, 2)).astype(np.float32)
    batches = [(x, np.prod(x, axis=1, keepdims=True)) for x in points]
    ways = {
        "by hand": by_hand,
        "SGD, op by op": with_optimizer(tf.keras.optimizers.SGD(RATE)),
        "SGD, compiled": tf.function(with_optimizer(tf.keras.optimizers.SGD(RATE))),
        "Adam, compiled": tf.function(with_optimizer(tf.keras.optimizers.Adam(0.01))),
    }
    loss_fn = tf.keras.losses.MeanSquaredError()
    for name, step in ways.items():
        model = new_model()
        losses, times = [], []
        for x, y in batches:
            start = time.perf_counter()
            losses.append(float(step(model, loss_fn, x, y)))
            times.append(time.perf_counter() - start)
        print(
            f"{name:15} loss {losses[0]:.4f} -> {losses[-1]:.4f}, {1e6 * min(times):6.0f} us a step"
        )


if __name__ == "__main__":
    main()
