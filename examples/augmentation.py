"""Augmentation as part of a model: images are moved and coloured inside of the training step.

A small network learns digits with and without random shifts, turns and zooms; then both are tested
on digits that do not stand in the middle. A picture shows what the training step sees.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import graphc as gx
from graphc import image
from graphc.frontend.layers import (
    Conv2D,
    Dense,
    Flatten,
    Input,
    MaxPooling2D,
    Pipeline,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    Rescaling,
)


def augmentation(seed: int) -> Pipeline:
    """What may happen to a digit that stays the same digit: no flips, no large turns."""
    return Pipeline(
        [
            RandomTranslation(0.2, 0.2, fill_mode="constant", seed=seed),
            RandomRotation(0.04, fill_mode="constant", seed=seed + 1),
            RandomZoom(0.15, fill_mode="constant", seed=seed + 2),
        ],
        name="augmentation",
    )


def network(augmented: bool) -> gx.Sequential:
    """Pixels in 0 .. 255 to ten classes; in inference the first layers do nothing."""
    return gx.Sequential(
        [
            Input((28, 28, 1), dtype="uint8"),
            *([augmentation(seed=1)] if augmented else []),
            Rescaling(1 / 255),
            Conv2D(16, 3, activation="relu"),
            MaxPooling2D(),
            Conv2D(32, 3, activation="relu"),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )


def sheet(images: np.ndarray, rows: int) -> np.ndarray:
    """Images side by side, as one image."""
    columns = len(images) // rows
    grid = images[: rows * columns].reshape(rows, columns, *images.shape[1:])
    return grid.swapaxes(1, 2).reshape(rows * images.shape[1], -1, images.shape[3])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--limit", type=int, help="take only so many images")
    parser.add_argument("--out", type=Path, default=Path("augmented.png"))
    given = parser.parse_args()

    gx.set_seed(1)
    (x, y), (x_test, y_test) = gx.datasets.mnist.load_data()
    x, y, x_test, y_test = (a[: given.limit] for a in (x, y, x_test, y_test))
    x, x_test = x[..., None], x_test[..., None]
    moved = image.translate(x_test, 4.0, 3.0).numpy().astype(np.uint8)
    train, validation, _ = gx.data.train_validation_test_split(x, y, test_size=0, seed=1)

    same = np.repeat(x[:4], 8, 0)
    image.save_img(given.out, sheet(augmentation(seed=7)(same, training=True).numpy(), 4))
    print("four digits, eight times each, as the training step sees them:", given.out)

    for augmented in (False, True):
        model = network(augmented)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        batches = gx.data.Batches(*train, batch_size=64, seed=1)
        model.fit(batches, epochs=given.epochs, validation_data=validation)
        scores = [model.evaluate(images, y_test, verbose=0)[1] for images in (x_test, moved)]
        words = "with" if augmented else "without"
        print(f"{words} augmentation: accuracy {scores[0]:.3f}, of moved digits {scores[1]:.3f}")


if __name__ == "__main__":
    main()
