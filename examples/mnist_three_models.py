"""Three networks read handwritten digits: layers that see all pixels, convolutions, an LSTM.

    python examples/mnist_three_models.py [mlp] [cnn] [lstm] [--epochs 10] [--out out/mnist]

8,000 images are for learning and 2,000 to choose the best epoch and to test. For each network the
folder gets the numbers of each epoch (CSV), files for TensorBoard, the best model, and a picture of
the learning curves.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import graphc as gx
from graphc.frontend.layers import (
    LSTM,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    MaxPooling2D,
    Reshape,
)

TRAIN, TEST = 8000, 2000


def mlp() -> gx.Sequential:
    """Every pixel with every unit; 269,322 parameters."""
    return gx.Sequential([
        Input((28, 28)),
        Flatten(),
        Dense(256, activation="relu"),
        Dropout(0.2),
        Dense(256, activation="relu"),
        Dropout(0.2),
        Dense(10, activation="softmax"),
    ])  # fmt: skip


def cnn() -> gx.Sequential:
    """The same small filters everywhere."""
    return gx.Sequential([
        Input((28, 28)),
        Reshape((28, 28, 1)),
        Conv2D(32, 3, activation="relu"),
        BatchNormalization(momentum=0.9),
        Conv2D(32, 3, activation="relu"),
        MaxPooling2D(),
        Dropout(0.25),
        Conv2D(64, 3, activation="relu"),
        BatchNormalization(momentum=0.9),
        MaxPooling2D(),
        Flatten(),
        Dropout(0.4),
        Dense(10, activation="softmax"),
    ])  # fmt: skip


def lstm() -> gx.Sequential:
    """The image is read row by row, from the top."""
    return gx.Sequential([
        Input((28, 28)),
        LSTM(128),
        Dense(10, activation="softmax"),
    ])  # fmt: skip


MODELS = {"mlp": (mlp, 1e-3), "cnn": (cnn, 2e-3), "lstm": (lstm, 3e-3)}
"""How to make each, and the learning rate of Adam."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", metavar="|".join(MODELS), help="all by default")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--limit", type=int, help="take only so many images")
    parser.add_argument("--out", type=Path, default=Path("out/mnist"))
    given = parser.parse_args()
    (x, y), (x_test, y_test) = gx.datasets.mnist.load_data()
    train = scaled(x[:TRAIN][: given.limit]), y[:TRAIN][: given.limit]
    test = scaled(x_test[:TEST][: given.limit]), y_test[:TEST][: given.limit]
    for name in given.models or MODELS:
        accuracy = run(name, train, test, given.epochs, given.out)
        print(f"{name}: {100 * accuracy:.2f} % of {len(test[0])} test images\n")


def run(
    name: str, train: tuple[np.ndarray, ...], test: tuple[np.ndarray, ...], epochs: int, out: Path
) -> float:
    """Train one network; its accuracy with the weights of the best epoch."""
    gx.set_seed(1)
    make, learning_rate = MODELS[name]
    model = make()
    model.summary()
    optimizer = gx.optimizers.Adam(learning_rate)
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    out.mkdir(parents=True, exist_ok=True)
    history = model.fit(
        *train,
        batch_size=64,
        epochs=epochs,
        verbose=2,
        validation_data=test,
        seed=1,
        callbacks=[
            gx.callbacks.EarlyStopping("val_accuracy", patience=4, restore_best_weights=True),
            gx.callbacks.ReduceLROnPlateau("val_loss", factor=0.3, patience=1),
            gx.callbacks.ModelCheckpoint(
                out / f"{name}.graphc", "val_accuracy", save_best_only=True
            ),
            gx.callbacks.CSVLogger(out / f"{name}.csv"),
            gx.callbacks.TensorBoard(out / "logs" / name, histogram_freq=1),
        ],
    )
    gx.plots.plot_history(history, path=out / f"{name}.png")
    print(gx.diagnose(history))
    return model.evaluate(*test, verbose=0, return_dict=True)["accuracy"]


def scaled(images: np.ndarray) -> np.ndarray:
    """Pixels as numbers from 0 to 1."""
    return images / np.float32(255)


if __name__ == "__main__":
    main()
