"""A layer of one's own: what `build` and `call` are for, and how it is used in a model."""

from __future__ import annotations

import argparse

import numpy as np

import graphc as gx


class Neurons(gx.layers.Layer):
    """sigmoid(x W + b), with a penalty on W: what Dense does, written out."""

    def __init__(self, units: int, penalty: float = 0.0, **options) -> None:
        super().__init__(**options)
        self.units, self.penalty = units, penalty

    def build(self, input_shape) -> None:
        """The size of the input is known only now: the first call builds the layer."""
        rule = gx.regularizers.L2(self.penalty)
        self.kernel = self.add_weight(
            (input_shape[-1], self.units), name="kernel", regularizer=rule
        )
        self.bias = self.add_weight((self.units,), "zeros", name="bias")

    def call(self, x):
        """What the layer computes."""
        return gx.sigmoid(x @ self.kernel + self.bias)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=300)
    given = parser.parse_args()

    gx.set_seed(1)
    layer = Neurons(5, penalty=1e-4)
    print("one call:", layer(np.ones((2, 3))).shape, [w.name for w in layer.weights])
    try:
        layer(np.ones((2, 4)))
    except gx.errors.GraphcError as error:
        print("another width:", str(error).splitlines()[0])

    # Either of two inputs, but not both: no single neuron can tell these apart.
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([[0], [1], [1], [0]], np.float32)
    model = gx.Sequential([Neurons(8, input_shape=(2,)), Neurons(1)])
    model.compile(gx.optimizers.Adam(0.1), "binary_crossentropy", ["accuracy"])
    model.fit(x, y, epochs=given.epochs, verbose=0)
    print(f"{model.count_params()} weights, accuracy {model.evaluate(x, y, verbose=0)[1]:.2f}")
    print("again from its configuration:", Neurons.from_config(layer.get_config()).units, "units")


if __name__ == "__main__":
    main()
