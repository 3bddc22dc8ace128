"""Where Keras puts the weights of a model: `layers/dense/vars/0` in HDF5, one group per layer.

Groups are called like our paths (`paths.py`); in each the layer's own weights have numbers, the
trainable ones first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from graphc.frontend.layers.layer import Layer
from graphc.ops.variable import Variable

from .hdf5 import Attribute, Content
from .paths import layers_by_path, weights_by_path

if TYPE_CHECKING:
    from graphc.frontend.models.model import Model
    from graphc.frontend.optimizers import Optimizer


def places(model: Model) -> dict[str, Variable]:
    """All weights by their paths in the file."""
    own: dict[str, list[Variable]] = {path: [] for path in layers_by_path(model)}
    for path, weight in weights_by_path(model).items():
        own[_owner(path, own)].append(weight)
    return {
        f"{path}/vars/{number}".removeprefix("/"): weight
        for path, weights in own.items()
        for number, weight in enumerate(sorted(weights, key=lambda w: not w.trainable))
    }


def _owner(path: str, layers: Mapping[str, object]) -> str:
    """The layer that a weight's path lies in."""
    owner = path.rpartition("/")[0]
    while owner not in layers:
        owner = owner.rpartition("/")[0]
    return owner


def optimizer_places(optimizer: Optimizer) -> dict[str, Variable]:
    """The optimizer's variables likewise."""
    return {f"optimizer/vars/{i}": v for i, v in enumerate(optimizer.variables)}


def content_of(model: Model) -> Content:
    """The content of `model.weights.h5`."""
    found = {place: v.numpy() for place, v in places(model).items()}
    names: dict[str, dict[str, Attribute]] = {f"{path}/vars".removeprefix("/"): {"name": layer.name}
             for path, layer in layers_by_path(model).items()}  # fmt: skip
    optimizer = model.optimizer
    if optimizer is not None and optimizer.built:
        found |= {place: widened(v) for place, v in optimizer_places(optimizer).items()}
        names["optimizer/vars"] = {"name": optimizer.name}
    return Content(found, names)


def widened(state: Variable) -> np.ndarray:
    """A variable of an optimizer; Keras counts steps in int64."""
    value = state.numpy()
    return value.astype(np.int64) if value.dtype == np.int32 else value


def weights_of(content: Content, model: Model) -> dict[str, np.ndarray]:
    """The arrays of a file, without those of the optimizer, at the places of our layers.

    Keras may number layers of one class in another order; where all layers of a model have the
    names that the file gives, these decide.
    """
    renamed = dict(_renamed(model, content))
    found: dict[str, np.ndarray] = {}
    for place, array in content.arrays.items():
        if not place.startswith("optimizer/"):
            parts = place.split("/")
            for length in range(len(parts), 0, -1):
                if (head := "/".join(parts[:length])) in renamed:
                    place = "/".join([renamed[head], *parts[length:]])
                    break
            found[place] = array
    return found


def _renamed(model: Layer, content: Content) -> list[tuple[str, str]]:
    """Groups of the file and the paths of the layers that they belong to."""
    layers = {p: layer for p, layer in layers_by_path(model).items() if p}
    said = {
        str(attributes["name"]): group.removesuffix("/vars")
        for group, attributes in content.attributes.items()
        if "name" in attributes and group.endswith("/vars") and not group.startswith("optimizer")
    }
    names = {layer.name: p for p, layer in layers.items()}
    if set(names) == set(said) and len(names) == len(layers):
        return [(said[name], p) for name, p in names.items()]
    return []
