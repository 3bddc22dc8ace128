"""Images of any shape and number of classes, made up: for trying out what has no data yet."""

from __future__ import annotations

import numpy as np

from graphc.errors import ArgumentError

from .mnist_like import Split

_COARSE = 4


def load_data(
    shape: tuple[int, int, int] = (224, 224, 3), classes: int = 1000, *, train: int = 64,
    test: int = 16, noise: float = 0.25, seed: int = 0,
) -> Split:  # fmt: skip
    """(x_train, y_train), (x_test, y_test): uint8 images (n, *shape) and labels (n, 1).

    Each class has a pattern of large squares; images are patterns with normal noise of so many
    times 255. The shape and the classes of ImageNet are the default.

    >>> (x, y), _ = load_data((32, 32, 3), 10)
    >>> x.shape, y.shape
    ((64, 32, 32, 3), (64, 1))
    """
    if len(shape) != 3 or min(*shape, classes, train, test) < 1 or noise < 0:
        raise ArgumentError(
            "made-up images have a shape, classes and numbers above 0",
            received=(shape, classes, train, test, noise),
        )
    draw = np.random.Generator(np.random.Philox(seed))
    patterns = draw.random((classes, _COARSE, _COARSE, shape[2]), np.float32)
    rows, columns = (np.arange(n) * _COARSE // n for n in shape[:2])
    labels = draw.integers(0, classes, train + test)
    images = np.empty((train + test, *shape), np.uint8)
    for n, label in enumerate(labels):
        pattern = patterns[label][rows][:, columns]
        noisy = pattern + noise * draw.standard_normal(shape, np.float32)
        images[n] = np.clip(noisy, 0, 1) * 255
    y = labels.astype(np.int64)[:, None]
    return (images[:train], y[:train]), (images[train:], y[train:])
