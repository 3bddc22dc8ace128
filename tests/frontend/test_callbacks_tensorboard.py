"""Files for TensorBoard, read back by its own reader."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.errors import ArgumentError, MissingExtraError
from graphc.frontend import seeds
from graphc.frontend.callbacks import LearningRateScheduler, TensorBoard
from graphc.frontend.callbacks.tensorboard_graph import nodes_of
from graphc.frontend.layers import Add, Conv2D, Dense, Embedding, Flatten, Input
from graphc.frontend.models import Model, Sequential
from graphc.ops import elementwise

pytest.importorskip("tensorboardX")
accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(10, 6, 6, 1)).astype(np.float32), RNG.integers(0, 3, 10)


def compiled():
    seeds.set_seed(3)
    model = Sequential([Input((6, 6, 1), name="image"), Conv2D(2, 3, name="c"), Flatten(name="f"),
                        Dense(3, name="d")])  # fmt: skip
    loss = "sparse_categorical_crossentropy"
    model.compile("sgd", loss, metrics=["accuracy"])
    return model


def read(folder):
    events = accumulator.EventAccumulator(
        str(folder), size_guidance={"scalars": 0, "histograms": 0, "images": 0}
    )
    return events.Reload()


def scalars(events, tag):
    return [(e.step, pytest.approx(e.value, rel=1e-6)) for e in events.Scalars(tag)]


def test_scalars_and_the_learning_rate(tmp_path):
    board = TensorBoard(tmp_path, write_steps_per_second=True)
    rate = LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))
    history = compiled().fit(
        X, Y, 4, 3, 0, [rate, board], validation_data=(X, Y), seed=1
    ).history  # fmt: skip
    train, validation = read(tmp_path / "train"), read(tmp_path / "validation")
    for name in ("loss", "accuracy"):
        assert scalars(train, f"epoch_{name}") == list(enumerate(history[name]))
        assert scalars(validation, f"epoch_{name}") == list(enumerate(history[f"val_{name}"]))
    assert scalars(train, "epoch_learning_rate") == list(enumerate(history["learning_rate"]))
    assert all(e.value > 0 for e in train.Scalars("epoch_steps_per_second"))
    steps = [e.step for e in validation.Scalars("evaluation_loss_vs_iterations")]
    assert steps == [3, 6, 9]
    assert not any(tag.startswith("batch") for tag in train.Tags()["scalars"])


@pytest.mark.parametrize(("often", "steps"), [("batch", [1, 2, 3, 4, 5, 6]), (2, [2, 4, 6])])
def test_numbers_of_batches(often, steps, tmp_path):
    board = TensorBoard(str(tmp_path), update_freq=often, write_steps_per_second=True)
    compiled().fit(X, Y, 4, 2, 0, board)
    events = read(tmp_path / "train")
    assert [e.step for e in events.Scalars("batch_loss")] == steps
    speeds = events.Scalars("batch_steps_per_second")
    assert [e.step for e in speeds] == steps
    assert all(0 < e.value < 1e9 for e in speeds)


def test_histograms_and_images(tmp_path):
    model = compiled()
    model.fit(X, Y, 5, 3, 0, TensorBoard(tmp_path, histogram_freq=2, write_images=True))
    events = read(tmp_path / "train")
    names = [w.name for w in model.weights]
    assert set(events.Tags()["histograms"]) == {f"{n}/histogram" for n in names}
    found = events.Histograms(f"{names[2]}/histogram")
    assert [h.step for h in found] == [0, 2]
    values = model.get_weights()[2]
    last = found[-1].histogram_value
    assert (last.num, last.min, last.max) == pytest.approx(
        (values.size, values.min(), values.max())
    )
    (first, _) = events.Images(f"{names[0]}/image")
    # One input, two filters of 3 x 3 side by side.
    assert (first.height, first.width) == (3, 6)


def test_the_graph(tmp_path):
    model = compiled()
    model.fit(X, Y, verbose=0, callbacks=TensorBoard(tmp_path))
    graph, x = read(tmp_path / "train").Graph(), model.inputs[0].name
    nodes = {n.name: n for n in graph.node}
    assert {n: (v.op, list(v.input)) for n, v in nodes.items()} == {
        x: ("InputLayer", []), "c": ("Conv2D", [x]), "f": ("Flatten", ["c"]),
        "d": ("Dense", ["f"]),
    }  # fmt: skip
    assert nodes["c"].attr["parameters"].s == b"20"
    (shape,) = nodes["d"].attr["_output_shapes"].list.shape
    assert [d.size for d in shape.dim] == [-1, 3]
    compiled().fit(X, Y, verbose=0, callbacks=TensorBoard(tmp_path / "b", write_graph=False))
    assert not read(tmp_path / "b" / "train").Tags()["graph"]


def test_graphs_of_other_models():
    x = Input((4,), name="x")
    inner = Sequential([Input((4,)), Dense(4, name="a"), Dense(4, name="b")], name="inner")
    shared = Dense(4, name="shared")
    y = Add(name="sum")([shared(inner(x)), shared(elementwise.square(x))])
    nodes = {n.name: n for n in nodes_of(Model(x, y), None)}
    assert list(nodes) == ["x", "inner/a", "inner/b", "shared", "shared_1", "sum"]
    assert nodes["inner/a"].inputs == ("x",)
    assert nodes["shared"].inputs == ("inner/b",)
    assert set(nodes["sum"].inputs) == {"shared", "shared_1"}

    class Own(Model):
        def __init__(self):
            super().__init__()
            self.d = Dense(2)

        def call(self, x):
            return elementwise.tanh(self.d(x))

    own = Own()
    nodes = nodes_of(own, np.zeros((0, 3), np.float32))
    assert nodes[-1].op in ("tanh", "label")
    assert {"tanh", "dot_general"} & {n.op for n in nodes}
    names = {n.name for n in nodes}
    assert len(names) == len(nodes)
    assert all(i in names for n in nodes for i in n.inputs)
    assert nodes_of(Own(), None) == []


def test_tables_of_embeddings(tmp_path):
    model = Sequential([Embedding(5, 3, name="words"), Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    board = TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata=list("abcde"))
    model.fit(np.arange(10).reshape(10, 1) % 5, np.ones((10, 1)), verbose=0, callbacks=board)
    (table,) = (tmp_path / "train").rglob("tensors.tsv")
    read_back = np.loadtxt(table)
    assert read_back.shape == (5, 3)
    np.testing.assert_allclose(read_back, model.get_weights()[0], rtol=1e-5)
    assert (table.parent / "metadata.tsv").read_text().split() == list("abcde")


def test_evaluation_alone(tmp_path):
    model = compiled()
    model.evaluate(X, Y, verbose=0, callbacks=[TensorBoard(tmp_path)])
    tags = read(tmp_path / "validation").Tags()["scalars"]
    assert tags == ["evaluation_loss_vs_iterations", "evaluation_accuracy_vs_iterations"]
    assert not (tmp_path / "train").exists()


def test_errors(tmp_path, monkeypatch):
    with pytest.raises(ArgumentError, match="update_freq"):
        TensorBoard(update_freq="second")
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX", None)
    with pytest.raises(MissingExtraError, match=r"graphc\[tensorboard\]"):
        compiled().fit(X, Y, verbose=0, callbacks=TensorBoard(tmp_path))


def test_weights_that_are_no_numbers_are_left_out(tmp_path):
    model = compiled()
    model.set_weights([np.full(w.shape, np.nan) for w in model.get_weights()])
    model.fit(X, Y, 5, 1, 0, TensorBoard(tmp_path, histogram_freq=1))
    assert read(tmp_path / "train").Tags()["histograms"] == []


def test_labels_of_tables_come_from_files(tmp_path):
    (tmp_path / "words.txt").write_text("a\nb\nc\n")
    model = Sequential([Embedding(3, 2, input_shape=(2,)), Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((4, 2)), np.ones((4, 1))

    def train(labels) -> None:
        board = TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata=labels)
        model.fit(x, y, verbose=0, callbacks=board)

    train(str(tmp_path / "words.txt"))
    (table,) = (tmp_path / "train").rglob("metadata.tsv")
    assert table.read_text().split() == ["a", "b", "c"]
    with pytest.raises(ArgumentError, match="cannot be read"):
        train("nowhere.txt")
    with pytest.raises(ArgumentError, match="one label for each row"):
        train(["a"])
