"""Neural style transfer: digits in the style of textures.

The network learns digits (from $GRAPHC_DATA/mnist, or downloaded). What its layers answer to an
image is the content, which of its channels answer together is the style.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import graphc as gx
from graphc.frontend.layers import Conv2D, Dense, Flatten, MaxPooling2D


def textures(size: int) -> dict[str, np.ndarray]:
    """Small black and white patterns."""
    i, j = np.mgrid[:size, :size]
    dots = (i % 8 - 3.5) ** 2 + (j % 8 - 3.5) ** 2 < 6
    patterns = {"stripes": (i + j) % 8 < 4, "dots": dots, "bricks": (i % 6 == 0) | (j % 12 == 0)}
    return {name: p[..., None].astype("float32") for name, p in patterns.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--limit", type=int, help="take only so many images")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("style_transfer.png"))
    given = parser.parse_args()

    gx.set_seed(3)
    (x, y), _ = gx.datasets.mnist.load_data()
    x, y = (x[: given.limit, ..., None] / 255.0).astype("float32"), y[: given.limit]
    model = gx.Sequential()
    model.add(Conv2D(16, 5, activation="relu", input_shape=(28, 28, 1), name="edges"))
    model.add(MaxPooling2D(2))
    model.add(Conv2D(24, 3, activation="relu", name="parts"))
    model.add(MaxPooling2D(2))
    model.add(Flatten())
    model.add(Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, 64, given.epochs, verbose=0)

    rows = [np.concatenate(x[i : i + 2], axis=1) for i in (0, 2)]
    content = np.concatenate(rows, axis=0)
    pictures, titles = [content], ["content"]
    for name, style in textures(len(content)).items():
        found = gx.visualize.style_transfer(
            model, content, style, content_layers="parts", style_layers=["edges", "parts"],
            style_weight=2.0, variation_weight=0.05, steps=given.steps,
        )  # fmt: skip
        print(f"{name}: loss {found.losses[0]:.3f} -> {found.losses[-1]:.3f}")
        pictures += [style, found.image]
        titles += [name, f"in {name}"]
    gx.plots.plot_images(pictures, given.out, titles=titles, columns=7)
    print(f"{len(pictures)} pictures in {given.out}")


if __name__ == "__main__":
    main()
