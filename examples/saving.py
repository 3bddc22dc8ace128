"""Saving: training that goes on from a file, weights alone, and a model without its Python code.

Everything is written into the folder `--out`; look into `model.graphc` with any zip program.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import graphc as gx
from graphc.frontend.layers import BatchNormalization, Dense, Dropout


class Regressor(gx.Model):
    """A model of one's own, of which files hold the graph."""

    def __init__(self, units: int = 16) -> None:
        super().__init__()
        self.hidden, self.out = Dense(units, activation="tanh"), Dense(1)

    def call(self, inputs: gx.Tensor) -> gx.Tensor:
        """One number for each example."""
        return self.out(self.hidden(inputs))


@gx.saving.register_keras_serializable("example")
def cubed(x):
    return x**3


def data(count: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)
    return x, x[:, :1] * x[:, 1:2] + x[:, 2:]


def resumed(folder: Path, x: np.ndarray, y: np.ndarray, epochs: int) -> None:
    """The same training at once and in two halves."""
    model = gx.Sequential(
        [
            Dense(16, activation=cubed, input_shape=(3,)),
            BatchNormalization(),
            Dropout(0.2),
            Dense(1),
        ]
    )
    model.compile(gx.optimizers.Adam(0.01), "mse")
    model.fit(x, y, epochs=epochs, verbose=0, seed=1)
    model.save(folder / "model.graphc")
    again = gx.models.load_model(folder / "model.graphc")
    for one in (model, again):
        one.fit(x, y, epochs=2 * epochs, initial_epoch=epochs, verbose=0, seed=1)
    same = all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights()))
    print(f"{2 * epochs} epochs, with and without a file between them: same bits: {same}")
    model.save_weights(folder / "weights.safetensors")
    fresh = gx.models.model_from_json(model.to_json())
    fresh.load_weights(folder / "weights.safetensors")
    print("architecture and weights by themselves:", np.array_equal(model(x), fresh(x)))


def without_code(folder: Path, x: np.ndarray, y: np.ndarray) -> None:
    """A model of a class that the reader does not know."""
    model = Regressor()
    model.compile("adam", "mse")
    model.fit(x, y, verbose=0)
    model.save(folder / "own.graphc")
    restored = gx.models.load_model(folder / "own.graphc")
    equal = np.array_equal(model.predict(x, verbose=0), restored.predict(x, verbose=0))
    print(f"a {type(model).__name__} comes back as {type(restored).__name__}, equal: {equal}")
    known = gx.models.load_model(folder / "own.graphc", custom_objects={"Regressor": Regressor})
    print("with the class it is a", type(known).__name__)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--examples", type=int, default=256)
    parser.add_argument("--out", type=Path, default=Path("out/saving"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    x, y = data(options.examples)
    resumed(options.out, x, y, options.epochs)
    without_code(options.out, x, y)
    print("written:", ", ".join(sorted(path.name for path in options.out.iterdir())))


if __name__ == "__main__":
    main()
