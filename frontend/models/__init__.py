"""Models: a list of layers, or a subclass of Model."""

from __future__ import annotations

from graphc.frontend.layers.registry import KNOWN
from graphc.frontend.saving.files import load_model, save_model

from .description import clone_model, model_from_json
from .model import Model
from .restored import Restored
from .sequential import Sequential

# A model may be a layer of another one, and files name it.
KNOWN.update({"Functional": Model, "Model": Model, "Sequential": Sequential, "Restored": Restored})

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
