"""The snippets of deck 002: lazy and eager, a first model, training, saving, three networks."""

from __future__ import annotations

import re
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

from graphc.frontend.layers import Dense, Flatten
from graphc.frontend.models import Model, Sequential
from graphc.frontend.optimizers import SGD

from .slides import code_of

CELSIUS = np.array([-40.0, -10.0, 0.0, 8.0, 15.0, 22.0, 38.0], np.float32)
FAHRENHEIT = CELSIUS * 1.8 + 32
USUAL = {"x_train": CELSIUS, "y_train": FAHRENHEIT, "x_test": CELSIUS, "y_test": FAHRENHEIT}


def small_images(count: int = 12):
    random = np.random.default_rng(0)
    labels = np.arange(count) % 3
    images = random.random((count, 4, 4)) + labels[:, None, None]
    return {
        "x_train": images, "y_train": labels, "x_test": images[:5], "y_test": labels[:5],
    }  # fmt: skip


def small_classifier() -> Sequential:
    return Sequential([Flatten(input_shape=(4, 4)), Dense(3, activation="softmax")])


def test_t24_at_once(slides):
    first, version = slides("T24").printed.splitlines()
    assert first == "tf.Tensor([1 2 4], shape=(3,), dtype=int32)"
    assert version.startswith("2.")


LAZY = """
import sys
import graphc.compat.tensorflow as tf
tf = tf.compat.v1
tf.disable_v2_behavior()
sys.modules["tensorflow"] = tf
before = tf.add(tf.constant([1, 0, 0]), tf.constant([0, 0, 1]))
"""


def test_t24_lazily():
    code = LAZY + code_of("T24") + "print(tf.Session().run(c))\n"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert done[0] == 'Tensor("Add_1:0", shape=(3,), dtype=int32)'
    assert done[1].startswith("1.")
    assert done[2] == "[1 2 4]"


def test_t25_traditional_programming(slides):
    got = slides("T25", model="a model", y_test="labels")
    assert [got.c_to_f(x) for x in (100, 0, -40)] == [212, 32, -40]
    assert got.train(None, None) == "a model"
    assert got.predict("a model", None) == "labels"


def test_t26_t27_a_first_model(slides, tmp_path):
    first = slides("T26", **USUAL)
    assert list(first.history.history) == ["loss", "mae", "val_loss", "val_mae"]
    assert len(first.history.history["loss"]) == 500
    got = slides("T27", model=first.model, **USUAL)
    pattern = r"Test mse loss:  (\S+) Test mae:  (\S+)\n(?:predict.*\n)?\[\[(\S+)\]\]\n"
    loss, mae, fahrenheit = map(float, re.search(pattern, got.printed).groups())
    w, b = (a.item() for a in first.model.get_weights())
    errors = CELSIUS * w + b - FAHRENHEIT
    assert (loss, mae) == pytest.approx(((errors**2).mean(), np.abs(errors).mean()), rel=1e-4)
    assert fahrenheit == pytest.approx(100 * w + b, rel=1e-5)
    assert 205 < fahrenheit < 214
    assert (tmp_path / "my_model.h5").is_file()


def test_t28_sequential_and_functional(slides):
    got = slides("T28", num_classes=3, input_shape=(4, 4))
    images = small_images()["x_train"]
    answers = got.sequential(images)
    assert answers.shape == got.model(images).shape == (12, 3)
    assert got.sequential.count_params() == got.model.count_params() == 16 * 128 + 128 + 128 * 3 + 3
    got.model.set_weights(got.sequential.get_weights())
    assert got.model(images).numpy() == pytest.approx(answers.numpy(), rel=1e-6)


def test_t29_compile_by_names(slides):
    data, model = small_images(), small_classifier()
    slides("T29", model=model)
    model.fit(data["x_train"], data["y_train"], verbose=0)
    loss, accuracy = model.evaluate(data["x_test"], data["y_test"], verbose=0)
    p = model.predict(data["x_test"], verbose=0)
    assert loss == pytest.approx(-np.log(p[np.arange(5), data["y_test"]]).mean(), rel=1e-5)
    assert accuracy == pytest.approx((p.argmax(1) == data["y_test"]).mean())


def test_t30_all_arguments_of_sgd(slides):
    optimizer = slides("T30").ops
    assert isinstance(optimizer, SGD)
    model = Sequential([Dense(1, use_bias=False, input_shape=(1,))])
    model.compile(optimizer, loss=lambda y, p: p)
    model.set_weights([np.zeros((1, 1))])
    model.fit([[1.0]], [[0.0]], verbose=0)
    assert model.get_weights()[0].item() == pytest.approx(-0.019, rel=1e-6)
    optimizer.calls.assign(1_000_000)
    assert float(optimizer.rate()) == pytest.approx(0.005, rel=1e-6)


def test_t32_curves_of_a_history(slides, monkeypatch, tmp_path):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    monkeypatch.setattr(pyplot, "show", lambda: None)
    model = small_classifier()
    model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
    got = slides("T32", plt=pyplot, model=model, EPOCHS=3, **small_images())
    assert len(got.acc) == len(got.val_acc) == len(got.loss) == len(got.val_loss) == 3
    lines = [line for axes in pyplot.gcf().axes for line in axes.lines]
    assert [list(line.get_ydata()) for line in lines] == [
        got.acc,
        got.val_acc,
        got.loss,
        got.val_loss,
    ]
    assert (tmp_path / "foo.png").read_bytes()[:4] == b"\x89PNG"
    pyplot.close("all")


def test_t31_tensorboard(slides, tmp_path):
    pytest.importorskip("tensorboardX")
    model = small_classifier()
    model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
    slides("T31", model=model, **small_images())
    (day,) = (tmp_path / "logs" / "fit").iterdir()
    assert re.fullmatch(r"\d{8}-\d{6}", day.name)
    assert [p for p in day.rglob("*tfevents*") if p.stat().st_size > 100]


def trained(**options) -> Sequential:
    model = small_classifier()
    model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"], **options)
    data = small_images()
    model.fit(data["x_train"], data["y_train"], verbose=0, shuffle=False)
    return model


def test_t33_the_whole_model_in_a_file(slides):
    model, data = trained(), small_images()
    new = slides("T33", model=model).new_model
    assert new is not model
    for one in (model, new):
        one.fit(data["x_train"], data["y_train"], verbose=0, shuffle=False)
    for a, b in zip(model.get_weights(), new.get_weights(), strict=True):
        assert (a == b).all()
    answers = [m.evaluate(data["x_test"], data["y_test"], verbose=0) for m in (model, new)]
    assert answers[0] == answers[1]


def test_t34_the_graph_in_a_file(slides):
    model, data = trained(), small_images()
    new = slides("T34", model=model).new_model
    before, after = (m.predict(data["x_test"], verbose=0) for m in (model, new))
    assert (before == after).all()


def test_t35_the_architecture_alone_and_the_weights_alone(slides):
    model, new = trained(), small_classifier()
    got = slides("T35", model=model, new_model=new)
    assert got.reinitialized_model.count_params() == model.count_params()
    assert (got.reinitialized_model.get_weights()[0] != model.get_weights()[0]).any()
    for a, b in zip(model.get_weights(), new.get_weights(), strict=True):
        assert (a == b).all()


def test_t36_two_forms_of_a_network(slides):
    got = slides("T36")
    assert got.first.count_params() == got.model.count_params() == 269_322
    assert [len(m.layers) for m in (got.first, got.model)] == [8, 5]
    rows = re.findall(r"(\w+) \((\w+)\)\s+(?:│ )?\s*(\(None, \d+\))\D+([\d,]+)", got.printed)
    kinds = ["dense", "activation", "dropout"] * 2 + ["dense", "activation"]
    numbers = ["", "", "", "_1", "_1", "_1", "_2", "_2"]
    assert [r[0] for r in rows] == [k + n for k, n in zip(kinds, numbers, strict=True)]
    assert [int(r[3].replace(",", "")) for r in rows] == [200960, 0, 0, 65792, 0, 0, 2570, 0]
    assert "Total params: 269,322" in got.printed


def test_t37_a_cnn(slides):
    model = slides("T37", input_shape=(28, 28, 1)).model
    assert model.count_params() == 640 + 36_928 + 16_010 == 53_578
    shapes = [layer.output_shape[1:] for layer in model.layers]
    assert shapes[:4] == [(26, 26, 64), (13, 13, 64), (11, 11, 64), (5, 5, 64)]
    assert shapes[4:] == [(1600,), (1600,), (10,)]


def test_t38_a_penalty_on_filters(slides):
    model = slides("T38", input_shape=(28, 28, 1)).model
    assert model.count_params() == 156
    (kernel, _) = model.get_weights()
    assert [float(x) for x in model.losses] == [
        pytest.approx(0.01 * np.abs(kernel).sum(), rel=1e-5)
    ]


def test_t39_layers_against_overfitting(slides):
    got = slides("T39")
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    assert got.dropout.rate == 0.5
    y = got.batch_norm(x, training=True).numpy()
    assert y == pytest.approx((x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3), abs=1e-5)


def test_t40_somebody_elses_features(slides, monkeypatch):
    class KerasLayer(Dense):
        """A network that somebody else has trained: the mean of each channel, times weights."""

        def __init__(self, url, trainable, input_shape, output_shape, dtype):
            super().__init__(*output_shape, trainable=trainable, input_shape=input_shape)
            assert url.startswith("https://")

        def build(self, input_shape):
            super().build((None, input_shape[-1]))

        def call(self, inputs):
            return super().call(inputs.mean((1, 2)))

    hub = ModuleType("tensorflow_hub")
    hub.KerasLayer = KerasLayer
    monkeypatch.setitem(sys.modules, "tensorflow_hub", hub)
    model = slides("T40", num_classes=5).inception_model
    assert isinstance(model, Model)
    assert (model.name, model.output_shape) == ("inception_tf_hub", (None, 5))
    trainable = sum(w.numpy().size for w in model.trainable_weights)
    assert trainable == 2048 * 5 + 5
    assert model.count_params() == trainable + 3 * 2048 + 2048
