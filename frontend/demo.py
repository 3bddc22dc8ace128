"""`python -m graphc demo`: a convolutional network from images to test accuracy."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphc.errors import DataError, MissingExtraError

from .callbacks.history import History
from .callbacks.progress import in_words
from .datasets import digits, mnist
from .layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from .losses import SparseCategoricalCrossentropy
from .models import Sequential
from .optimizers import Adam
from .plots import plot_history
from .seeds import set_seed
from .utils import clear_session
from .visualize.draw import draw

# Enough to pass 97.5 % on 2,000 images held back from 10,000.
_IMAGES_IN_ALL, _BATCH = 96_000, 64


@dataclass(frozen=True, slots=True)
class Images:
    """Pictures as float32 in 0 .. 1 of shape (n, 28, 28, 1), with their class numbers."""

    name: str
    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same steps of training compiled and op by op."""

    static_seconds: float
    eager_seconds: float
    difference: float

    def __str__(self) -> str:
        static, eager = self.static_seconds * 1e3, self.eager_seconds * 1e3
        return (
            f"a training step of {_BATCH} images: compiled {static:.2f} ms, "
            f"op by op {eager:.2f} ms; largest difference of a weight {self.difference:.1e}"
        )


def run(epochs: int | None, out: Path, target: str | None, limit: int | None = None) -> float:
    """Train, test, compare and draw; the accuracy on the test images.

    `limit` takes only so many images for training and for testing.
    """
    out.mkdir(parents=True, exist_ok=True)
    images = load_images(limit)
    print(f"{images.name}: {len(images.x)} images to train, {len(images.x_test)} to test")
    model = network(target, seed=1)
    model.summary()
    rounds = epochs or max(1, round(_IMAGES_IN_ALL / len(images.x)))
    history = model.fit(images.x, images.y, _BATCH, rounds, seed=1)
    print(f"{_speed(history, len(images.x)):,.0f} images per second in training")
    print(compare_modes(images.x, images.y, target))
    _draw(model, history, out)
    tested = model.evaluate(images.x_test, images.y_test, 250, 0, return_dict=True)
    assert isinstance(tested, dict), "numbers by name"
    print(f"test {in_words(tested)}")
    print(f"test accuracy {100 * tested['accuracy']:.2f} %")
    return tested["accuracy"]


def network(target: str | None = None, *, seed: int, run_eagerly: bool = False) -> Sequential:
    """The network: two convolutions with pooling, dropout, and a layer of ten outputs."""
    clear_session()
    set_seed(seed)
    model = Sequential([
        Input((28, 28, 1)),
        Conv2D(64, 3, activation="relu"),
        MaxPooling2D((2, 2)),
        Conv2D(64, 3, activation="relu"),
        MaxPooling2D((2, 2)),
        Flatten(),
        Dropout(0.2),
        Dense(10),
    ])  # fmt: skip
    loss = SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        Adam(0.002, decay=0.001), loss, ["accuracy"], target=target, run_eagerly=run_eagerly
    )
    return model


def load_images(limit: int | None = None) -> Images:
    """MNIST, or scikit-learn's digits where MNIST cannot be had."""
    try:
        name, data = "MNIST", mnist.load_data()
    except DataError as error:
        print(f"{error.problem}; scikit-learn's digits are taken instead")
        name, data = "digits", digits.load_data()
    (x, y), (x_test, y_test) = [(_scaled(a[:limit]), b[:limit].astype(np.int32)) for a, b in data]
    return Images(name, x, y, x_test, y_test)


def compare_modes(
    x: np.ndarray, y: np.ndarray, target: str | None = None, steps: int = 3
) -> Comparison:
    """Train two equal networks for a few steps, one compiled and one op by op."""
    count = min(_BATCH, len(x))
    seconds: list[float] = []
    weights: list[Sequence[np.ndarray]] = []
    for eager in (False, True):
        model = network(target, seed=2, run_eagerly=eager)
        # The first step compiles; it is not measured.
        model.train_on_batch(x[:count], y[:count])
        start = time.perf_counter()
        for _ in range(steps):
            model.train_on_batch(x[:count], y[:count])
        seconds.append((time.perf_counter() - start) / steps)
        weights.append(model.get_weights())
    difference = max(float(np.abs(a - b).max()) for a, b in zip(*weights, strict=True))
    return Comparison(seconds[0], seconds[1], difference)


def _scaled(images: np.ndarray) -> np.ndarray:
    return images[..., None].astype(np.float32) / np.float32(255)


def _speed(history: History, images: int) -> float:
    """Images per second; the first epoch counts only if there is no other, because it compiles."""
    seconds = history.seconds[1:] or history.seconds
    return images * len(seconds) / sum(seconds)


def _draw(model: Sequential, history: History, out: Path) -> None:
    with warnings.catch_warnings():
        # It warns of a missing Graphviz, without which it writes the file all the same.
        warnings.simplefilter("ignore")
        draw(model, out / "model.svg")
    print(f"wrote {out / 'model.svg'}")
    try:
        plot_history(history, out / "learning_curve.png")
        print(f"wrote {out / 'learning_curve.png'}")
    except MissingExtraError as error:
        print(f"no learning curve: {error.problem}")
