"""plot_model: which boxes, arrows and frames stand for the layers of well-known networks."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from pathlib import Path

import networkx
import numpy as np
import pytest
from matplotlib import image as readable

from graphc.errors import ArgumentError, ModeError
from graphc.frontend.layers import (
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
    ReLU,
    SeparableConv2D,
)
from graphc.frontend.models import Model, Sequential
from graphc.frontend.visualize import model_to_dot, plot_model
from graphc.frontend.visualize.layer_graph import Shown, layer_picture
from graphc.frontend.visualize.picture import Picture
from graphc.ir.node import Tensor

GRAPHVIZ = pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")


def graph_of(picture: Picture) -> networkx.DiGraph:
    """The picture as a graph of titles; a title that comes again gets a number."""
    names: dict[str, str] = {}
    count: Counter[str] = Counter()
    for box in picture.boxes:
        title = box.lines[0].partition(" ")[0]
        count[title] += 1
        names[box.key] = title if count[title] == 1 else f"{title} {count[title]}"
    graph = networkx.DiGraph()
    graph.add_nodes_from(names.values())
    graph.add_edges_from((names[a.tail], names[a.head]) for a in picture.arrows)
    return graph


def drawn(model: Model, **options: bool) -> networkx.DiGraph:
    return graph_of(layer_picture(model, Shown(**options)))


def chain(names: str) -> set[tuple[str, str]]:
    parts = names.split()
    return set(itertools.pairwise(parts))


# ---------------------------------------------------------------------------- networks


def test_the_3_4_4_1_network() -> None:
    x = Input((3,), name="inputs")
    y = Dense(4, activation="tanh", name="hidden_1")(x)
    y = Dense(4, activation="tanh", name="hidden_2")(y)
    model = Model(x, Dense(1, activation="sigmoid", name="output")(y))
    assert set(drawn(model, names=True).edges) == chain("inputs hidden_1 hidden_2 output")


def test_a_small_convolutional_network() -> None:
    """4 maps of 5 x 5, pooling, 12 maps of 5 x 5, pooling, dense."""
    model = Sequential([
        Conv2D(4, 5, input_shape=(28, 28, 1), name="c1"), AveragePooling2D(name="p1"),
        Conv2D(12, 5, name="c2"), AveragePooling2D(name="p2"), Flatten(name="f"),
        Dense(10, name="d"),
    ])  # fmt: skip
    picture = layer_picture(model, Shown(names=True, shapes=True))
    assert set(graph_of(picture).edges) == chain("c1 p1 c2 p2 f d")
    shapes = [box.lines[-1] for box in picture.boxes]
    sizes = ["24, 24, 4", "12, 12, 4", "8, 8, 12", "4, 4, 12", "192", "10"]
    assert shapes == [f"Output shape: (None, {size})" for size in sizes]
    assert picture.boxes[0].lines[1] == "Input shape: (None, 28, 28, 1)"
    assert [box.tooltip.split()[-2] for box in picture.boxes] == [
        "104",
        "0",
        "1,212",
        "0",
        "0",
        "1,930",
    ]


def test_vgg_is_a_chain_of_blocks() -> None:
    model = Sequential([Input((32, 32, 3))])
    for block in ((2, 2), (2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2)):
        for filters in block:
            model.add(Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(MaxPooling2D(2))
    for layer in (Flatten(), Dense(4), Dense(4), Dense(3, activation="softmax")):
        model.add(layer)
    graph = drawn(model)
    assert len(graph) == 13 + 5 + 1 + 3
    assert networkx.is_path(graph, list(networkx.topological_sort(graph)))
    assert len(graph.edges) == len(graph) - 1


def convolution(x: Tensor, filters: int, size: int) -> Tensor:
    return Conv2D(filters, size, padding="same", activation="relu")(x)


def inception(x: Tensor, *, naive: bool) -> Tensor:
    """Szegedy et al. 2015, figure 2: (a) naive, (b) with reductions of the dimension."""
    pooled = MaxPooling2D(3, 1, padding="same")(x)
    if naive:
        branches = [convolution(x, n, size) for n, size in ((64, 1), (128, 3), (32, 5))]
        return Concatenate()([*branches, pooled])
    three = convolution(convolution(x, 96, 1), 128, 3)
    five = convolution(convolution(x, 16, 1), 32, 5)
    return Concatenate()([convolution(x, 64, 1), three, five, convolution(pooled, 32, 1)])


@pytest.mark.parametrize(
    ("naive", "boxes", "channels", "parameters"),
    [(True, 6, 416, 387_296), (False, 9, 256, 163_696)],
)
def test_inception_modules(naive: bool, boxes: int, channels: int, parameters: int) -> None:
    x = Input((28, 28, 192))
    model = Model(x, inception(x, naive=naive))
    graph = drawn(model)
    assert len(graph) == boxes
    assert graph.out_degree("InputLayer") == 4
    assert graph.in_degree("Concatenate") == 4
    assert model.output_shape == (None, 28, 28, channels)
    assert model.count_params() == parameters


def test_auxiliary_heads_are_ends_of_their_own() -> None:
    """GoogLeNet: losses in the middle."""
    x = Input((16, 16, 3))
    first = inception(x, naive=False)
    second = inception(first, naive=False)
    heads = [Dense(5)(GlobalAveragePooling2D()(y)) for y in (first, second)]
    graph = drawn(Model(x, heads))
    assert [n for n in graph if not graph.out_degree(n)] == ["Dense", "Dense 2"]
    assert graph.out_degree("Concatenate") == 5


def test_residual_block() -> None:
    x = Input((8, 8, 4))
    y = BatchNormalization()(Conv2D(4, 3, padding="same")(x))
    y = BatchNormalization()(Conv2D(4, 3, padding="same")(ReLU()(y)))
    graph = drawn(Model(x, ReLU()(Add()([y, x]))))
    inner = ["Conv2D", "BatchNormalization", "ReLU", "Conv2D 2", "BatchNormalization 2"]
    way = ["InputLayer", *inner, "Add", "ReLU 2"]
    assert set(graph.edges) == {*itertools.pairwise(way), ("InputLayer", "Add")}


def test_layers_that_take_all_before() -> None:
    """Searched networks and DenseNet: many inputs, concatenated in depth."""
    x = Input((8, 8, 3), name="x")
    found = [x]
    for n in range(3):
        both = Concatenate(name=f"join{n}")(found) if len(found) > 1 else found[0]
        found.append(Conv2D(4, 3, padding="same", name=f"conv{n}")(both))
    graph = drawn(Model(x, Concatenate(name="all")(found)), names=True)
    assert set(graph.predecessors("join1")) == {"x", "conv0"}
    assert set(graph.predecessors("join2")) == {"x", "conv0", "conv1"}
    assert set(graph.predecessors("all")) == {"x", "conv0", "conv1", "conv2"}


def test_a_cell_of_blocks() -> None:
    """A cell of NASNet: blocks of two operations that are added, all of them joined."""
    before, now = Input((8, 8, 4), name="h0"), Input((8, 8, 4), name="h1")
    blocks = [
        Add(name=f"block{n}")([
            SeparableConv2D(4, size, padding="same")(now),
            MaxPooling2D(3, 1, padding="same")(before) if n % 2 else before,
        ])
        for n, size in enumerate((3, 5, 3, 5, 3))
    ]  # fmt: skip
    graph = drawn(Model([before, now], Concatenate(name="cell")(blocks)), names=True)
    assert {graph.in_degree(f"block{n}") for n in range(5)} == {2}
    assert set(graph.predecessors("cell")) == {f"block{n}" for n in range(5)}
    assert networkx.is_directed_acyclic_graph(graph)


def transfer() -> Model:
    """A trained part that is kept, and a new head."""
    base = Sequential([Conv2D(4, 3, input_shape=(8, 8, 3), name="low"), Flatten(name="flat")],
                      name="base")  # fmt: skip
    base.trainable = False
    return Sequential([base, Dropout(0.5, name="drop"), Dense(2, name="head")], name="whole")


def test_transfer_learning() -> None:
    assert set(drawn(transfer(), names=True).edges) == chain("base drop head")
    picture = layer_picture(transfer(), Shown(names=True, nested=True, trainable=True))
    assert set(graph_of(picture).edges) == chain("low flat drop head")
    assert [f.title for f in picture.frames] == ["base"]
    frames = {box.lines[0].partition(" ")[0]: box.frame for box in picture.boxes}
    assert frames == {"low": "m0", "flat": "m0", "drop": None, "head": None}
    said = {box.lines[0].partition(" ")[0]: box.lines[1:] for box in picture.boxes}
    assert said == {"low": ("Non-trainable",), "flat": (), "drop": (), "head": ("Trainable",)}


def test_shared_layers_and_nested_models_of_several_inputs() -> None:
    a, b = Input((4,), name="a"), Input((4,), name="b")
    inner = Model([a, b], [Add(name="sum")([a, b]), Dense(3, name="side")(b)], name="inner")
    x = Input((4,), name="x")
    shared = Dense(4, name="shared")
    first = shared(x)
    total, side = inner([first, shared(first)])
    model = Model(x, [Dense(1, name="end")(total), side])
    flat = {("x", "shared"), ("shared", "shared"), ("shared", "inner"), ("inner", "end")}
    assert set(drawn(model, names=True).edges) == flat
    nested = {("x", "shared"), ("shared", "shared"), ("shared", "sum"), ("shared", "side"),
              ("sum", "end")}  # fmt: skip
    assert set(drawn(model, names=True, nested=True).edges) == nested


def test_subclasses_are_one_box() -> None:
    class Twice(Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Dense(2)

        def call(self, inputs):
            return self.inner(inputs) * 2

    model = Twice()
    with pytest.raises(ModeError, match="not built"):
        layer_picture(model, Shown())
    model(np.ones((3, 4)))
    assert list(drawn(model)) == ["Twice"]


# ---------------------------------------------------------------------------- texts and files


def test_what_boxes_say() -> None:
    x = Input((4,), name="x")
    model = Model(x, Dense(3, activation="relu", name="d")(x))
    shown = Shown(names=True, shapes=True, dtype=True, activations=True, trainable=True)
    boxes = layer_picture(model, shown).boxes
    assert boxes[0].lines == ("x (InputLayer)", "Output shape: (None, 4)", "Output dtype: float32")
    assert boxes[1].lines == (
        "d (Dense)", "Activation: relu", "Input shape: (None, 4)", "Output shape: (None, 3)",
        "Output dtype: float32", "Trainable",
    )  # fmt: skip
    assert [b.lines for b in layer_picture(model, Shown()).boxes] == [("InputLayer",), ("Dense",)]


def test_dot_source() -> None:
    made = model_to_dot(transfer(), rankdir="LR", dpi=60, expand_nested=True, show_shapes=True)
    assert "rankdir=LR" in made.source
    assert "dpi=60" in made.source
    assert "subgraph cluster_m0" in made.source
    assert "Output shape: (None, 2)" in made.source
    assert "head (Dense)" in made.source
    assert model_to_dot(transfer(), subgraph=True).name == "cluster_whole"
    with pytest.raises(ArgumentError, match="direction"):
        model_to_dot(transfer(), rankdir="up")


@GRAPHVIZ
def test_files(tmp_path: Path) -> None:
    heights = []
    for dpi in (50, 100):
        drawing = plot_model(transfer(), tmp_path / "a.png", show_shapes=True, dpi=dpi)
        heights.append(readable.imread(tmp_path / "a.png").shape[0])
    assert heights[1] == pytest.approx(2 * heights[0], rel=0.05)
    assert drawing._repr_svg_().lstrip().startswith("<")
    plot_model(transfer(), tmp_path / "b", rankdir="LR", dpi=50)
    height, width = readable.imread(tmp_path / "b.png").shape[:2]
    assert width > height
    for end, begin in (("svg", b"<?xml"), ("pdf", b"%PDF"), ("dot", b"digraph")):
        plot_model(transfer(), tmp_path / f"c.{end}", expand_nested=True)
        assert (tmp_path / f"c.{end}").read_bytes().startswith(begin)
    with pytest.raises(ArgumentError, match="format"):
        plot_model(transfer(), tmp_path / "a.abc")


def test_without_graphviz(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.warns(UserWarning, match="Graphviz"):
        drawing = plot_model(transfer(), tmp_path / "a.png", show_layer_names=True)
    assert "head (Dense)" in (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert (tmp_path / "a.dot").exists()
    assert "a.svg" in drawing.note
