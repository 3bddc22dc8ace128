"""Dtype policies: what layers compute in and keep; training in bfloat16 learns the same."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import graphc as gx
from graphc.errors import ArgumentError
from graphc.frontend import dtype_policy
from graphc.frontend.models import Sequential

layers = gx.layers


@pytest.fixture(autouse=True)
def _policy_is_restored() -> Iterator[None]:
    yield
    dtype_policy._policies.clear()


def network() -> Sequential:
    return Sequential([
        layers.Conv2D(16, 3, activation="relu", input_shape=(28, 28, 1)), layers.MaxPooling2D(),
        layers.BatchNormalization(), layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(), layers.Flatten(), layers.Dense(64, activation="relu"),
        layers.Dropout(0.1), layers.Dense(10, activation="softmax", dtype="float32"),
    ])  # fmt: skip


def test_weights_stay_float32_and_results_are_bfloat16() -> None:
    layer = layers.Dense(4, dtype="mixed_bfloat16")
    y = layer(gx.placeholder((None, 3)))
    assert (y.dtype, layer.kernel.dtype) == (gx.bfloat16, gx.float32)
    assert (layer.dtype, layer.compute_dtype) == (gx.float32, gx.bfloat16)
    assert layers.Dense(4)(y).dtype is gx.float32


def test_statistics_are_not_rounded() -> None:
    layer = layers.BatchNormalization(dtype="mixed_bfloat16")
    x = 3 + np.random.default_rng(0).standard_normal((500, 2)).astype(np.float32)
    layer(x, training=True)
    want = 0.01 * x.mean(0)
    np.testing.assert_allclose(layer.moving_mean.numpy(), want, rtol=1e-2)


def test_the_global_policy_is_that_of_new_layers() -> None:
    gx.set_dtype_policy("mixed_bfloat16")
    made = [layers.Dense(2), layers.Dense(2, dtype="float32")]
    assert [x.dtype_policy.name for x in made] == ["mixed_bfloat16", "float32"]
    again = layers.Dense.from_config(made[0].get_config())
    gx.set_dtype_policy("float32")
    assert again.dtype_policy == gx.DTypePolicy("mixed_bfloat16", gx.bfloat16, gx.float32)
    assert made[0].get_config()["dtype"] == "mixed_bfloat16"


def test_unknown_policies_are_refused() -> None:
    with pytest.raises(ArgumentError, match="mixed_bfloat16"):
        gx.set_dtype_policy("mixed_float8")


def test_gradients_are_float32_and_near() -> None:
    def gradients(policy: str) -> list[np.ndarray]:
        gx.set_seed(3)
        layer = layers.Dense(5, dtype=policy)
        x = gx.placeholder((None, 40))
        y = gx.cast(layer(x), "float32")
        found = gx.grad(gx.sum(y * y), layer.trainable_weights)
        assert all(g.dtype is gx.float32 for g in found)
        data = np.random.default_rng(0).standard_normal((30, 40), np.float32)
        return gx.function([x], found)(data)

    for got, want in zip(gradients("mixed_bfloat16"), gradients("float32"), strict=True):
        assert np.abs(got - want).max() <= 2e-2 * np.abs(want).max()


def test_training_learns_the_same() -> None:
    (x, y), (test_x, test_y) = gx.datasets.digits.load_data()
    x, test_x = (np.asarray(v, np.float32).reshape(-1, 28, 28, 1) / 255 for v in (x, test_x))
    accuracy: dict[str, float] = {}
    for policy in ("float32", "mixed_bfloat16"):
        gx.set_seed(0)
        gx.set_dtype_policy(policy)
        with gx.settings(backend="llvm_cpu"):
            model = network()
            model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            model.fit(x, y, epochs=4, batch_size=64, verbose=0)
            accuracy[policy] = model.evaluate(test_x, test_y, verbose=0)[1]
    assert accuracy["float32"] > 0.9
    assert accuracy["mixed_bfloat16"] > accuracy["float32"] - 0.03
