"""Five remedies against learning by heart: penalties, dropout, normalisation, a smaller model."""

from __future__ import annotations

import argparse

import numpy as np

import graphc as gx

Dense, regularizers = gx.layers.Dense, gx.regularizers


def network(units: int, *, penalty=None, dropout: float = 0.0, normalised: bool = False):
    layers = [gx.layers.InputLayer((20,))]
    for _ in range(2):
        layers.append(Dense(units, "relu", kernel_regularizer=penalty))
        if normalised:
            layers.append(gx.layers.BatchNormalization())
        if dropout:
            layers.append(gx.layers.Dropout(dropout))
    return gx.Sequential([*layers, Dense(1)])


REMEDIES = {
    "none": lambda: network(64),
    "fewer units": lambda: network(3),
    "L1": lambda: network(64, penalty=regularizers.L1(2e-3)),
    "L2": lambda: network(64, penalty=regularizers.L2(1e-2)),
    "dropout": lambda: network(64, dropout=0.4),
    "batch norm": lambda: network(64, normalised=True),
}


def examples(count: int, random: np.random.Generator):
    """The sum of three of twenty inputs, with noise."""
    x = random.normal(size=(count, 20)).astype(np.float32)
    return x, x[:, :3].sum(1, keepdims=True) + random.normal(size=(count, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=150)
    given = parser.parse_args()

    random = np.random.default_rng(0)
    x, y = examples(80, random)
    new = examples(1000, random)
    print(f"{'':12} {'weights':>8} {'training':>9} {'new data':>9} {'near 0':>7}")
    for name, build in REMEDIES.items():
        gx.set_seed(1)
        model = build()
        model.compile(gx.optimizers.Adam(0.01), "mse", ["mse"])
        model.fit(x, y, epochs=given.epochs, verbose=0)
        known, unknown = (model.evaluate(*d, verbose=0)[1] for d in ((x, y), new))
        kernel = model.get_weights()[0]
        small = (np.abs(kernel) < 1e-2).mean()
        print(f"{name:12} {model.count_params():8,} {known:9.3f} {unknown:9.3f} {small:7.0%}")


if __name__ == "__main__":
    main()
