"""Transfer learning: what a network learned about the digits 0 to 4 helps with 5 to 9.

A network is trained on the first five digits. Its convolutions, frozen, then serve a new classifier
of the other five, for which there are few images; at last all weights are fine-tuned with a small
learning rate. A network that begins from nothing is trained on the same few images for comparison.
"""

from __future__ import annotations

import argparse

import numpy as np

import graphc as gx
from graphc.frontend.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D

Digits = tuple[np.ndarray, np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--few", type=int, default=100, help="images of 5 to 9 to learn from")
    parser.add_argument("--limit", type=int, help="take only so many images of 0 to 4")
    given = parser.parse_args()

    gx.set_seed(1)
    (x, y), (x_test, y_test) = gx.datasets.mnist.load_data()
    many = digits(x, y, range(5), given.limit)
    few = digits(x, y, range(5, 10), given.few)
    test = digits(x_test, y_test, range(5, 10))

    teacher = gx.Sequential([features(), head()])
    train(teacher, many, given.epochs)
    print(f"0 to 4 from {len(many[0])} images: {accuracy(teacher, many):.3f} of them are known")

    scratch = gx.Sequential([features(), head()])
    train(scratch, few, 3 * given.epochs)
    print(f"5 to 9 from {len(few[0])} images, from nothing:  {accuracy(scratch, test):.3f}")

    learned = teacher.get_layer("features")
    learned.trainable = False
    student = gx.Sequential([learned, head()])
    train(student, few, 3 * given.epochs)
    print(f"the same with frozen convolutions: {accuracy(student, test):.3f}")
    print(f"  weights that were trained: {sum(w.size for w in student.trainable_weights)}")

    learned.trainable = True
    train(student, few, 3 * given.epochs, learning_rate=3e-4)
    print(f"fine-tuned with a small step:      {accuracy(student, test):.3f}")


def features() -> gx.Sequential:
    """The part that finds strokes and corners."""
    layers = [
        Input((28, 28, 1)),
        Conv2D(32, 3, activation="relu"),
        MaxPooling2D(),
        Conv2D(64, 3, activation="relu"),
        MaxPooling2D(),
        Flatten(),
    ]
    return gx.Sequential(layers, name="features")


def head() -> gx.Sequential:
    """The part that knows five classes."""
    return gx.Sequential([Dropout(0.3), Dense(5, activation="softmax")])


def digits(x: np.ndarray, y: np.ndarray, which: range, limit: int | None = None) -> Digits:
    """Images of some digits in 0 .. 1, and which of them each is, from 0."""
    chosen = np.isin(y, which)
    images, classes = x[chosen][:limit, ..., None] / np.float32(255), y[chosen][:limit]
    return images, classes - which[0]


def train(model: gx.Model, data: Digits, epochs: int, learning_rate: float = 1e-3) -> None:
    """Compile, since what is trainable may have changed, and train."""
    optimizer = gx.optimizers.Adam(learning_rate)
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    model.fit(*data, batch_size=32, epochs=epochs, verbose=0, seed=1)


def accuracy(model: gx.Model, data: Digits) -> float:
    """The share of images that are recognised."""
    return model.evaluate(*data, verbose=0, return_dict=True)["accuracy"]


if __name__ == "__main__":
    main()
