"""keras.src.layers: graphc's, with the private names that Keras's tests look at."""

from __future__ import annotations

from graphc.frontend import layers
from graphc.frontend.layers import Layer


def __getattr__(name: str) -> object:
    return getattr(layers, name)


def _of_own(layer: Layer, trainable: bool) -> list[object]:
    return [w for w in layer.weights if w.trainable is trainable]


Layer._layers = property(lambda layer: layer.sublayers)
Layer._trainable_variables = property(lambda layer: _of_own(layer, True))
Layer._non_trainable_variables = property(lambda layer: _of_own(layer, False))
