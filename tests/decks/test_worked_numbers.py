"""Numbers that the decks work out by hand, against formulas in float64: layers, shapes, counts."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gx
from graphc.frontend.layers import (
    LSTM,
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Conv1D,
    Conv2D,
    Conv3D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
    SimpleRNN,
    SumPooling2D,
)
from graphc.frontend.models import Model, Sequential
from graphc.frontend.utils import to_categorical


def filtered(image, kernel) -> np.ndarray:
    """What a convolution with this one filter answers, in float64."""
    x, k = np.array(image, np.float64), np.array(kernel, np.float64)
    return gx.conv2d(x[None, :, :, None], k[:, :, None, None]).numpy()[0, :, :, 0]


@pytest.fixture(autouse=True)
def _eagerly():
    with gx.eager("reference"):
        yield


# ---------------------------------------------------------------------------- convolution

SIX = [
    [3, 0, 1, 2, 7, 4],
    [1, 5, 8, 9, 3, 1],
    [2, 7, 2, 5, 1, 3],
    [0, 1, 3, 1, 7, 8],
    [4, 2, 1, 6, 2, 8],
    [2, 4, 5, 2, 3, 9],
]
VERTICAL = [[1, 0, -1]] * 3
FIVE = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
BINARY = ["0000000", "0111000", "0011100", "0001110", "0001100", "0011000", "0000000"]
STEP = [[10, 10, 10, 0, 0, 0]] * 6

CONVOLUTIONS = {
    "V2 six by six": (
        SIX, VERTICAL,
        [[-5, -4, 0, 8], [-10, -2, 2, 3], [0, -2, -4, -7], [-3, -2, -3, -16]],
    ),
    "V3 binary": (
        [[int(c) for c in row] for row in BINARY], [[1, 0, 1], [0, 1, 0], [1, 0, 1]],
        [[2, 2, 3, 1, 1], [1, 4, 3, 4, 1], [1, 2, 4, 3, 3], [1, 2, 3, 4, 1], [0, 2, 2, 1, 1]],
    ),
    "V4 an edge": (STEP, VERTICAL, [[0, 30, 30, 0]] * 4),
    "V9 five by five": (
        FIVE, [[0, 1, 2], [2, 2, 0], [0, 1, 2]], [[12, 12, 17], [10, 17, 19], [9, 6, 14]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions(name):
    image, kernel, expected = CONVOLUTIONS[name]
    assert filtered(image, kernel).tolist() == expected


GAUSS = np.outer([1, 2, 1], [1, 2, 1]) / 16
FILTERS = {
    "identity": ([[0, 0, 0], [0, 1, 0], [0, 0, 0]], 1, [5, 8, 9, 3]),
    "edge 1": ([[1, 0, -1], [0, 0, 0], [-1, 0, 1]], 0, [2, -4, -7, -4]),
    "edge 2": ([[0, 1, 0], [1, -4, 1], [0, 1, 0]], 0, [-4, -15, -18, 6]),
    "edge 3": ([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], 0, [16, 33, 43, -8]),
    "sharpen": ([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], 1, [9, 23, 27, -3]),
    "box": (np.full((3, 3), 1 / 9), 1, [29 / 9, 39 / 9, 38 / 9, 35 / 9]),
    "Gauss": (GAUSS, 1, [3.75, 5, 5.1875, 3.875]),
}


@pytest.mark.parametrize("name", FILTERS)
def test_v8_filters(name):
    kernel, total, first_row = FILTERS[name]
    assert np.sum(kernel) == pytest.approx(total)
    assert filtered(SIX, kernel)[0] == pytest.approx(first_row, abs=1e-12)


@pytest.mark.parametrize(
    ("size", "padding", "width", "stride", "expected"),
    [
        (32, 0, 3, 1, 30), (30, 0, 3, 2, 14), (7, 1, 3, 2, 4), (224, 3, 7, 2, 112),
        (224, 0, 2, 2, 112), (28, 0, 5, 1, 24),
    ],
)  # fmt: skip
def test_v1_output_width(size, padding, width, stride, expected):
    assert (size + 2 * padding - width) // stride + 1 == expected
    x = np.pad(np.zeros((1, size, 1), np.float32), [(0, 0), (padding, padding), (0, 0)])
    assert Conv1D(1, width, strides=stride)(x).shape == (1, expected, 1)


@pytest.mark.parametrize(
    ("width", "depth", "dilation", "expected"),
    [(3, 1, 1, 3), (3, 2, 1, 5), (3, 3, 1, 7), (3, 5, 1, 11), (5, 1, 1, 5), (5, 2, 1, 9),
     (5, 3, 1, 13), (5, 5, 1, 21), (3, 3, 2, 13)],
)  # fmt: skip
def test_v10_field_of_view_is_the_support_of_the_derivative(width, depth, dilation, expected):
    assert depth * (width - 1) * dilation + 1 == expected
    x = gx.as_tensor(np.ones((1, 41, 1), np.float32))
    y = x
    for _ in range(depth):
        y = gx.conv1d(y, np.ones((width, 1, 1), np.float32), padding="same", dilation_rate=dilation)
    seen = np.flatnonzero(gx.grad(y[0, 20, 0], x).numpy())
    assert seen[-1] - seen[0] + 1 == expected


def test_d9_holes_are_a_larger_kernel_with_zeros():
    x = np.random.default_rng(0).normal(size=(1, 9, 9, 2))
    kernel = np.random.default_rng(1).normal(size=(3, 3, 2, 4))
    wide = np.zeros((5, 5, 2, 4))
    wide[::2, ::2] = kernel
    assert gx.conv2d(x, kernel, dilation_rate=2).numpy() == pytest.approx(
        gx.conv2d(x, wide).numpy()
    )


def test_d12_d14_d15_d16_channels_points_and_other_ranks():
    random = np.random.default_rng(2)
    image = random.normal(size=(1, 5, 5, 3))
    assert Conv2D(1, 3)(image).shape == (1, 3, 3, 1)
    points = random.normal(size=(1, 1, 3, 7))
    assert gx.conv2d(image, points).numpy() == pytest.approx(image @ points[0, 0])
    narrow = Conv2D(64, 1)
    narrow.build((None, 8, 8, 256))
    assert narrow.count_params() == 16_448
    signal, taps = random.normal(size=9), random.normal(size=4)
    found = gx.conv1d(signal[None, :, None], taps[:, None, None]).numpy().ravel()
    assert found == pytest.approx(np.convolve(signal, taps[::-1], "valid"))
    assert Conv3D(2, 2)(random.normal(size=(1, 4, 5, 6, 1))).shape == (1, 3, 4, 5, 2)


def test_d7_a_planted_template_is_found():
    random = np.random.default_rng(3)
    image, template = random.normal(size=(30, 30)) * 0.1, random.normal(size=(5, 5))
    image[11:16, 7:12] += template
    answer = filtered(image, template)
    assert np.unravel_index(answer.argmax(), answer.shape) == (11, 7)


# ---------------------------------------------------------------------------- pooling

FOUR = np.array([[10, 7, 1, 4], [0, 6, 5, 7], [2, 5, 9, 6], [6, 8, 12, 7]], np.float64)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (MaxPooling2D(), [[10, 7], [8, 12]]),
        (AveragePooling2D(), [[5.75, 4.25], [5.25, 8.5]]),
        (SumPooling2D(), [[23, 17], [21, 34]]),
        (MaxPooling2D(strides=1), [[10, 7, 7], [6, 9, 9], [8, 12, 12]]),
        (GlobalAveragePooling2D(), 95 / 16),
    ],
    ids=["V5 max", "V5 average", "D19 sum", "V7 stride 1", "D20 global"],
)
def test_v5_v7_pooling(layer, expected):
    found = layer(FOUR[None, :, :, None]).numpy()
    assert np.squeeze(found) == pytest.approx(np.array(expected), rel=1e-6)


def test_v6_pooling_keeps_a_quarter_and_gradients_go_where_values_came_from():
    x = Input((224, 224, 64))
    assert MaxPooling2D()(x).shape[1:] == (112, 112, 64)
    image = gx.as_tensor(FOUR[None, :, :, None])
    largest = gx.grad(gx.sum(gx.max_pool(image, 2)), image).numpy()[0, :, :, 0]
    assert np.argwhere(largest).tolist() == [[0, 0], [1, 3], [3, 1], [3, 2]]
    mean = gx.grad(gx.sum(gx.avg_pool(image, 2)), image).numpy()
    assert (mean == 0.25).all()


# ---------------------------------------------------------------------------- normalisation


def test_v14_v15_batch_normalization():
    x = np.array([[-1.0, 4.0, 1.0], [1.0, -4.0, 3.0]])
    layer, fresh = (BatchNormalization(center=False, scale=False) for _ in range(2))
    trained = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3)
    assert layer(x, training=True).numpy() == pytest.approx(trained, rel=1e-6)
    mean, variance = 0.01 * x.mean(0), 0.99 + 0.01 * x.var(0)
    assert (mean.tolist(), variance.tolist()) == ([0, 0, 0.02], pytest.approx([1, 1.15, 1]))
    late = (x - mean) / np.sqrt(variance + 1e-3)
    assert layer(x, training=False).numpy() == pytest.approx(late, rel=1e-6)
    assert fresh(x, training=False).numpy() == pytest.approx(x / np.sqrt(1.001), rel=1e-6)


def test_v16_batch_normalization_of_images():
    x = np.random.default_rng(4).normal(2, 3, size=(4, 5, 6, 3))
    layer = BatchNormalization(momentum=0.9, gamma_initializer=gx.initializers.Constant(2.0),
                               beta_initializer="ones")  # fmt: skip
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    expected = 2 * (x - mean) / np.sqrt(variance + 1e-3) + 1
    assert layer(x, training=True).numpy() == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert layer.moving_mean.numpy() == pytest.approx(0.1 * mean, rel=1e-5)
    assert layer.moving_variance.numpy() == pytest.approx(0.9 + 0.1 * variance, rel=1e-5)


def test_v13_dropout_keeps_the_mean():
    layer, x = Dropout(0.5, seed=1), np.ones((100, 100), np.float32)
    first, second = layer(x, training=True).numpy(), layer(x, training=True).numpy()
    assert set(np.unique(first)) == {0.0, 2.0}
    assert first.mean() == pytest.approx(1, abs=0.05)
    assert (first != second).any()
    assert (layer(x, training=False).numpy() == 1).all()
    again = Dropout(0.5, seed=1)(x, training=True).numpy()
    assert (again == first).all()


# ---------------------------------------------------------------------------- counts of weights


def functional(*layers, shape):
    x = Input(shape)
    y = x
    for layer in layers:
        y = layer(y)
    return Model(x, y)


COUNTS = {
    "L4": (lambda: functional(Dense(4), Dense(4), Dense(1), shape=(3,)), 41),
    "V11": (lambda: functional(Conv2D(10, 5), shape=(32, 32, 3)), 760),
    "O2": (
        lambda: functional(
            Conv2D(4, 5), MaxPooling2D(), Conv2D(12, 5), MaxPooling2D(), Flatten(), Dense(10),
            shape=(28, 28, 1),
        ),
        3_246,
    ),
    "O4": (
        lambda: functional(
            Conv2D(64, 3), MaxPooling2D(), Conv2D(64, 3), MaxPooling2D(), Flatten(), Dropout(0.2),
            Dense(10), shape=(28, 28, 1),
        ),
        53_578,
    ),
    "D27": (lambda: functional(SimpleRNN(256), Dense(10), shape=(28, 28)), 75_530),
    "D28": (lambda: functional(LSTM(256), Dense(10), shape=(28, 28)), 294_410),
    "V12": (
        lambda: functional(
            Dense(256), Activation("relu"), Dropout(0.4), Dense(256), Activation("relu"),
            Dropout(0.4), Dense(10), Activation("softmax"), shape=(784,),
        ),
        269_322,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name):
    build, expected = COUNTS[name]
    assert build().count_params() == expected


def test_d4_b2_b8_shapes_and_sizes():
    dense = Dense(256)
    dense.build((None, 784))
    assert dense.count_params() == 200_960
    assert gx.matmul(np.ones((2, 3)), np.ones((3, 5))).shape == (2, 5)
    assert gx.zeros((258, 320, 3)).size == 247_680
    assert gx.zeros((100, 258, 320, 3)).size == 24_768_000


def test_v25_v20_labels_and_iterations():
    assert to_categorical(2, 3).tolist() == [0, 0, 1]
    model = Sequential([Dense(1, input_shape=(1,))])
    model.compile("sgd", "mse")
    model.fit(np.zeros((1000, 1)), np.zeros((1000, 1)), batch_size=500, verbose=0)
    assert int(model.optimizer.iterations.numpy()) == 2


def test_e15_a_perceptron_is_the_and_gate():
    inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    assert gx.binary_step(inputs @ [1.0, 1.0] - 1.5).numpy().tolist() == [0, 0, 0, 1]
