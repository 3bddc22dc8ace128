"""SwapEMAWeights: tests see the running means of the weights, training goes on with the weights."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gx
from graphc.errors import ArgumentError
from graphc.frontend.callbacks import LambdaCallback, SwapEMAWeights

X, Y = np.random.default_rng(0).normal(size=(2, 16, 3)).astype(np.float32)


def model_of(**options) -> gx.Model:
    gx.set_seed(0)
    model = gx.Sequential([gx.layers.Dense(3, input_shape=(3,))])
    model.compile(gx.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9, **options), "mse")
    return model


def loss_of(model: gx.Model, weights: list[np.ndarray]) -> float:
    return float(((X @ weights[0] + weights[1] - Y) ** 2).mean())


@pytest.mark.parametrize("scaled", [False, True])
def test_tests_see_the_means(scaled):
    model = model_of()
    if scaled:
        model.compile(gx.optimizers.LossScaleOptimizer(model.optimizer, 4.0), "mse")
    inner = model.optimizer.inner_optimizer if scaled else model.optimizer
    seen: list[list[np.ndarray]] = []

    def keep(epoch, logs) -> None:
        seen.append([np.array(v.numpy()) for v in (*model.weights, *inner.averages)])
        assert logs["val_loss"] == pytest.approx(loss_of(model, seen[-1][2:]), rel=1e-5)

    callbacks = [SwapEMAWeights(), LambdaCallback(on_epoch_end=keep)]
    plain = model_of()
    options = {"epochs": 3, "shuffle": False, "verbose": 0, "batch_size": 4}
    model.fit(X, Y, validation_data=(X, Y), callbacks=callbacks, **options)
    plain.fit(X, Y, **options)
    for found, wanted in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert not np.array_equal(seen[1][0], seen[1][2])


def test_means_at_the_end_of_epochs():
    model = model_of()
    seen: list[np.ndarray] = []
    keep = LambdaCallback(
        on_epoch_end=lambda e, logs: seen.append(np.array(model.get_weights()[0]))
    )
    model.fit(X, Y, epochs=3, callbacks=[SwapEMAWeights(swap_on_epoch=True), keep], verbose=0,
              shuffle=False)  # fmt: skip
    plain = model_of()
    plain.fit(X, Y, epochs=3, verbose=0, shuffle=False)
    np.testing.assert_array_equal(model.get_weights()[0], seen[-1])
    np.testing.assert_allclose(seen[-1], plain.get_weights()[0], rtol=1e-6)


def test_an_optimizer_without_means_is_refused():
    model = model_of()
    model.compile("sgd", "mse")
    with pytest.raises(ArgumentError, match="use_ema=True"):
        model.fit(X, Y, validation_data=(X, Y), callbacks=[SwapEMAWeights()], verbose=0)
