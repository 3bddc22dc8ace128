"""Layers: known values, numbers of weights, walking, building, names, effects, errors."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.compiler import function
from graphc.errors import ArgumentError, ModeError, ShapeError, UnknownNameError
from graphc.frontend import layers, seeds
from graphc.frontend.effects import collecting_effects
from graphc.frontend.initializers import Constant
from graphc.frontend.layers import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Layer,
    MaxPooling2D,
    Reshape,
)
from graphc.frontend.regularizers import l1, l2
from graphc.ops.activation import relu
from graphc.ops.leaf import placeholder

# fmt: off
SHAPES = [  # layer, input without batch, output without batch, number of weights
    (Dense(256),                                   (784,),       (256,),       200_960),
    (Dense(5, use_bias=False),                     (4, 3),       (4, 5),       15),
    (Conv2D(10, 5),                                (32, 32, 3),  (28, 28, 10), 760),
    (Conv2D(6, (5, 5), padding="same"),            (28, 28, 1),  (28, 28, 6),  156),
    (Conv2D(64, 3, strides=2),                     (30, 30, 32), (14, 14, 64), 18_496),
    (Conv2D(8, 3, dilation_rate=2),                (9, 9, 1),    (5, 5, 8),    80),
    (Conv2D(64, 1),                                (7, 7, 256),  (7, 7, 64),   16_448),
    (Conv2D(6, 3, groups=2),                       (5, 5, 4),    (3, 3, 6),    114),
    (Conv2D(4, 3, data_format="channels_first"),   (3, 5, 5),    (4, 3, 3),    112),
    (MaxPooling2D((2, 2)),                         (224, 224, 2), (112, 112, 2), 0),
    (MaxPooling2D(2, strides=1, padding="same"),   (5, 5, 1),    (5, 5, 1),    0),
    (AveragePooling2D(),                           (5, 5, 1),    (2, 2, 1),    0),
    (GlobalAveragePooling2D(),                     (7, 7, 16),   (16,),        0),
    (Flatten(),                                    (5, 5, 64),   (1600,),      0),
    (Reshape((2, -1)),                             (6,),         (2, 3),       0),
    (Activation("relu"),                           (3,),         (3,),         0),
    (Dropout(0.5),                                 (3,),         (3,),         0),
    (BatchNormalization(),                         (4, 4, 8),    (4, 4, 8),    32),
]
# fmt: on


@pytest.mark.parametrize(("layer", "taken", "given", "weights"), SHAPES)
def test_shapes_and_weights(layer, taken, given, weights):
    copy = type(layer).from_config(layer.get_config())
    assert copy(placeholder((None, *taken))).shape[1:] == given
    assert copy.count_params() == weights
    assert copy.compute_output_shape((None, *taken)) == (None, *given)
    assert copy(np.ones((2, *taken), np.float32)).numpy().shape == (2, *given)


POOLED = [[10, 7, 1, 4], [0, 6, 5, 7], [2, 5, 9, 6], [6, 8, 12, 7]]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (MaxPooling2D(), [[10, 7], [8, 12]]),
        (AveragePooling2D(), [[5.75, 4.25], [5.25, 8.5]]),
        (MaxPooling2D(2, strides=1), [[10, 7, 7], [6, 9, 9], [8, 12, 12]]),
    ],
)
def test_pooling(layer, expected):
    x = np.array(POOLED, np.float32).reshape(1, 4, 4, 1)
    assert layer(x).numpy()[0, :, :, 0].tolist() == expected


def test_convolution_is_a_sum_of_products():
    image = np.array([[0, 0, 0, 10, 10, 10]] * 6, np.float32)[:, ::-1]
    edge = np.array([[1, 0, -1]] * 3, np.float32).reshape(3, 3, 1, 1)
    layer = Conv2D(1, 3, kernel_initializer=lambda shape: edge)
    assert layer(image.reshape(1, 6, 6, 1)).numpy()[0, :, :, 0].tolist() == [[0, 30, 30, 0]] * 4


X = np.array([[-1, 4, 1], [1, -4, 3]], np.float32)
NORMAL = [[-0.9995004, 0.9999688, -0.9995004], [0.9995004, -0.9999688, 0.9995004]]
FRESH = [[-0.9995004, 3.9980015, 0.9995004], [0.9995004, -3.9980015, 2.9985013]]
MOVED = [[-0.9995004, 3.7283986, 0.9795104], [0.9995004, -3.7283986, 2.9785113]]


def test_batch_normalization():
    layer = BatchNormalization(center=False, scale=False)
    np.testing.assert_allclose(layer(X).numpy(), FRESH, rtol=1e-6)
    np.testing.assert_allclose(layer(X, training=True).numpy(), NORMAL, rtol=1e-6)
    mean, variance = layer.get_weights()
    np.testing.assert_allclose([mean, variance], [[0, 0, 0.02], [1, 1.15, 1]], rtol=1e-6)
    np.testing.assert_allclose(layer(X).numpy(), MOVED, rtol=1e-6)


def test_batch_normalization_of_images_and_frozen():
    x = np.random.default_rng(0).normal(size=(4, 5, 6, 3)).astype(np.float32)
    layer = BatchNormalization(gamma_initializer=Constant(2.0), beta_initializer="ones")
    got = layer(x, training=True).numpy()
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    np.testing.assert_allclose(got, 2 * (x - mean) / np.sqrt(variance + 1e-3) + 1, atol=1e-5)
    layer.trainable = False
    before = layer.get_weights()
    layer(x, training=True)
    assert all(np.array_equal(a, b) for a, b in zip(before, layer.get_weights()))


def test_dropout():
    x = np.ones((100, 100), np.float32)
    layer = Dropout(0.5, seed=7)
    first, second = layer(x, training=True).numpy(), layer(x, training=True).numpy()
    assert set(np.unique(first)) == {0.0, 2.0}
    assert abs(first.mean() - 1) < 0.05
    assert not np.array_equal(first, second)
    assert np.array_equal(layer(x).numpy(), x)
    again = Dropout(0.5, seed=7)
    assert np.array_equal(again(x, training=True).numpy(), first)


def test_dropout_draws_anew_at_each_run_of_a_function():
    layer, x = Dropout(0.5, seed=7), placeholder((None, 50), name="x")
    with collecting_effects() as effects:
        y = layer(x, training=True)
    run = function(x, y, updates=effects.updates)
    ones = np.ones((4, 50), np.float32)
    first, second = run(ones), run(ones)
    assert not np.array_equal(first, second)
    eager = Dropout(0.5, seed=7)
    assert np.array_equal(eager(ones, training=True).numpy(), first)
    assert np.array_equal(eager(ones, training=True).numpy(), second)


def test_effects_of_a_layer_used_twice_follow_one_another():
    layer, x = BatchNormalization(momentum=0.5), placeholder((None, 3), name="x")
    with collecting_effects() as effects:
        y = layer(layer(x, training=True), training=True)
    function(x, y, updates=effects.updates)(X)
    mean = np.array([0, 0, 2])
    np.testing.assert_allclose(layer.get_weights()[2], mean * 0.25, atol=1e-6)


def test_effects_that_nobody_collects():
    with pytest.raises(ModeError, match="collecting_effects"):
        BatchNormalization()(placeholder((None, 3)), training=True)


class Block(Layer):
    """Two layers in a list, one weight of its own, training passed on by the call."""

    def __init__(self):
        super().__init__()
        self.parts = [Dense(3, name="first"), Dropout(1.0), {"last": Dense(3, name="last")}]

    def build(self, input_shape):
        self.bonus = self.add_weight((3,), "ones", name="bonus", regularizer=l2(0.5))

    def call(self, inputs):
        first, dropout, rest = self.parts
        return rest["last"](dropout(first(inputs))) + self.bonus


def test_a_layer_of_layers():
    block = Block()
    assert block.weights == []
    assert np.array_equal(block([[1.0, 2.0]], training=True).numpy(), [[1, 1, 1]])
    names = [w.name for w in block.weights]
    inner = ["first/kernel", "first/bias", "last/kernel", "last/bias"]
    assert names == [*inner, f"{block.name}/bonus"]
    block.parts[0].trainable = False
    assert [w.name for w in block.non_trainable_weights] == names[:2]
    assert [w.name for w in block.trainable_weights] == names[2:]
    assert len(block.variables) == 6
    block.set_weights([w * 0 + 2 for w in block.get_weights()])
    assert function([], block.losses)()[0] == pytest.approx(0.5 * 4 * 3)


def test_regularizers_and_constraints():
    w = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    layer = Dense(2, kernel_regularizer="l2", kernel_constraint="max_norm", bias_regularizer=l1())
    layer(placeholder((None, 2)))
    layer.set_weights([w, [1.0, -1.0]])
    assert function([], layer.losses)() == [pytest.approx(0.3), pytest.approx(0.02)]
    (constraint,) = layer.weight_constraints.values()
    bounded = function([], constraint(layer.kernel))()
    np.testing.assert_allclose(np.linalg.norm(bounded, axis=0), [2, 2], rtol=1e-5)


def test_activity_regularizer_is_announced_per_call():
    layer = Dense(2, kernel_initializer="ones", activity_regularizer=l2(0.1))
    with collecting_effects() as effects:
        layer(placeholder((None, 2), name="x"))
    assert len(effects.losses) == 1


def test_strings_and_objects_are_one():
    a = Dense(3, activation="relu", kernel_initializer="ones")
    b = Dense(3, activation=relu, kernel_initializer=layers.dense.initializers.Ones)
    x = np.array([[-1.0, 2.0]], np.float32)
    assert np.array_equal(a(x).numpy(), b(x).numpy())


def test_names_are_numbered():
    assert [Dense(1).name, Dense(1).name, MaxPooling2D().name] == [
        "dense",
        "dense_1",
        "max_pooling2d",
    ]


def test_training_is_inherited_and_float64_is_converted():
    class Outer(Layer):
        def __init__(self):
            super().__init__()
            self.dropout = Dropout(1.0)

        def call(self, x):
            return self.dropout(x)

    outer = Outer()
    assert outer(np.ones(3), training=True).numpy().tolist() == [0, 0, 0]
    assert outer(np.ones(3)).dtype.name == "float32"


def test_set_seed_makes_weights_and_masks_reproducible():
    def draw():
        seeds.set_seed(5)
        dense, dropout = Dense(3), Dropout(0.5)
        return dropout(dense(np.ones((1, 4))).numpy(), training=True).numpy()

    assert np.array_equal(draw(), draw())


def test_errors():
    layer = Dense(5, name="head")
    layer(np.ones((2, 3)))
    with pytest.raises(ShapeError, match="head was built for inputs with 3"):
        layer(np.ones((2, 4)))
    with pytest.raises(ShapeError, match="axis -1, which is not known"):
        Dense(5)(placeholder((2, None)))
    with pytest.raises(ShapeError, match="another number of axes"):
        MaxPooling2D()(np.ones((2, 3)))
    with pytest.raises(ArgumentError, match="activation_fn"):
        Dense(5, activation_fn="relu")
    with pytest.raises(ArgumentError, match="2 weights"):
        layer.set_weights([np.ones((3, 5))])
    with pytest.raises(UnknownNameError, match="glorot_uniform"):
        Dense(5, kernel_initializer="glorot")

    class Forgetful(Layer):
        def __init__(self):
            pass

    with pytest.raises(ModeError, match=r"super\(\).__init__"):
        Forgetful()(np.ones(3))
