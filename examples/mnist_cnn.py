"""A convolutional network on MNIST, as one writes it with Keras.

The data is looked for in $GRAPHC_DATA/mnist, then downloaded.
"""

from __future__ import annotations

import argparse

import graphc as gx
from graphc.frontend.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--limit", type=int, help="take only so many images")
    given = parser.parse_args()

    gx.set_seed(1)
    (x_train, y_train), (x_test, y_test) = gx.datasets.mnist.load_data()
    x_train, y_train = x_train[: given.limit, ..., None] / 255.0, y_train[: given.limit]
    x_test, y_test = x_test[: given.limit, ..., None] / 255.0, y_test[: given.limit]

    model = gx.Sequential()
    model.add(Conv2D(64, 3, activation="relu", input_shape=(28, 28, 1)))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Conv2D(64, 3, activation="relu"))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Flatten())
    model.add(Dropout(0.2))
    model.add(Dense(10, activation="softmax"))
    model.summary()

    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x_train, y_train, 64, given.epochs, validation_split=0.1)
    print("validation accuracy of each epoch:", history.history["val_acc"])
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"test loss {loss:.4f}, accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
