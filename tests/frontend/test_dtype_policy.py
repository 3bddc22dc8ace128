"""Dtype policies: what layers compute in and keep; training in 16 bits learns the same."""

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


@pytest.mark.parametrize("kind", [gx.bfloat16, gx.float16])
def test_weights_stay_float32_and_results_are_short(kind) -> None:
    layer = layers.Dense(4, dtype=f"mixed_{kind.name}")
    y = layer(gx.placeholder((None, 3)))
    assert (y.dtype, layer.kernel.dtype) == (kind, gx.float32)
    assert (layer.dtype, layer.compute_dtype) == (gx.float32, kind)
    assert layers.Dense(4)(y).dtype is gx.float32


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_statistics_are_not_rounded(policy) -> None:
    layer = layers.BatchNormalization(dtype=policy)
    x = 3 + np.random.default_rng(0).standard_normal((500, 2)).astype(np.float32)
    layer(x, training=True)
    want = 0.01 * x.mean(0)
    np.testing.assert_allclose(layer.moving_mean.numpy(), want, rtol=1e-2)


@pytest.mark.parametrize(
    "layer",
    [layers.BatchNormalization, layers.LayerNormalization, layers.RMSNormalization,
     lambda **o: layers.GroupNormalization(2, **o), layers.UnitNormalization],
)  # fmt: skip
def test_squares_of_large_numbers_do_not_overflow(layer) -> None:
    x = np.random.default_rng(0).choice([-3000.0, 3000.0], (8, 6)).astype(np.float32)
    wanted = layer()(x, training=True).numpy()
    found = layer(dtype="mixed_float16")(x, training=True).numpy()
    assert found.dtype == np.float16
    np.testing.assert_allclose(found, wanted, atol=4e-3)


def test_the_global_policy_is_that_of_new_layers() -> None:
    gx.set_dtype_policy("mixed_bfloat16")
    made = [layers.Dense(2), layers.Dense(2, dtype="float32")]
    assert [x.dtype_policy.name for x in made] == ["mixed_bfloat16", "float32"]
    again = layers.Dense.from_config(made[0].get_config())
    gx.set_dtype_policy("float32")
    assert again.dtype_policy == gx.DTypePolicy("mixed_bfloat16")
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


def scaled(target: str, x: np.ndarray, growth: int = 2000) -> Sequential:
    """A network in float16, with a scale that grows after so many steps."""
    gx.set_seed(0)
    gx.set_dtype_policy("mixed_float16")
    last = layers.Dense(1, dtype="float32")
    model = Sequential([layers.Dense(8, "tanh", input_shape=x.shape[1:]), layers.Dropout(0.1),
                        layers.BatchNormalization(), last])  # fmt: skip
    inner = gx.optimizers.Adam(0.01)
    optimizer = gx.optimizers.LossScaleOptimizer(inner, 2.0**10, growth)
    model.compile(optimizer, "mse", target=target)
    return model


def state(model: Sequential) -> list[np.ndarray]:
    assert model.optimizer is not None
    return [v.numpy() for v in (*model.variables, *model.optimizer.variables)]


def test_compile_scales_the_loss() -> None:
    model = Sequential([layers.Dense(1, input_shape=(2,), dtype="float32")])
    model.compile("sgd", "mse")
    assert type(model.optimizer) is gx.optimizers.SGD
    gx.set_dtype_policy("mixed_float16")
    model = Sequential([layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    assert type(model.optimizer) is gx.optimizers.LossScaleOptimizer
    assert type(model.optimizer.inner_optimizer) is gx.optimizers.SGD
    assert float(model.optimizer.dynamic_scale.numpy()) == 2**15
    model.compile("sgd", "mse", auto_scale_loss=False)
    assert type(model.optimizer) is gx.optimizers.SGD
    model.compile(gx.optimizers.LossScaleOptimizer(gx.optimizers.SGD(), 8.0), "mse")
    assert float(model.optimizer.dynamic_scale.numpy()) == 8


@pytest.mark.parametrize("target", ["reference", "llvm_cpu"])
def test_steps_that_overflow_are_skipped(target) -> None:
    """One compiled epoch of eight steps; the targets of the third are too far away for float16."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 3)).astype(np.float32), rng.normal(size=(32, 1))
    model = scaled(target, x, growth=3)
    y[8:12] = 1e5
    model.fit(x[:8], y[:8], batch_size=4, shuffle=False, verbose=0)
    assert float(model.optimizer.dynamic_scale.numpy()) == 2**10
    assert int(model.optimizer.step_counter.numpy()) == 2
    before = [w.numpy() for w in model.trainable_weights]
    model.train_on_batch(x[8:12], y[8:12])
    assert all(np.array_equal(a, w.numpy()) for a, w in zip(before, model.trainable_weights))
    assert float(model.optimizer.dynamic_scale.numpy()) == 2**9
    assert int(model.optimizer.step_counter.numpy()) == 0
    assert int(model.optimizer.iterations.numpy()) == 2
    other = scaled(target, x, growth=3)
    other.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    # 2 steps, one that is skipped, 3 after which the scale grows, 2 more.
    assert int(other.optimizer.iterations.numpy()) == 7
    assert float(other.optimizer.dynamic_scale.numpy()) == 2**10
    assert int(other.optimizer.step_counter.numpy()) == 2
    assert all(np.isfinite(v).all() for v in state(other))


@pytest.mark.parametrize("target", ["reference", "llvm_cpu"])
def test_scaled_training_goes_on_bit_for_bit(target, tmp_path) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 3)).astype(np.float32), rng.normal(size=(40, 1))
    y[:4] = 1e5
    options = {"batch_size": 4, "verbose": 0, "seed": 3}
    whole = scaled(target, x, growth=4)
    whole.fit(x, y, epochs=4, **options)
    part = scaled(target, x, growth=4)
    part.fit(x, y, epochs=2, **options)
    part.save(tmp_path / "half.graphc")
    with gx.settings(backend=target):
        again = gx.models.load_model(tmp_path / "half.graphc")
        again.fit(x, y, epochs=4, initial_epoch=2, **options)
    assert type(again.optimizer) is gx.optimizers.LossScaleOptimizer
    for found, wanted in zip(state(again), state(whole), strict=True):
        assert np.array_equal(found, wanted)


def test_the_policy_goes_through_files(tmp_path) -> None:
    x = np.ones((8, 3), np.float32)
    model = scaled("reference", x)
    model.fit(x, x[:, :1], verbose=0)
    for suffix in ("graphc", "keras", "h5"):
        model.save(tmp_path / f"model.{suffix}")
        again = gx.models.load_model(tmp_path / f"model.{suffix}")
        assert [part.compute_dtype.name for part in again.layers] == ["float16"] * 3 + ["float32"]
        assert again.optimizer.get_config() == model.optimizer.get_config() | {
            "name": again.optimizer.name
        }
        for found, wanted in zip(again.get_weights(), model.get_weights(), strict=True):
            assert np.array_equal(found, wanted)
        assert int(again.optimizer.step_counter.numpy()) == 1


def test_training_learns_the_same() -> None:
    (x, y), (test_x, test_y) = gx.datasets.digits.load_data()
    x, test_x = (np.asarray(v, np.float32).reshape(-1, 28, 28, 1) / 255 for v in (x, test_x))
    accuracy: dict[str, float] = {}
    for policy in ("float32", "mixed_bfloat16", "mixed_float16"):
        gx.set_seed(0)
        gx.set_dtype_policy(policy)
        with gx.settings(backend="llvm_cpu"):
            model = network()
            model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            model.fit(x, y, epochs=4, batch_size=64, verbose=0)
            accuracy[policy] = model.evaluate(test_x, test_y, verbose=0)[1]
    assert accuracy["float32"] > 0.9
    assert accuracy["mixed_bfloat16"] > accuracy["float32"] - 0.03
    assert accuracy["mixed_float16"] > accuracy["float32"] - 0.03
