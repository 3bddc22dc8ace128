"""CIFAR-10: 60,000 small colour pictures of ten kinds of things (Krizhevsky 2009)."""

from __future__ import annotations

from .cifar import Archive, load
from .mnist_like import Split

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip

ARCHIVE = Archive(
    "cifar10",
    "cifar-10-binary.tar.gz",
    "cifar-10-batches-bin",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    tuple(f"data_batch_{n}.bin" for n in range(1, 6)),
    "test_batch.bin",
)


def load_data() -> Split:
    """(x_train, y_train), (x_test, y_test): uint8 images (n, 32, 32, 3) and labels (n, 1)."""
    return load(ARCHIVE)
