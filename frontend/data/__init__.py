"""Data on its way to training: splits, folds, duplicates, batches that are loaded ahead."""

from __future__ import annotations

from .batches import Batches
from .duplicates import find_duplicates
from .folders import image_dataset_from_directory
from .folds import KFold, StratifiedKFold
from .image_generator import ImageDataGenerator
from .prefetch import in_order, prefetch
from .py_dataset import PyDataset
from .splits import split_dataset, train_test_split, train_validation_test_split

# The older name of Keras for the same thing.
Sequence = PyDataset

__all__ = [
    "Batches",
    "ImageDataGenerator",
    "KFold",
    "PyDataset",
    "Sequence",
    "StratifiedKFold",
    "find_duplicates",
    "image_dataset_from_directory",
    "in_order",
    "prefetch",
    "split_dataset",
    "train_test_split",
    "train_validation_test_split",
]
