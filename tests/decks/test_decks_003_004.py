"""The snippets of decks 003 and 004: losses as classes, several losses, metrics, fit; PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.frontend.layers import Conv2D, Dense, Input

RANDOM = np.random.default_rng(3)
X = RANDOM.normal(size=(6, 4)).astype(np.float32)


def network(units: int, activation: str | None = None):
    x = Input((4,))
    return {"inputs": x, "outputs": Dense(units, activation)(x), "optimizer": "sgd"}


def loss_of(model, y) -> float:
    return float(np.atleast_1d(model.evaluate(X, y, verbose=0))[0])


def test_t41_a_class_as_loss(slides):
    model, y = slides("T41", **network(2)).model, RANDOM.normal(size=(6, 2))
    p = model.predict(X, verbose=0)
    assert loss_of(model, y) == pytest.approx(((p - y) ** 2).mean(), rel=1e-5)


def test_t42_binary_crossentropy(slides):
    model, y = slides("T42", **network(1, "sigmoid")).model, np.arange(6).reshape(6, 1) % 2
    p = model.predict(X, verbose=0).astype(np.float64)
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    assert loss_of(model, y) == pytest.approx(expected, rel=1e-5)


def test_t43_categorical_crossentropy(slides):
    model, y = slides("T43", **network(3, "softmax")).model, np.eye(3)[np.arange(6) % 3]
    p = model.predict(X, verbose=0).astype(np.float64)
    assert loss_of(model, y) == pytest.approx(-(y * np.log(p)).sum(1).mean(), rel=1e-5)


def test_t44_two_losses(slides):
    x = Input((4,))
    outputs = (Dense(3, "softmax")(x), Dense(1)(x))
    model = slides("T44", inputs=x, outputs=outputs, optimizer="sgd").model
    classes, numbers = np.eye(3)[np.arange(6) % 3], RANDOM.normal(size=(6, 1))
    p, q = (a.astype(np.float64) for a in model.predict(X, verbose=0))
    first, second = -(classes * np.log(p)).sum(1).mean(), ((q - numbers) ** 2).mean()
    total = model.evaluate(X, (classes, numbers), verbose=0)
    assert total[0] == pytest.approx(0.5 * first + 10 * second, rel=1e-5)
    model.fit(X, (classes, numbers), verbose=0)


def test_t45_a_metric(slides):
    model = slides("T41", **network(3, "softmax")).model
    given = {"model": model, "optimizer": "sgd", "loss": "sparse_categorical_crossentropy"}
    model, y = slides("T45", **given).model, np.arange(6) % 3
    p = model.predict(X, verbose=0)
    numbers = model.evaluate(X, y, verbose=0, return_dict=True)
    assert numbers["sparse_categorical_accuracy"] == pytest.approx((p.argmax(1) == y).mean())


def test_t46_an_optimizer(slides):
    model = slides("T46", loss="mse", **network(1)).model
    before = model.get_weights()
    model.fit(X, np.full((6, 1), 100.0), verbose=0)
    # The first step of Adam goes as far as the learning rate, whatever the gradient.
    for old, new in zip(before, model.get_weights()):
        assert np.abs(new - old) == pytest.approx(np.full(old.shape, 0.001), rel=1e-3)


def test_t47_fit(slides):
    data = {"input_data": X, "label_data": X.sum(1, keepdims=True)}
    got = slides("T47", loss="mse", **data, **network(1))
    assert int(got.model.optimizer.iterations) == 1


def test_t48_the_numbers_of_a_convolution(slides):
    """In PyTorch's layout and in ours: 3 * 5 * 5 * 10 + 10 weights."""
    layer = Conv2D(10, 5)
    layer.build((None, 32, 32, 3))
    kernel, bias = layer.get_weights()
    assert kernel.transpose(3, 2, 0, 1).shape == (10, 3, 5, 5)
    assert bias.shape == (10,)
    assert layer.count_params() == 760


def test_t48_with_pytorch(slides):
    pytest.importorskip("torch")
    printed = slides("T48").printed.splitlines()
    assert printed == ["torch.Size([10, 3, 5, 5])", "torch.Size([10])", "760"]
