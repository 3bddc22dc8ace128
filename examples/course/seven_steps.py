"""Supervised learning in seven steps, as the first deck counts them, on the digits of
scikit-learn."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import graphc as gx
from graphc import layers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("out"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    gx.set_seed(0)

    # 1. Training and validation data: x, and y, the supervision.
    images, digits = gx.datasets.digits.load_data()[0]
    x, x_val, y, y_val = gx.utils.train_test_split(
        images[..., None] / np.float32(images.max()),
        digits,
        test_size=0.25,
        stratify=digits,
        seed=1,
    )

    # 2. A suitable model, regularized.
    model = gx.Sequential(
        [
            layers.Conv2D(16, 3, activation="relu", input_shape=x.shape[1:]),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(10, kernel_regularizer=gx.regularizers.L2(1e-4)),
        ]
    )

    # 3. A metric, what we care about, and a loss, something differentiable.
    metric = gx.metrics.SparseCategoricalAccuracy(name="accuracy")
    loss_fn = gx.losses.SparseCategoricalCrossentropy(from_logits=True)

    # 4. An optimizer, and a schedule of its learning rate.
    steps = given.epochs * -(-len(x) // 32)
    optimizer = gx.optimizers.Adam(gx.optimizers.schedules.CosineDecay(0.01, steps))

    # 5. The training step: predictions, loss, gradients, new parameters, the metric so far.
    @gx.jit
    def train(images, labels):
        scores = model(images, training=True)
        loss = loss_fn(labels, scores) + sum(model.losses)
        weights = model.trainable_weights
        optimizer.apply_gradients(zip(gx.grad(loss, weights), weights))
        metric.update_state(labels, scores)
        return loss

    # 6. The validation step, which only measures.
    @gx.jit
    def validate(images, labels):
        metric.update_state(labels, model(images, training=False))

    # 7. Look at the numbers, regularly.
    history: dict[str, list[float]] = {"loss": [], "accuracy": [], "val_accuracy": []}
    for epoch in range(given.epochs):
        losses = [float(train(*batch)) for batch in gx.data.Batches(x, y, seed=epoch)]
        history["loss"].append(float(np.mean(losses)))
        history["accuracy"].append(taken(metric))
        validate(x_val, y_val)
        history["val_accuracy"].append(taken(metric))
        print(f"epoch {epoch}: " + ", ".join(f"{n} {v[-1]:.3f}" for n, v in history.items()))
    gx.plots.plot_history(history, given.out / "seven_steps.png")
    print(f"curves in {given.out / 'seven_steps.png'}")


def taken(metric: gx.metrics.Metric) -> float:
    """What the metric says; it begins anew."""
    value = float(metric.result())
    metric.reset_state()
    return value


if __name__ == "__main__":
    main()
