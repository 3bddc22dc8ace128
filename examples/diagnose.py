"""Why does it not get better? Three trainings on digits, and what their curves say.

One network is too small, one learns its few examples by heart, one fits. A fourth picture shows the
same for polynomials: error by degree. The digits are looked for in $GRAPHC_DATA/mnist.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import graphc as gx
from graphc.frontend.layers import Dense, Dropout, Flatten

# Name, hidden layers, rate of dropout, share of the images to train on.
CASES = (("too small", (1,), 0.0, 1.0), ("by heart", (256, 256), 0.0, 0.06),
         ("fits", (128,), 0.3, 1.0))  # fmt: skip


def network(hidden: tuple[int, ...], rate: float) -> gx.Sequential:
    """Dense layers on 28 x 28 pixels."""
    model = gx.Sequential([Flatten(input_shape=(28, 28))])
    for units in hidden:
        model.add(Dense(units, activation="relu"))
        model.add(Dropout(rate))
    model.add(Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def polynomials(out: Path) -> None:
    """The error of polynomials of each degree on 20 noisy points of a sine, and on 100 others."""
    random, degrees = np.random.default_rng(1), range(1, 13)

    def points(count: int) -> tuple[np.ndarray, np.ndarray]:
        x = random.uniform(0, 1, count)
        return x, np.sin(2 * np.pi * x) + 0.2 * random.standard_normal(count)

    (x, y), (x_new, y_new) = points(20), points(100)
    fits = [np.polynomial.Polynomial.fit(x, y, degree) for degree in degrees]
    errors = [[float(np.mean((f(a) - b) ** 2)) for f in fits] for a, b in ((x, y), (x_new, y_new))]
    gx.plots.plot_complexity(degrees, *errors, out, capacity="degree", log_scale=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--limit", type=int, help="take only so many images")
    parser.add_argument("--out", type=Path, default=Path("diagnosis"))
    given = parser.parse_args()

    (x, y), (x_test, y_test) = gx.datasets.mnist.load_data()
    x, y = (x[: given.limit] / 255.0).astype("float32"), y[: given.limit]
    x_test, y_test = (x_test[: given.limit] / 255.0).astype("float32"), y_test[: given.limit]
    for name, hidden, rate, share in CASES:
        gx.set_seed(4)
        model, count = network(hidden, rate), max(8, round(share * len(x)))
        history = model.fit(
            x[:count], y[:count], 32, given.epochs, validation_data=(x_test, y_test), verbose=0
        )
        gx.plots.plot_history(history, given.out / f"{name.replace(' ', '_')}.png")
        print(f"\n{name}: {model.count_params():,} parameters, {count} images")
        print(gx.diagnose(history, model=model))
    polynomials(given.out / "polynomials.png")
    print(f"\n{len(list(given.out.iterdir()))} pictures in {given.out}")


if __name__ == "__main__":
    main()
