"""Fashion-MNIST: small pictures of clothing (Xiao, Rasul, Vollgraf 2017)."""

from __future__ import annotations

from .mnist_like import TEST, TRAIN, Source, Split, load

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

SOURCE = Source(
    "fashion_mnist",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    {
        TRAIN[0]: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        TRAIN[1]: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        TEST[0]: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        TEST[1]: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
)


def load_data() -> Split:
    """(x_train, y_train), (x_test, y_test): uint8 images (n, 28, 28) and labels 0 .. 9."""
    return load(SOURCE)
