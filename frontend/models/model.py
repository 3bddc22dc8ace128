"""Models: layers that can be trained, tested, used and described."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self, Unpack, cast

from graphc.errors import ArgumentError, ModeError, OutOfRangeError, UnknownNameError
from graphc.frontend.layers.calls import call_of
from graphc.frontend.layers.layer import Layer
from graphc.frontend.layers.registry import KNOWN
from graphc.frontend.layers.spec import LayerOptions, build_shape
from graphc.frontend.lookup import made, suggestion
from graphc.frontend.naming import unique_name
from graphc.frontend.saving import files, graphc_format
from graphc.frontend.saving.objects import serialize_keras_object
from graphc.frontend.saving.registered import custom_object_scope
from graphc.frontend.training.trained import Trained
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves

from . import functional
from .flops import Shapes, count_flops
from .rows import Options
from .summary import Form, summary_lines
from .wiring import Wiring


class Model(Trained):
    """A layer with `compile`, `fit`, `evaluate`, `predict` and `summary`.

    It is made from `inputs` and the `outputs` that layers answered for them, tensors or nested
    lists and dicts of them; or a subclass holds layers in attributes and says in `call` how they
    are connected. One compiled training step serves every batch size, the last partial batch of an
    epoch included.

    >>> from graphc.frontend.layers import Add, Dense, Input
    >>> x = Input((8,))
    >>> wide = Dense(8, activation="relu")(x)
    >>> model = Model(x, Dense(2)(Add()([x, wide])))
    >>> [type(layer).__name__ for layer in model.layers], model.count_params()
    (['InputLayer', 'Dense', 'Add', 'Dense'], 90)
    """

    def __init__(
        self, inputs: Tree[Tensor] = None, outputs: Tree[Tensor] = None,
        **options: Unpack[LayerOptions],
    ) -> None:  # fmt: skip
        if inputs is not None and type(self) is Model:
            options.setdefault("name", unique_name("functional"))
        super().__init__(**options)
        self.wiring: Wiring | None = None
        if (inputs is None) != (outputs is None):
            raise ArgumentError("a model has inputs and outputs", fix="Model(inputs, outputs)")
        if inputs is not None:
            self.wire(inputs, outputs)
            self.wired_layers = self._wired().layers()

    def wire(self, inputs: Tree[Tensor], outputs: Tree[Tensor]) -> None:
        """Make the model what leads from the inputs to the outputs."""
        self.wiring = Wiring(inputs, outputs)
        self.built = True
        if isinstance(outputs, Tensor):
            self.output_shape = build_shape(outputs.shape)

    def call(self, inputs: Tree[Tensor]) -> Tensor:
        if self.wiring is None:
            raise ModeError(
                f"{type(self).__name__} does not say what it computes",
                fix="define call(self, inputs), or give Model inputs and outputs",
            )
        return cast(Tensor, self.wiring.run(inputs))

    @property
    def layers(self) -> list[Layer]:
        """The layers that the model is made of."""
        return self.sublayers

    @property
    def inputs(self) -> list[Tensor]:
        """The symbolic inputs, of a model that was made from tensors or has a known input."""
        return leaves(self._wired().inputs)

    @property
    def outputs(self) -> list[Tensor]:
        """The symbolic outputs."""
        return leaves(self._wired().outputs)

    @property
    def input(self) -> Tree[Tensor]:
        return self._wired().inputs

    @property
    def output(self) -> Tree[Tensor]:
        return self._wired().outputs

    @property
    def declared_outputs(self) -> Tree[Tensor]:
        return None if self.wiring is None else self.wiring.outputs

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that the outputs come from."""
        found = [(t, call_of(t.node)) for t in leaves(self.declared_outputs)]
        return [made[0].layer.name if made else t.name for t, made in found]

    def _wired(self) -> Wiring:
        if self.wiring is None:
            raise ModeError(
                f"{self.name} has no symbolic inputs and outputs",
                fix="give the first layer an input_shape, or make it as Model(inputs, outputs)",
            )
        return self.wiring

    def _layer_at(self, index: int) -> Layer:
        count = len(self.layers)
        if not -count <= index < count:
            raise OutOfRangeError(
                f"{self.name} has {count} layers",
                received=f"index {index}",
                expected=f"0 .. {count - 1}",
            )
        return self.layers[index]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name or at that position."""
        if (name is None) == (index is None):
            raise ArgumentError("a layer has a name or an index", received=f"{name}, {index}")
        if index is not None:
            return self._layer_at(index)
        found = [layer for layer in self.layers if layer.name == name]
        if not found:
            names = ", ".join(layer.name for layer in self.layers)
            raise UnknownNameError(
                f"no layer of {self.name} has that name",
                received=repr(name),
                expected=names,
                fix=suggestion(str(name), [layer.name for layer in self.layers]),
            )
        return found[0]

    # ------------------------------------------------------------------------ files

    def save(self, filepath: str | Path, overwrite: bool = True) -> None:
        """Write the whole model to a file; the suffix says how (see `graphc.saving`)."""
        files.save_model(self, filepath, overwrite)

    def save_weights(self, filepath: str | Path, overwrite: bool = True) -> None:
        """Write the weights alone: `.safetensors`, `.weights.h5` or `.h5`."""
        files.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: str | Path, skip_mismatch: bool = False) -> None:
        """Take the weights of a file; with `skip_mismatch` those that fit."""
        files.load_weights(self, filepath, skip_mismatch)

    def restore_training(self, path: str | Path) -> None:
        """Take weights, the optimizer's state and random counters of a `.graphc` file."""
        graphc_format.restore(self, Path(path))

    def to_json(self, indent: int | None = None) -> str:
        """The architecture as text, without weights; `models.model_from_json` reads it."""
        return json.dumps(serialize_keras_object(self), indent=indent)

    def get_config(self) -> dict[str, object]:
        if self.name_of_kind() != "Functional":
            return super().get_config()
        common = {"name": self.name, "trainable": self.trainable}
        return {**common, **functional.describe(self._wired())}

    @classmethod
    def from_config(
        cls, config: Mapping[str, object], custom_objects: Mapping[str, object] | None = None
    ) -> Self:
        """The model of a configuration; of a list of layers, where that is what it describes."""
        with custom_object_scope(custom_objects):
            if cls is Model and "layers" in config and "input_layers" not in config:
                return made(KNOWN["Sequential"], config)  # pyright: ignore[reportReturnType]
            if "input_layers" not in config or cls is not Model:
                return super().from_config(config)
            inputs, outputs = functional.rebuild(config)
            name = cast("str | None", config.get("name"))
            found = cls(inputs, outputs, name=name, trainable=bool(config.get("trainable", True)))
            return cast(Self, found)

    def names_in_files(self) -> dict[str, str]:
        return {"wired_layers": "layers"}

    def name_of_kind(self) -> str:
        is_functional = type(self) is Model and self.wiring is not None
        return "Functional" if is_functional else super().name_of_kind()

    def summary(
        self, line_length: int | None = None, positions: Sequence[float] | None = None,
        print_fn: Callable[[str], object] | None = None, expand_nested: bool = False,
        show_trainable: bool = False, layer_range: Sequence[str] | None = None, *,
        show_flops: bool = False,
    ) -> None:  # fmt: skip
        """Print the layers with their output shapes and numbers of parameters, line by line.

        `positions` are the ends of the columns, as shares of `line_length` or in characters;
        `layer_range` the names of the first and the last layer to show, or patterns of them.
        `show_flops` adds what each layer computes for one example (see `count_flops`).
        """
        options = Options(expand_nested, show_trainable, show_flops, layer_range)
        for line in summary_lines(self, options, Form(line_length, positions)):
            (print_fn or print)(line)

    def count_flops(self, input_shape: Shapes = None) -> int:
        """The floating point operations of one forward pass in inference, of one example.

        A product with its sum counts 2; see `gx.utils.count_flops`.
        """
        return count_flops(self, input_shape)
