"""One network in three ways: a list of layers, calls of layers, a class; they compute the same."""

from __future__ import annotations

import argparse

import numpy as np

import graphc as gx

Conv2D, Flatten, Dense = gx.layers.Conv2D, gx.layers.Flatten, gx.layers.Dense


def sequential():
    return gx.Sequential(
        [
            Conv2D(32, kernel_size=3, activation="relu"),
            Conv2D(64, kernel_size=3, strides=2, activation="relu"),
            Flatten(),
            Dense(128, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )


def functional():
    inputs = gx.Input(shape=(32, 32, 3))
    x = Conv2D(32, kernel_size=3, activation="relu")(inputs)
    x = Conv2D(64, kernel_size=3, strides=2, activation="relu")(x)
    x = Flatten()(x)
    x = Dense(128, activation="relu")(x)
    return gx.Model(inputs, Dense(10, activation="softmax")(x))


class Subclass(gx.Model):
    """The way for what is no chain of layers: Python says how they are connected."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Conv2D(32, kernel_size=3, activation="relu")
        self.second = Conv2D(64, kernel_size=3, strides=2, activation="relu")
        self.flatten = Flatten()
        self.hidden = Dense(128, activation="relu")
        self.last = Dense(10, activation="softmax")

    def call(self, x):
        """How the layers are connected."""
        x = self.second(self.first(x))
        return self.last(self.hidden(self.flatten(x)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=8)
    given = parser.parse_args()

    images = np.random.default_rng(0).random((given.images, 32, 32, 3), np.float32)
    answers = []
    for build in (sequential, functional, Subclass):
        gx.set_seed(7)
        model = build()
        answers.append(model(images).numpy())
        print(f"{build.__name__:10} {model.count_params():,} weights in {len(model.layers)} layers")
    largest = max(np.abs(a - answers[0]).max() for a in answers)
    print(f"largest difference of an output: {largest:.0e}")
    assert largest < 1e-6, "the same seed gives the same network"


if __name__ == "__main__":
    main()
