"""Units that have died: ReLU passes them no gradient for any example, so they learn no more."""

from __future__ import annotations

import numpy as np

from graphc.frontend.layers.activation import Activation, ReLU
from graphc.frontend.layers.layer import Layer
from graphc.frontend.models.model import Model
from graphc.ir.node import Tensor
from graphc.ops import convert, elementwise, movement, reduce

from .networks import answers, compiled_for, wiring_of


def dead_units(model: Model, examples: object) -> dict[str, float]:
    """For each layer the share of its units (channels) that answer 0 to all examples, everywhere.

    Layers with weights and layers of activations are asked.

    >>> from graphc.frontend.layers import Dense
    >>> from graphc.frontend.models import Sequential
    >>> layer = Dense(4, activation="relu", input_shape=(1,), name="hidden")
    >>> model = Sequential([layer])
    >>> layer.set_weights([[[1.0, 1.0, -1.0, 1.0]], [0.0, 0.0, 0.0, -9.0]])
    >>> dead_units(model, [[1.0], [2.0]])
    {'hidden': 0.5}
    """
    called = dict.fromkeys(step.call.layer for step in wiring_of(model).steps)
    layers = [layer for layer in called if _acts(layer)]
    if not layers:
        return {}

    def build(x: Tensor, _: Tensor | None) -> Tensor:
        return movement.stack([_dead(y) for y in answers(model, x, layers)])

    shares = compiled_for(np.asarray(examples), None, build, "dead_units")
    return {layer.name: float(share) for layer, share in zip(layers, shares)}


def _acts(layer: Layer) -> bool:
    return bool(layer.weights) or isinstance(layer, Activation | ReLU)


def _dead(y: Tensor) -> Tensor:
    most = reduce.max(elementwise.abs(y), axis=tuple(range(y.ndim - 1)))
    return reduce.mean(convert.cast(elementwise.equal(most, 0.0), "float32"))
