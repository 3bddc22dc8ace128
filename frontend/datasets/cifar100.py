"""CIFAR-100: 60,000 small colour pictures of a hundred kinds in twenty groups (Krizhevsky 2009)."""

from __future__ import annotations

from .cifar import Archive, chosen, load
from .mnist_like import Split

ARCHIVE = Archive(
    "cifar100",
    "cifar-100-binary.tar.gz",
    "cifar-100-binary",
    "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    ("train.bin",),
    "test.bin",
    labels=2,
)

_LABELS = ("coarse", "fine")


def load_data(label_mode: str = "fine") -> Split:
    """(x_train, y_train), (x_test, y_test): uint8 images (n, 32, 32, 3) and labels (n, 1).

    Labels are "fine", 0 .. 99, or "coarse", the groups 0 .. 19.
    """
    return load(ARCHIVE, chosen(label_mode, _LABELS))
