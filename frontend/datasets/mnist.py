"""MNIST: hand-written digits (LeCun, Cortes, Burges 1998)."""

from __future__ import annotations

from .mnist_like import TEST, TRAIN, Source, Split, load

CLASSES = tuple("0123456789")

SOURCE = Source(
    "mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    {
        TRAIN[0]: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        TRAIN[1]: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        TEST[0]: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        TEST[1]: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
)


def load_data() -> Split:
    """(x_train, y_train), (x_test, y_test): uint8 images (n, 28, 28) and labels 0 .. 9."""
    return load(SOURCE)
