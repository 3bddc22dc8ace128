"""Training with callbacks: stopping early, the best model in a file, logs, and one of one's own.

Writes into a folder: log.csv, best.graphc, and files that `tensorboard --logdir` shows.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import graphc as gx
from graphc.frontend.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TensorBoard,
    TerminateOnNaN,
)
from graphc.frontend.layers import Dense, Dropout, Flatten


class Norms(Callback):
    """Adds the norm of all weights to the numbers of each epoch."""

    def on_epoch_end(self, epoch, logs=None):  # noqa: ARG002
        """Called after each epoch."""
        logs["norm"] = sum(float((w**2).sum()) for w in self.model.get_weights()) ** 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--limit", type=int, help="take only so many images")
    parser.add_argument("--out", type=Path, default=Path("callbacks"))
    parser.add_argument("--tensorboard", action="store_true", help="needs graphc[tensorboard]")
    given = parser.parse_args()

    gx.set_seed(1)
    (x, y), _ = gx.datasets.mnist.load_data()
    x, y = x[: given.limit] / 255.0, y[: given.limit]
    model = gx.Sequential(
        [Flatten(input_shape=(28, 28)), Dense(128, "relu"), Dropout(0.4), Dense(10, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

    given.out.mkdir(parents=True, exist_ok=True)
    best = given.out / "best.graphc"
    callbacks = [
        Norms(),
        ReduceLROnPlateau(factor=0.5, patience=2, restore_best_weights=True, verbose=1),
        EarlyStopping(patience=5, restore_best_weights=True, verbose=1),
        ModelCheckpoint(best, save_best_only=True),
        CSVLogger(given.out / "log.csv"),
        TerminateOnNaN(),
    ]
    if given.tensorboard:
        callbacks.append(TensorBoard(given.out / "tensorboard", histogram_freq=1))
    history = model.fit(
        x, y, 64, given.epochs, verbose=2, callbacks=callbacks, validation_split=0.2, seed=1
    )

    lowest = min(history.history["val_loss"])
    print(f"{len(history.epoch)} epochs; the lowest val_loss is {lowest:.4f}")
    print((given.out / "log.csv").read_text().splitlines()[0])
    again = gx.models.load_model(best)
    split = len(x) - int(len(x) * 0.2)
    loss, accuracy = again.evaluate(x[split:], y[split:], verbose=0)
    print(f"from the file: loss {loss:.4f}, accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
