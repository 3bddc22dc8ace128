"""From degrees Celsius to degrees Fahrenheit: a model of one neuron learns y = 1.8 x + 32."""

from __future__ import annotations

import argparse

import numpy as np

import graphc as gx

CELSIUS = np.array([-40.0, -10.0, 0.0, 8.0, 15.0, 22.0, 38.0], np.float32)


def fahrenheit(celsius):
    """Traditional programming: somebody knows the rule."""
    return 1.8 * celsius + 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=500)
    given = parser.parse_args()

    gx.set_seed(0)
    model = gx.Sequential()
    model.add(gx.layers.Dense(units=1, input_shape=[1]))
    model.compile(loss="mean_squared_error", optimizer=gx.optimizers.Adam(0.1), metrics=["mae"])
    history = model.fit(CELSIUS, fahrenheit(CELSIUS), epochs=given.epochs, verbose=0)

    (weight, bias) = (w.item() for w in model.get_weights())
    loss, mae = model.evaluate(CELSIUS, fahrenheit(CELSIUS), verbose=0)
    losses = history.history["loss"]
    print(f"loss after {1} and {given.epochs} epochs: {losses[0]:.1f} {losses[-1]:.3f}")
    print(f"evaluate: mse {loss:.3f}, mae {mae:.3f}")
    print(f"learnt: y = {weight:.3f} x + {bias:.2f}; the rule is y = 1.8 x + 32")
    print(f"100 degrees Celsius are {model.predict([100.0], verbose=0).item():.2f}, truly 212")


if __name__ == "__main__":
    main()
