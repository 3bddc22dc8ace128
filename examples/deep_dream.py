"""DeepDream: an image with more of what the layers of a network see in it.

The network learns digits (from $GRAPHC_DATA/mnist, or downloaded); then a sheet of digits, and mere
noise, are changed by gradient ascent in several sizes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import graphc as gx
from graphc.frontend.layers import Conv2D, Dense, Flatten, MaxPooling2D


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--limit", type=int, help="take only so many images")
    parser.add_argument("--steps", type=int, default=25, help="steps of ascent in each size")
    parser.add_argument("--out", type=Path, default=Path("deep_dream.png"))
    given = parser.parse_args()

    gx.set_seed(2)
    (x, y), _ = gx.datasets.mnist.load_data()
    x, y = (x[: given.limit, ..., None] / 255.0).astype("float32"), y[: given.limit]
    model = gx.Sequential()
    model.add(Conv2D(12, 5, activation="relu", input_shape=(28, 28, 1), name="edges"))
    model.add(MaxPooling2D(2))
    model.add(Conv2D(24, 3, activation="relu", name="parts"))
    model.add(Conv2D(32, 3, activation="relu", name="forms"))
    model.add(Flatten())
    model.add(Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, 64, given.epochs, verbose=0)

    # Convolutions take any size: a sheet of 4 x 4 digits, and noise around a grey.
    rows = [np.concatenate(x[i : i + 4], axis=1) for i in range(0, 16, 4)]
    sheet = 0.25 + 0.5 * np.concatenate(rows, axis=0)
    noise = 0.5 + 0.1 * np.random.default_rng(0).standard_normal(sheet.shape)
    pictures, titles = [], []
    for name, image in (("digits", sheet), ("noise", noise)):
        pictures.append(image)
        titles.append(name)
        for layer in ("edges", "parts", "forms"):
            dream = gx.visualize.deep_dream(model, image, layer, steps=given.steps, rate=0.006)
            pictures.append(dream)
            titles.append(f"{layer} of {name}")
    gx.plots.plot_images(pictures, given.out, titles=titles, columns=4)
    print(f"{len(pictures)} pictures in {given.out}")


if __name__ == "__main__":
    main()
