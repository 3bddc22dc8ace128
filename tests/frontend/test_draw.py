"""Pictures: what is in them, that nothing overlaps, that all names can be written, with and
without Graphviz."""

from __future__ import annotations

import shutil
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import networkx
import numpy as np
import pytest

from graphc.compiler import Function, function
from graphc.diff.reverse import grad
from graphc.errors import ArgumentError
from graphc.frontend import losses
from graphc.frontend.layers import BatchNormalization, Conv2D, Dense, Flatten, MaxPooling2D
from graphc.frontend.models import Model, Sequential
from graphc.frontend.training.steps import updated
from graphc.frontend.visualize.collapse import FAR, rows_of
from graphc.frontend.visualize.draw import Drawing, draw, suits_dot
from graphc.frontend.visualize.layout import Rectangle, layout
from graphc.frontend.visualize.picture import Picture
from graphc.frontend.visualize.svg import svg
from graphc.ir.graph import graph
from graphc.ir.node import Tensor
from graphc.ops import control, elementwise, nn, reduce
from graphc.ops.leaf import full, placeholder
from graphc.ops.variable import variable

NASTY = 'a"b\\n <i>&amp; {x|y} \\N \n</svg> 100% ü \x07'


@pytest.fixture
def _no_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")


def small() -> Tensor:
    x = placeholder(("batch", 3), name="x")
    return reduce.sum(elementwise.exp(x * placeholder((3,), name="scale") + 1), axis=1)


def losses_of(layers: int) -> dict[str, Tensor]:
    """The loss of a network of equal layers, and its gradients."""
    x = placeholder(("batch", 4), name="x")
    weights = [variable(np.zeros((4, 4), np.float32), name=f"w{i}") for i in range(layers)]
    h = x
    for w in weights:
        h = elementwise.tanh(h @ w) + h
    loss = reduce.mean(h * h)
    return {"loss": loss, **{w.name: g for w, g in zip(weights, grad(loss, weights))}}


def training(blocks: int) -> Function:
    """A step of training of a network with normalisation and residuals."""

    class Network(Model):
        def __init__(self) -> None:
            super().__init__()
            self.convolutions = [Conv2D(4, 3, padding="same") for _ in range(blocks)]
            self.norms = [BatchNormalization() for _ in range(blocks)]
            self.dense = Dense(3)

        def call(self, x: Tensor, training: bool = False) -> Tensor:
            for c, b in zip(self.convolutions, self.norms):
                x = x + nn.relu(b(c(x)))
            return self.dense(nn.global_avg_pool(x))

    x = placeholder((None, 8, 8, 4), name="x")
    y = placeholder((None,), "int32", name="y")
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model = Network()
    model.compile("adam", loss)
    outputs, updates = updated(model.train_step, x, y)
    return function([x, y], outputs, updates=updates, target="reference", name="training")


# ---------------------------------------------------------------------------- content


def test_small() -> None:
    picture = draw(small()).picture
    boxes = {b.key: b for b in picture.boxes}
    assert [(b.kind, *b.lines) for b in picture.boxes] == [
        ("input", "x", "batch×3"),
        ("input", "scale", "3"),
        ("op", "mul"),
        ("op", "add(·, 1)"),
        ("op", "exp"),
        ("op", "sum", "axes 1"),
        ("output", "output", "batch"),
    ]
    assert {(boxes[a.tail].lines[0], boxes[a.head].lines[0], a.label) for a in picture.arrows} == {
        ("x", "mul", "batch×3"),
        ("scale", "mul", "3"),
        ("mul", "add(·, 1)", "batch×3"),
        ("add(·, 1)", "exp", "batch×3"),
        ("exp", "sum", "batch×3"),
        ("sum", "output", "batch"),
    }


def test_tooltips_name_the_line_of_the_user() -> None:
    (box,) = (b for b in draw(small()).picture.boxes if b.lines[0] == "exp")
    place, _, text = box.tooltip.rpartition("\n")[2].partition(": ")
    assert place.startswith("test_draw.py:")
    assert text.startswith("return reduce.sum(elementwise.exp(x * placeholder(")
    assert "float32[batch, 3]" in box.tooltip


def test_forward_and_backward() -> None:
    picture = draw(losses_of(2)).picture
    roles = {b.lines[0]: b.role for b in picture.boxes if b.kind in ("op", "output")}
    assert roles["tanh"] == roles["loss"] == "forward"
    assert roles["w0"] == roles["w1"] == "backward"
    assert [b.lines for b in picture.boxes if b.kind == "variable"] == [
        ("w0", "4×4"),
        ("w1", "4×4"),
    ]


def test_updates_written_by_the_user_are_updates() -> None:
    x, w = placeholder((), name="x"), variable(2.0, name="w")
    loss = elementwise.square(w * x)
    step = function(x, loss, updates={w: w - 0.1 * grad(loss, w)}, target="reference")
    end = draw(step).picture.boxes[-1]
    assert (end.kind, end.lines, end.role) == ("output", ("new w", "scalar"), "update")


def test_dtypes_that_are_not_float32() -> None:
    labels = {a.label for a in draw(placeholder((2,), "int8") > 3).picture.arrows}
    assert labels == {"2 int8", "2 bool"}


def test_an_output_that_is_a_number_says_it() -> None:
    (box,) = draw(full((2,), 0.5)).picture.boxes
    assert (box.kind, box.lines) == ("output", ("output", "2", "= 0.5"))


def test_loops_say_what_they_hold() -> None:
    total, _ = control.scan(lambda c, x: (c + x * x, None), placeholder(()), placeholder((5,)))
    (box,) = (b for b in draw(total).picture.boxes if b.lines[0] == "scan")
    assert "length 5" in box.lines
    assert "body of 4 nodes" in box.tooltip


def test_kernels_are_frames() -> None:
    step = training(1)
    picture = draw(step).picture
    assert picture.framed == "kernel"
    assert picture.title == "training"
    told = "\n".join(b.tooltip for b in picture.boxes).split("\n")
    drawn = {line.partition(": ")[0] for line in told}
    movement = ("broadcast_to", "reshape", "full", "size_of")
    for node in step.program.graph.nodes:
        number = node.op.name == "constant" and node.types[0].shape == ()
        assert node.label in drawn or node.op.name in movement or number
    assert all("flops" in f.tooltip for f in picture.frames)
    assert not draw(step, kernels=False).picture.frames


@pytest.mark.parametrize("blocks", [1, 3])
def test_kernels_form_no_circle(blocks: int) -> None:
    picture = draw(training(blocks), max_nodes=2000).picture
    home = {b.key: b.frame or b.key for b in picture.boxes}
    pairs = {(home[a.tail], home[a.head]) for a in picture.arrows}
    inner = {(k, k) for k in home.values()}
    rows = list(networkx.topological_generations(networkx.DiGraph(pairs - inner)))
    assert len(rows) > 5


def test_layers_are_frames() -> None:
    model = Sequential([Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)), MaxPooling2D(2),
                        Flatten(), Dense(2)], name="net")  # fmt: skip
    picture = draw(model).picture
    assert (picture.title, picture.framed) == ("net", "layer")
    assert [f.title for f in picture.frames] == ["conv2d (Conv2D)", "dense (Dense)"]
    assert "40 parameters" in picture.frames[0].tooltip


def test_graphs_and_nested_tensors() -> None:
    x = placeholder((2,), name="x")
    assert [b.lines[0] for b in draw(graph((x,), (x + 1, x))).picture.boxes] == [
        "x", "add(·, 1)", "output 0", "output 1"
    ]  # fmt: skip
    tree = {"a": x + 1, "b": [x * 2, (x,)]}
    names = [b.lines[0] for b in draw(tree).picture.boxes if b.kind == "output"]
    assert names == ["a", "b.0", "b.1.0"]


@pytest.mark.parametrize("what", [3, "x", [], {"a": 1}, None, Dense(3)])
def test_what_cannot_be_drawn(what: object) -> None:
    with pytest.raises(ArgumentError):
        draw(what)


# ---------------------------------------------------------------------------- large pictures


@pytest.mark.parametrize("most", [150, 60, 30])
def test_large_pictures_are_drawn_kernel_by_kernel(most: int) -> None:
    step = training(3)
    picture = draw(step, max_nodes=most).picture
    assert len(picture.boxes) <= most
    assert not picture.frames
    assert picture.note.endswith("shows all")
    rows = rows_of(picture)
    assert all(0 < rows[a.head] - rows[a.tail] <= FAR for a in picture.arrows)
    assert "new" not in {b.lines[0].partition(" ")[0] for b in picture.boxes} or most == 150
    assert layout(picture).width < 6000


def test_tensors_can_be_drawn_kernel_by_kernel_too() -> None:
    whole = losses_of(12)
    picture = draw(whole, max_nodes=80).picture
    assert 20 < len(picture.boxes) <= 80
    assert any("flops" in b.tooltip for b in picture.boxes if b.kind == "kernel")


def test_long_arrows_are_no_work_for_dot() -> None:
    assert suits_dot(draw(losses_of(3)).picture)
    assert not suits_dot(draw(losses_of(20)).picture)


# ---------------------------------------------------------------------------- layout


def inside(a: Rectangle, b: Rectangle) -> bool:
    return (
        b.x <= a.x
        and b.y <= a.y
        and a.x + a.width <= b.x + b.width
        and a.y + a.height <= b.y + b.height
    )


def apart(a: Rectangle, b: Rectangle) -> bool:
    return (
        a.x + a.width <= b.x
        or b.x + b.width <= a.x
        or a.y + a.height <= b.y
        or b.y + b.height <= a.y
    )


PICTURES = [
    lambda: draw(small()).picture,
    lambda: draw(losses_of(3)).picture,
    lambda: draw(training(2)).picture,
    lambda: draw(training(3), max_nodes=50).picture,
]


@pytest.mark.parametrize("made", PICTURES)
def test_nothing_overlaps(made) -> None:
    picture: Picture = made()
    at = layout(picture)
    whole = Rectangle(-1, -1, at.width + 2, at.height + 2)
    free = [at.boxes[b.key] for b in picture.boxes if b.frame is None] + list(at.frames.values())
    for a, b in combinations(free, 2):
        assert apart(a, b)
    for frame in picture.frames:
        held = [at.boxes[b.key] for b in picture.boxes if b.frame == frame.key]
        assert all(inside(box, at.frames[frame.key]) for box in held)
        assert all(apart(a, b) for a, b in combinations(held, 2))
    assert all(inside(r, whole) for r in free)


@pytest.mark.parametrize("made", PICTURES)
def test_arrows_lead_down_from_box_to_box(made) -> None:
    picture: Picture = made()
    at = layout(picture)
    for a in picture.arrows:
        points = at.lines[a]
        tail, head = at.boxes[a.tail], at.boxes[a.head]
        assert points[0] == pytest.approx((tail.x + tail.width / 2, tail.y + tail.height))
        assert points[-1] == pytest.approx((head.x + head.width / 2, head.y))
        heights = [y for _, y in points]
        assert heights == sorted(heights)


def test_two_drawings_are_the_same_text() -> None:
    step = training(2)
    assert svg(draw(step).picture) == svg(draw(step).picture)
    assert draw(step).dot == draw(step).dot


# ---------------------------------------------------------------------------- files


def nasty() -> Drawing:
    x = placeholder((2,), name=NASTY)
    return draw({NASTY: x + variable(np.zeros(2, np.float32), name=f"{NASTY}!")})


def test_any_name_can_be_written_by_ourselves() -> None:
    root = ElementTree.fromstring(svg(nasty().picture))
    texts = [e.text or "" for e in root.iter("{http://www.w3.org/2000/svg}text")]
    shown = NASTY.replace("\x07", "�")
    assert texts.count(shown) == 2
    assert f"{shown}!" in texts


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
def test_any_name_can_be_written_by_graphviz() -> None:
    root = ElementTree.fromstring(nasty().svg)
    texts = [e.text or "" for e in root.iter("{http://www.w3.org/2000/svg}text")]
    first, last = NASTY.replace("\x07", "�").split("\n")
    assert texts.count(first.replace(" ", "\xa0")) + texts.count(first) == 3
    assert last in texts


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
@pytest.mark.parametrize("made", [small, lambda: training(1)])
@pytest.mark.parametrize(
    ("name", "form", "written", "begin"),
    [
        ("a.svg", None, "a.svg", b"<"),
        ("a.png", None, "a.png", b"\x89PNG"),
        ("a.pdf", None, "a.pdf", b"%PDF"),
        ("a.dot", None, "a.dot", b"digraph"),
        ("deep/a", None, "deep/a.svg", b"<"),
        ("a.b", "png", "a.b.png", b"\x89PNG"),
    ],
)
def test_files(
    tmp_path: Path, made, name: str, form: str | None, written: str, begin: bytes
) -> None:
    drawing = draw(made())
    assert drawing.save(tmp_path / name, form) == tmp_path / written
    assert (tmp_path / written).read_bytes().startswith(begin)


@pytest.mark.usefixtures("_no_graphviz")
@pytest.mark.parametrize("name", ["a.svg", "a.png", "a.pdf"])
def test_files_without_graphviz(tmp_path: Path, name: str) -> None:
    with pytest.warns(UserWarning, match="Graphviz") as said:
        drawing = draw(small(), tmp_path / name)
    assert len(said) == 1
    assert said[0].filename == __file__
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.dot", "a.svg"]
    assert (tmp_path / "a.svg").read_text() == drawing.svg == svg(drawing.picture)
    assert (tmp_path / "a.dot").read_text() == drawing.dot
    assert "a.svg" in drawing.note
    assert drawing._repr_svg_() == drawing.svg


def test_no_such_format(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="svg, png, pdf, dot"):
        draw(small(), tmp_path / "a.bmp")
