"""Rows of the decks that no snippet shows: sharing, skips, trained slopes, depth, GoogLeNet."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gx
from graphc.errors import ModeError
from graphc.frontend import layers
from graphc.frontend.layers import Concatenate, Conv2D, Dense, MaxPooling2D

DRAW = np.random.default_rng(5)


def gradient(output: gx.Tensor, x: gx.Tensor) -> gx.Function:
    return gx.function(x, gx.grad(gx.sum(output), x), target="reference")


def test_a_skip_hands_the_gradient_on():
    """y = F(x) + x: at weights of zero it is the identity, and so is its derivative (D31)."""
    x = gx.Input((4,))
    skip = layers.Add()([Dense(4, kernel_initializer="zeros")(x), x])
    given = DRAW.normal(size=(3, 4)).astype(np.float32)
    model = gx.Model(x, skip)
    np.testing.assert_array_equal(model.predict(given, verbose=0), given)
    np.testing.assert_array_equal(gradient(skip, x)(given), np.ones((3, 4)))


def test_a_layer_used_twice_has_one_set_of_weights_and_the_sum_of_gradients():
    """D33."""
    a, b, shared = gx.Input((3,)), gx.Input((3,)), Dense(2, use_bias=False)
    model = gx.Model([a, b], layers.Add()([shared(a), shared(b)]))
    assert [w.shape for w in model.weights] == [(3, 2)]
    x, y = DRAW.normal(size=(2, 5, 3)).astype(np.float32)
    by_weight = gx.function([a, b], gx.grad(gx.sum(model.output), shared.kernel))
    np.testing.assert_allclose(by_weight(x, y), np.repeat((x + y).sum(0)[:, None], 2, 1), 1e-5)


def test_the_slope_of_prelu_is_trained():
    """D34, E8: the derivative by alpha is the sum of what is negative."""
    x = gx.Input((1,))
    slope = layers.PReLU(alpha_initializer=gx.initializers.Constant(0.25))
    model = gx.Model(x, slope(x))
    assert [w.shape for w in model.trainable_weights] == [(1,)]
    given = np.array([[-2.0], [-0.5], [0.0], [0.5], [2.0]], np.float32)
    values = model.predict(given, verbose=0)[:, 0]
    np.testing.assert_allclose(values, [-0.5, -0.125, 0, 0.5, 2])
    model.compile(gx.optimizers.SGD(0.1), lambda y, p: p - y)
    model.train_on_batch(given, np.zeros_like(given))
    # The mean of -2, -0.5, 0, 0, 0 is -0.5.
    np.testing.assert_allclose(slope.get_weights()[0], [0.25 + 0.1 * 0.5], 1e-6)


def test_saturating_activations_lose_the_gradient_in_depth():
    """E16: at depth 20 almost nothing comes back through sigmoids, and ReLU keeps it."""
    norms = {}
    for name, initial in (("sigmoid", "glorot_uniform"), ("relu", "he_uniform")):
        gx.set_seed(1)
        x = y = gx.Input((32,))
        for _ in range(20):
            y = Dense(32, name, kernel_initializer=initial)(y)
        norms[name] = np.linalg.norm(gradient(y, x)(DRAW.normal(size=(8, 32)).astype("f4")))
    assert norms["sigmoid"] < 1e-8 < 1e-2 < norms["relu"]


def test_super_init_that_was_forgotten():
    """D32."""

    class Own(layers.Layer):
        def __init__(self):
            self.units = 3

    with pytest.raises(ModeError, match=r"call super\(\).__init__\(\) first"):
        Own()(gx.Input((3,)))


def test_normalisation_between_convolution_and_activation_is_gone_in_inference():
    """D25: Conv, BatchNorm, Activation, Pool, with the numbers of the formula."""
    model = gx.Sequential([
        Conv2D(3, 3, input_shape=(6, 6, 2)), layers.BatchNormalization(),
        layers.Activation("relu"), MaxPooling2D(),
    ])  # fmt: skip
    model.set_weights([DRAW.uniform(0.5, 1.5, w.shape) for w in model.weights])
    x = DRAW.normal(size=(2, 6, 6, 2)).astype(np.float32)
    kernel, bias, gamma, beta, mean, variance = model.get_weights()
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (3, 3), (1, 2))
    product = np.einsum("bijcuv,uvcf->bijf", windows, kernel) + bias
    normal = np.maximum((product - mean) / np.sqrt(variance + 1e-3) * gamma + beta, 0)
    pooled = normal.reshape(2, 2, 2, 2, 2, 3).max((2, 4))
    np.testing.assert_allclose(model.predict(x, verbose=0), pooled, 1e-5)


# (1x1; before 3x3, 3x3; before 5x5, 5x5; behind the pool) of the nine modules (Szegedy et al. 2015)
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64), "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64), "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128),
}  # fmt: skip


def convolution(x: gx.Tensor, filters: int, size: int, strides: int = 1) -> gx.Tensor:
    return Conv2D(filters, size, strides, "same", activation="relu")(x)


def inception(x: gx.Tensor, sizes: tuple[int, ...]) -> gx.Tensor:
    one, before_three, three, before_five, five, pool = sizes
    return Concatenate()([
        convolution(x, one, 1), convolution(convolution(x, before_three, 1), three, 3),
        convolution(convolution(x, before_five, 1), five, 5),
        convolution(MaxPooling2D(3, 1, "same")(x), pool, 1),
    ])  # fmt: skip


def test_googlenet_has_seven_million_weights():
    """V24, D30: 22 layers, 6,998,552 weights; module 3a has 163,696 where a naive one has more."""
    gx.set_seed(0)
    x = gx.Input((224, 224, 3))
    y = MaxPooling2D(3, 2, "same")(convolution(x, 64, 7, 2))
    y = MaxPooling2D(3, 2, "same")(convolution(convolution(y, 64, 1), 192, 3))
    for name, sizes in MODULES.items():
        if name in ("4a", "5a"):
            y = MaxPooling2D(3, 2, "same")(y)
        y = inception(y, sizes)
    assert y.shape[1:] == (7, 7, 1024)
    model = gx.Model(x, Dense(1000, "softmax")(layers.GlobalAveragePooling2D()(y)))
    assert model.count_params() == 6_998_552
    part = gx.Input((28, 28, 192))
    module = gx.Model(part, inception(part, MODULES["3a"]))
    assert (module.count_params(), module.output_shape[-1]) == (163_696, 256)
    naive = [convolution(part, 64, 1), convolution(part, 128, 3), convolution(part, 32, 5)]
    wide = gx.Model(part, Concatenate()([*naive, MaxPooling2D(3, 1, "same")(part)]))
    assert (wide.count_params(), wide.output_shape[-1]) == (387_296, 416)
