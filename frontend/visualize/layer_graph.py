"""`plot_model`: the layers of a model as boxes, and what each is called on as arrows.

draw.py draws the operations inside of layers; here a layer is one box, as in Keras.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast, final

from graphc.errors import ArgumentError, ModeError
from graphc.frontend import activations
from graphc.frontend.layers.layer import Layer
from graphc.frontend.layers.spec import BuildShape, build_shape
from graphc.frontend.models.model import Model
from graphc.frontend.models.sequential import Sequential
from graphc.frontend.models.wiring import Step, Wiring
from graphc.ir.node import Tensor
from graphc.ir.tree import leaves
from graphc.ops.variable import Variable

from .draw import Drawing, write
from .picture import Arrow, Box, Frame, Picture

if TYPE_CHECKING:
    import graphviz

_DIRECTIONS = ("TB", "BT", "LR", "RL")


@final
@dataclass(frozen=True, slots=True)
class Shown:
    """What boxes say besides the class of the layer."""

    names: bool = False
    shapes: bool = False
    dtype: bool = False
    activations: bool = False
    trainable: bool = False
    nested: bool = False


def plot_model(
    model: Model, to_file: str | Path = "model.png", show_shapes: bool = False,
    show_dtype: bool = False, show_layer_names: bool = False, rankdir: str = "TB",
    expand_nested: bool = False, dpi: int = 200, show_layer_activations: bool = False,
    show_trainable: bool = False, splines: str = "spline",
) -> Drawing:  # fmt: skip
    """Draw the layers of a model into a file: png, svg, pdf or dot by its end.

    `rankdir` is the way that arrows lead: TB (down), BT, LR or RL; `dpi` counts for png;
    `expand_nested` draws the layers of models in it, inside a frame. Notebooks show what is
    answered. Without Graphviz (the program `dot`) an svg file is written, laid out by ourselves
    from top to bottom, with the dot source beside it; a warning says so.

    Raises:
        ModeError: a model that is not built.
        ArgumentError: a format or direction that there is not.
    """
    shown = Shown(show_layer_names, show_shapes, show_dtype, show_layer_activations,
                  show_trainable, expand_nested)  # fmt: skip
    path = Path(to_file)
    path = path if path.suffix else path.with_suffix(".png")
    raster = dpi if path.suffix.lower() == ".png" else None
    return write(_drawing(model, shown, rankdir, raster, splines), path, None)


def model_to_dot(
    model: Model, show_shapes: bool = False, show_dtype: bool = False,
    show_layer_names: bool = True, rankdir: str = "TB", expand_nested: bool = False,
    dpi: int = 200, subgraph: bool = False, show_layer_activations: bool = False,
    show_trainable: bool = False, splines: str = "spline",
) -> graphviz.Digraph:  # fmt: skip
    """The same picture as a graph of the package `graphviz`; `subgraph` makes it a cluster."""
    shown = Shown(show_layer_names, show_shapes, show_dtype, show_layer_activations,
                  show_trainable, expand_nested)  # fmt: skip
    made = _drawing(model, shown, rankdir, dpi, splines).as_graph()
    if subgraph:
        made.name = f"cluster_{model.name}"
    return made


def layer_picture(model: Model, shown: Shown) -> Picture:
    """Boxes for layers, arrows for the tensors between them, frames for nested models."""
    if not model.built:
        raise ModeError(
            f"{model.name} is not built", fix="call it on data, or give it an input_shape"
        )
    painter = _Painter(shown, set(model.trainable_weights))
    if model.wiring is None:
        # How layers are connected in `call` is not known.
        painter.box(model, [model.declared_shape], [model.output_shape], None)
    else:
        inputs = [] if isinstance(model, Sequential) else leaves(model.wiring.inputs)
        painter.walk(model.wiring, {t: painter.input(t) for t in inputs}, None)
    arrows = tuple(Arrow(a, b, "", "") for a, b in painter.arrows)
    return Picture(
        model.name, tuple(painter.boxes.values()), arrows, tuple(painter.frames), "model"
    )


def _drawing(model: Model, shown: Shown, way: str, dpi: int | None, splines: str) -> Drawing:
    if way not in _DIRECTIONS:
        raise ArgumentError("no such direction", received=way, expected=", ".join(_DIRECTIONS))
    look = {"rankdir": way, "splines": splines, **({"dpi": str(dpi)} if dpi else {})}
    return Drawing(layer_picture(model, shown), look)


Shapes = Sequence[BuildShape | None]


@dataclass(slots=True)
class _Painter:
    """The boxes, arrows and frames so far."""

    shown: Shown
    trained: set[Variable]
    boxes: dict[str, Box] = field(default_factory=dict)
    arrows: dict[tuple[str, str], None] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)
    keys: dict[Layer, str] = field(default_factory=dict)

    def walk(
        self, wiring: Wiring, source: Mapping[Tensor, str], frame: str | None
    ) -> list[str | None]:
        """Draw the calls of a model whose inputs come from boxes; where its outputs come from."""
        known = dict(source)
        for step in wiring.steps:
            layer, tails = step.call.layer, _tails(step, known)
            ends = self._call(step, tails, frame)
            for t, output in step.results.items():
                if (end := ends[min(output, len(ends) - 1)]) is not None:
                    known[t] = end
            self.keys.setdefault(layer, ends[0] or "")
        return [known.get(t) for t in leaves(wiring.outputs)] or [None]

    def _call(self, step: Step, tails: list[str], frame: str | None) -> list[str | None]:
        """Draw one call; the boxes that its results come from."""
        layer = step.call.layer
        if self.shown.nested and isinstance(layer, Model) and layer.wiring is not None:
            key = f"m{len(self.frames)}"
            self.frames.append(Frame(key, layer.name, f"{layer.count_params():,} parameters"))
            inner = leaves(layer.wiring.inputs)
            return self.walk(layer.wiring, dict(zip(inner, _spread(tails, len(inner)))), key)
        given = [build_shape(t.shape) for t in step.arguments.tensors]
        key = self.box(layer, given, [build_shape(t.shape) for t in step.results], frame)
        self.arrows.update(dict.fromkeys((tail, key) for tail in tails))
        return [key]

    def box(self, layer: Layer, given: Shapes, made: Shapes, frame: str | None) -> str:
        """The box of a layer, one for all its calls."""
        if layer in self.keys:
            return self.keys[layer]
        key = f"l{len(self.boxes)}"
        title = type(layer).__name__
        lines = [f"{layer.name} ({title})" if self.shown.names else title]
        if self.shown.activations and (function := _activation(layer)) is not None:
            lines.append(f"Activation: {activations.name_of(function)}")
        if self.shown.shapes:
            lines += [f"Input shape: {_text(given)}", f"Output shape: {_text(made)}"]
        if self.shown.dtype:
            lines.append(f"Output dtype: {layer.compute_dtype}")
        if self.shown.trainable and layer.weights:
            trained = not self.trained.isdisjoint(layer.weights)
            lines.append("Trainable" if trained else "Non-trainable")
        tooltip = f"{layer.name} ({title}): {layer.count_params():,} parameters"
        self.boxes[key] = Box(key, "layer", tuple(lines), tooltip, frame=frame)
        self.keys[layer] = key
        return key

    def input(self, x: Tensor) -> str:
        """The box of an input of the whole model."""
        key = f"l{len(self.boxes)}"
        lines = [f"{x.name} (InputLayer)" if self.shown.names else "InputLayer"]
        lines += [f"Output shape: {_text([build_shape(x.shape)])}"] if self.shown.shapes else []
        lines += [f"Output dtype: {x.dtype}"] if self.shown.dtype else []
        self.boxes[key] = Box(key, "input", tuple(lines), f"{x.name}: {x.type}")
        return key


def _activation(layer: Layer) -> activations.Activation | None:
    """The function that a layer ends with, of layers that keep one."""
    function = vars(layer).get("activation")
    return cast(activations.Activation, function) if callable(function) else None


def _tails(step: Step, known: Mapping[Tensor, str]) -> list[str]:
    """The boxes that the arguments of a call come from, in the order of the arguments."""
    given = dict.fromkeys([*step.arguments.tensors, *step.arguments.needed])
    return list(dict.fromkeys(known[t] for t in given if t in known))


def _spread(tails: list[str], count: int) -> Iterable[str]:
    """A box for each input of a nested model, where there may be one for all."""
    return tails * count if len(tails) == 1 else tails


def _text(shapes: Shapes) -> str:
    texts = [str(tuple(s)) if s is not None else "?" for s in shapes]
    return texts[0] if len(texts) == 1 else ", ".join(texts) or "?"
