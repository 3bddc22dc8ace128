"""What MNIST and its successors share: four IDX files of 60,000 and 10,000 small grey images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphc.errors import DataError

from .files import fetched_file, local_file
from .idx import read_idx

Labelled = tuple[np.ndarray, np.ndarray]
Split = tuple[Labelled, Labelled]

TRAIN = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
TEST = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
_HELD_BACK = 5


@dataclass(frozen=True, slots=True)
class Source:
    """Name of a data set, where it is on the network, and the SHA-256 of its files."""

    name: str
    url: str
    sums: dict[str, str]


def load(source: Source) -> Split:
    """(training images, labels), (test images, labels); uint8, images (n, 28, 28).

    Where $GRAPHC_DATA holds only the 10,000 test images, these are split: 8,000 to train and 2,000
    to test, always the same.
    """
    here = {name: local_file(source.name, name) for name in (*TRAIN, *TEST)}
    if all(here[name] for name in TEST) and not all(here[name] for name in TRAIN):
        return _divided(_pair([here[name] for name in TEST]))
    paths = {name: path or _fetched(source, name) for name, path in here.items()}
    return _pair([paths[n] for n in TRAIN]), _pair([paths[n] for n in TEST])


def _fetched(source: Source, name: str) -> Path:
    return fetched_file(source.name, name, source.url + name, source.sums[name])


def _pair(paths: list[Path | None]) -> Labelled:
    images, labels = (read_idx(p) for p in paths if p is not None)
    if images.ndim != 3 or labels.shape != images.shape[:1]:
        raise DataError(
            f"{paths[0]} and {paths[1]} do not belong together",
            received=f"images {images.shape}, labels {labels.shape}",
            expected="as many labels as images",
        )
    return images, labels


def _divided(whole: Labelled) -> Split:
    images, labels = whole
    # RandomState's sequence is fixed for ever by NumPy; that of newer generators is not.
    order = np.random.RandomState(0).permutation(len(images))
    border = len(images) - len(images) // _HELD_BACK
    first, last = order[:border], order[border:]
    return (images[first], labels[first]), (images[last], labels[last])
