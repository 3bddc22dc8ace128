"""keras.src.trainers and keras.src.backend.*.trainer: data sets, and what trains a layer."""

from __future__ import annotations

from graphc.frontend.data import PyDataset
from graphc.frontend.training.trained import Trained
from graphc.frontend.training.trainer import Trainer as Loops


class Trainer(Trained):
    """A mixin beside a layer class, whose own `__init__` has made the layer."""

    def __init__(self) -> None:
        self.trainer = Loops(self, target=None, run_eagerly=False)


__all__ = ["PyDataset", "Trainer"]
