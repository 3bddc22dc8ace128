"""The 1,797 digits of scikit-learn, made as large as those of MNIST: data without a network."""

from __future__ import annotations

import numpy as np

from graphc.errors import MissingExtraError

from .mnist_like import Split


def load_data() -> Split:
    """(x_train, y_train), (x_test, y_test): uint8 images (n, 28, 28) and labels 0 .. 9.

    Each pixel of the 8 x 8 originals becomes 3 x 3, within a border of 2; 1,437 train, 360 test.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise MissingExtraError(
            "scikit-learn is not installed", fix='pip install "graphc[demo]"'
        ) from None
    digits = load_digits()
    grown = digits.images.repeat(3, axis=1).repeat(3, axis=2) * (255 / 16)
    images = np.pad(grown, ((0, 0), (2, 2), (2, 2))).astype(np.uint8)
    labels = digits.target.astype(np.uint8)
    order = np.random.RandomState(0).permutation(len(images))
    border = len(images) * 4 // 5
    first, last = order[:border], order[border:]
    return (images[first], labels[first]), (images[last], labels[last])
