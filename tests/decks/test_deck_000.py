"""The snippets of deck 000: layers, models, losses, tapes, loops, schedules, regularisation."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path

import numpy as np
import pytest

from graphc.frontend.layers import Conv2D, Dense, Flatten
from graphc.frontend.losses import MeanSquaredError
from graphc.frontend.models import Model, Sequential

ROOT = Path(__file__).resolve().parents[2]
INPUT = np.array([[1.0, 0.4, 0.2], [-0.4, 0.3, 0.2]])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def some_batches(count: int = 8, size: int = 4):
    random = np.random.default_rng(1)
    inputs = random.normal(size=(count, size, 3)).astype(np.float32)
    return [(x, x @ np.array([[1.0], [-2.0], [0.5]], np.float32)) for x in inputs]


def test_t1_neuron(slides):
    got = slides("T1")
    weights, bias = got.neuron.weights.numpy(), got.neuron.bias.numpy()
    expected = sigmoid(np.array([0.1, 0.4, -0.3, 0.7, -1.3]) @ weights + bias)
    assert bias.dtype == np.int32
    assert got.output.numpy() == pytest.approx(expected, rel=1e-6)
    assert 0 < float(got.output) < 1


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("relu", lambda x: np.maximum(x, 0)),
        ("tanh", lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1)),
        ("sigmoid", sigmoid),
    ],
)
def test_t2_activations(slides, name, formula):
    tf, x = slides("T2").tf, np.linspace(-3.0, 3.0, 7)
    function = vars(tf.keras.activations)[name]
    assert function(x).numpy() == pytest.approx(formula(x), rel=1e-6)


@pytest.mark.parametrize(("snippet", "weights"), [("T3", "weights bias"), ("T4", "W b")])
def test_t3_t4_layers_of_neurons(slides, snippet, weights):
    got = slides(snippet)
    w, b = (vars(got.fc)[name].numpy() for name in weights.split())
    assert got.result.shape == (2, 5)
    assert got.result.numpy() == pytest.approx(INPUT @ w + b, rel=1e-6)


def test_t4_another_width_is_an_error_that_names_the_layer(slides):
    fc = slides("T4").fc
    with pytest.raises(ValueError, match=r"\(2, 4\)"):
        fc(np.zeros((2, 4)))


def test_t5_model(slides):
    got = slides("T5")
    output = got.model(INPUT).numpy()
    assert output.shape == (2, 1)
    assert ((output > 0) & (output < 1)).all()
    assert got.model.count_params() == 16 + 20 + 5 == 41
    assert got.printed.startswith("tf.Tensor(")
    assert "Total params: 41" in got.printed
    assert got.printed.endswith("None\n")


def test_t6_arguments_of_conv2d(slides):
    conv = slides("T6", filters=64, kernel_size=(3, 3), kwargs={"name": "first"}).conv
    assert conv(np.zeros((1, 8, 8, 3), np.float32)).shape == (1, 6, 6, 64)
    assert (conv.name, conv.count_params()) == ("first", 3 * 3 * 3 * 64 + 64)
    names = list(inspect.signature(Conv2D).parameters)
    assert names[:4] == ["filters", "kernel_size", "strides", "padding"]


def test_t7_t8_t9_three_ways_to_one_network(slides):
    images = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype(np.float32)
    models = [slides(name).model for name in ("T7", "T8", "T9")]
    first = models[0](images).numpy()
    assert first.shape == (2, 10)
    assert first.sum(1) == pytest.approx([1, 1], rel=1e-5)
    for model in models:
        model(images)
        assert model.count_params() == 896 + 18_496 + 1_605_760 + 1_290 == 1_626_442
        model.set_weights(models[0].get_weights())
        assert model(images).numpy() == pytest.approx(first, rel=1e-5)


def test_t10_own_losses(slides):
    got = slides("T10")
    assert float(got.first) == 5.0
    expected = -np.mean(np.log([0.9, 0.89, 0.94]))
    assert float(got.second) == pytest.approx(expected, rel=1e-6)
    assert round(expected, 5) == 0.09459


def test_t11_t12_losses_of_the_library(slides):
    assert slides("T11").printed.split() == ["Loss:", "0.75"]
    printed = slides("T12").printed
    assert printed.startswith("Loss:  0.3239")
    p = np.array([0.9, 0.89 / 1.99, 0.94])
    assert float(printed.split()[1]) == pytest.approx(-np.log(p).mean(), rel=1e-6)


def test_t13_t14_derivatives(slides):
    assert str(slides("T13").dy_dx) == "tf.Tensor(6.0, shape=(), dtype=float32)"
    got = slides("T14")
    assert (float(got.dy_dx), float(got.d2y_dx2)) == (6.0, 2.0)


def test_t15_gradient_descent_by_hand(slides):
    data, rate = some_batches(), 0.1
    model = Sequential([Dense(1, input_shape=(3,))])
    w, b = (a.astype(np.float64) for a in model.get_weights())
    for x, y in data:
        error = x @ w + b - y
        w, b = w - rate * 2 * x.T @ error / len(x), b - rate * 2 * error.mean(0)
    slides("T15", train_data=data, model=model, loss_fn=MeanSquaredError(), lr=rate)
    for got, expected in zip(model.get_weights(), (w, b)):
        assert got == pytest.approx(expected, rel=1e-5)


def test_t16_a_loop_with_an_optimizer(slides):
    data, (rate, momentum) = some_batches(), (0.0001, 0.9)
    model = Sequential([Dense(1, use_bias=False, input_shape=(3,))])
    (w,) = model.get_weights()
    velocity = np.zeros_like(w)
    for x, y in data:
        velocity = momentum * velocity - rate * 2 * x.T @ (x @ w - y) / len(x)
        w = w + velocity
    got = slides("T16", train_data=data, model=model, loss_fn=MeanSquaredError())
    assert model.get_weights()[0] == pytest.approx(w, rel=1e-5)
    assert int(got.optimizer.iterations) == len(data)


def test_t17_adam_says_where_it_is_from(slides):
    printed = slides("T17").printed
    assert [name for name in ("Adam", "Kingma", "amsgrad", "Reddi") if name not in printed] == []


def test_t18_a_schedule_inside_of_a_compiled_fit(slides):
    got = slides("T18")
    rates = {0: 0.1, 99_999: 0.1, 100_000: 0.01, 199_999: 0.01, 200_000: 0.001}
    model = Sequential([Dense(1, use_bias=False, input_shape=(1,))])
    model.compile(got.optimizer, loss="mse")
    for step, rate in rates.items():
        model.set_weights([np.zeros((1, 1))])
        got.optimizer.calls.assign(step)
        model.fit([[1.0]], [[1.0]], verbose=0)
        assert model.get_weights()[0].item() == pytest.approx(2 * rate, rel=1e-6)


def test_t19_a_penalty_on_weights(slides):
    def penalty(dense):
        (kernel, _) = dense.get_weights()
        return pytest.approx(1e-4 * (kernel.astype(np.float64) ** 2).sum(), rel=1e-6)

    data = [(x, np.zeros((4, 10), np.float32)) for x, _ in some_batches(2)]
    got = slides("T19", train_data=data, loss_fn=MeanSquaredError(), penalty=penalty)
    kernel = got.dense.trainable_variables[0]
    gradient = got.tape.gradient(got.loss, kernel).numpy()
    x = data[-1][0]
    fit = 2 * x.T @ (x @ kernel.numpy()) / (4 * 10)
    assert gradient == pytest.approx(fit + 2e-4 * kernel.numpy(), rel=1e-5)
    assert len(got.dense.losses) == 1


def test_t20_dropout(slides):
    got = slides("T20")
    first, second = got.first.numpy(), got.second.numpy()
    assert first.shape == second.shape == (2, 3)
    assert {*first.ravel(), *second.ravel()} == {0.0, 2.0}
    assert (first != second).any()
    assert (got.third.numpy() == 1).all()
    again = slides("T20")
    assert (again.first.numpy() == first).all()
    assert (again.second.numpy() == second).all()


def test_t21_batch_normalization(slides):
    got = slides("T21")
    y = [[-0.9995004, 0.9999688, -0.9995004], [0.9995004, -0.9999688, 0.9995004]]
    assert got.first.numpy() == pytest.approx(np.array(y), rel=1e-6)
    late = [[-0.9995004, 3.7283986, 0.9795104], [0.9995004, -3.7283986, 2.9785113]]
    assert got.second.numpy() == pytest.approx(np.array(late), rel=1e-6)


def test_t22_one_command_installs_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["name"] == "graphc"
    assert project["project"]["requires-python"].startswith(">=3.")
    needed = " ".join(project["project"]["dependencies"])
    assert [n for n in ("tensorflow", "torch", "keras", "triton", "cuda") if n in needed] == []


def test_t23_a_network_that_is_trained_already(slides, monkeypatch, tmp_path):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    picture, labels = tmp_path / "dog.png", tmp_path / "labels.txt"
    pyplot.imsave(picture, np.random.default_rng(0).random((40, 50, 3)))
    labels.write_text("\n".join(["background", *(f"class {i}" for i in range(1000))]))
    files = {"dog.jpg": str(picture), "ImageNetLabels.txt": str(labels)}

    def small_network(weights: str) -> Model:
        assert weights == "imagenet"
        return Sequential([Conv2D(4, 9, strides=32, input_shape=(224, 224, 4)), Flatten(),
                           Dense(1000, activation="softmax")])  # fmt: skip

    keras = __import__("sys").modules["keras"]
    monkeypatch.setattr(pyplot, "show", lambda: None)
    monkeypatch.setitem(vars(keras.applications), "NASNetMobile", small_network)
    monkeypatch.setitem(vars(keras.utils), "get_file", lambda name, url: files[name])
    got = slides("T23")
    p = np.asarray(got.p)
    best = np.argsort(-p, kind="stable")[:5]
    assert p.shape == (1000,)
    assert got.image.shape == (1, 224, 224, 4)
    assert np.abs(got.image.numpy()).max() <= 1
    assert got.printed.splitlines() == [f"{f'class {i}':>25}: {p[i]:g}" for i in best]
