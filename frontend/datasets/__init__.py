"""Data sets: each module has `load_data() -> (x_train, y_train), (x_test, y_test)`."""

from __future__ import annotations

from . import cifar10, cifar100, digits, fashion_mnist, mnist, synthetic

__all__ = ["cifar10", "cifar100", "digits", "fashion_mnist", "mnist", "synthetic"]
