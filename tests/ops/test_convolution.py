"""Convolutions by Keras' names: worked examples, equivalences, output sizes, errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import correlate

from graphc.errors import ArgumentError, ShapeError
from graphc.ops import leaf, nn

from .values import numbers, value


def filtered(image, kernel, **options):
    """A plain matrix convolved with a plain kernel."""
    x = np.asarray(image, np.float64)[None, ..., None]
    w = np.asarray(kernel, np.float64)[..., None, None]
    return value(nn.conv2d(x, w, **options))[0, ..., 0]


# ---------------------------------------------------------------------------- worked examples

# fmt: off
SIX = [
    [3, 0, 1, 2, 7, 4], [1, 5, 8, 9, 3, 1], [2, 7, 2, 5, 1, 3],
    [0, 1, 3, 1, 7, 8], [4, 2, 1, 6, 2, 8], [2, 4, 5, 2, 3, 9],
]
VERTICAL = [[1, 0, -1]] * 3
BINARY = [list(map(int, row)) for row in (
    "0000000", "0111000", "0011100", "0001110", "0001100", "0011000", "0000000",
)]
FIVE = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
EXAMPLES = [
    (SIX, VERTICAL, [[-5, -4, 0, 8], [-10, -2, 2, 3], [0, -2, -4, -7], [-3, -2, -3, -16]]),
    (BINARY, [[1, 0, 1], [0, 1, 0], [1, 0, 1]],
     [[2, 2, 3, 1, 1], [1, 4, 3, 4, 1], [1, 2, 4, 3, 3], [1, 2, 3, 4, 1], [0, 2, 2, 1, 1]]),
    ([[10, 10, 10, 0, 0, 0]] * 6, VERTICAL, [[0, 30, 30, 0]] * 4),
    (FIVE, [[0, 1, 2], [2, 2, 0], [0, 1, 2]], [[12, 12, 17], [10, 17, 19], [9, 6, 14]]),
]
FILTERS = {  # kernel, the sum of its weights, the first row on the matrix of the first example
    "identity": ([[0, 0, 0], [0, 1, 0], [0, 0, 0]],          1, [5, 8, 9, 3]),
    "edge1":    ([[1, 0, -1], [0, 0, 0], [-1, 0, 1]],        0, [2, -4, -7, -4]),
    "edge2":    ([[0, 1, 0], [1, -4, 1], [0, 1, 0]],         0, [-4, -15, -18, 6]),
    "edge3":    ([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],  0, [16, 33, 43, -8]),
    "sharpen":  ([[0, -1, 0], [-1, 5, -1], [0, -1, 0]],      1, [9, 23, 27, -3]),
    "box":      (np.ones((3, 3)) / 9,                        1, [3.2222, 4.3333, 4.2222, 3.8889]),
    "gauss":    (np.outer([1, 2, 1], [1, 2, 1]) / 16,        1, [3.75, 5, 5.1875, 3.875]),
}
WIDTHS = [  # input, padding, window, stride, output
    (32, 0, 3, 1, 30), (30, 0, 3, 2, 14), (7, 1, 3, 2, 4), (224, 3, 7, 2, 112),
    (224, 0, 2, 2, 112), (28, 0, 5, 1, 24),
]
# fmt: on


@pytest.mark.parametrize(("image", "kernel", "wanted"), EXAMPLES)
def test_examples_of_the_course(image, kernel, wanted):
    np.testing.assert_array_equal(filtered(image, kernel), wanted)


@pytest.mark.parametrize("name", FILTERS)
def test_image_filters(name):
    kernel, total, row = FILTERS[name]
    assert np.sum(kernel) == pytest.approx(total)
    np.testing.assert_allclose(filtered(SIX, kernel)[0], row, atol=5e-5)


@pytest.mark.parametrize(("size", "padding", "window", "stride", "wanted"), WIDTHS)
def test_output_width(size, padding, window, stride, wanted):
    x, w = leaf.zeros((1, size, 3)), leaf.zeros((window, 3, 2))
    assert nn.conv1d(x, w, stride, padding).shape == (1, wanted, 2)


# fmt: off
FIELDS = [  # window of each of d layers, its dilation, the field of view d(W - 1)r + 1
    (3, 1, 1, 3), (3, 2, 1, 5), (3, 3, 1, 7), (3, 5, 1, 11), (5, 1, 1, 5), (5, 2, 1, 9),
    (5, 3, 1, 13), (5, 5, 1, 21), (3, 3, 2, 13),
]
# fmt: on


@pytest.mark.parametrize(("window", "layers", "dilation", "wanted"), FIELDS)
def test_field_of_view(window, layers, dilation, wanted):
    """Which inputs move the middle output."""
    x = leaf.constant(np.eye(41, dtype=np.float32)[..., None])
    for _ in range(layers):
        x = nn.conv1d(x, leaf.ones((window, 1, 1)), padding="same", dilation_rate=dilation)
    seen = np.flatnonzero(value(x)[:, 20, 0])
    assert seen.max() - seen.min() + 1 == wanted


def test_a_planted_template_is_found():
    template, scene = numbers((5, 5), "float64"), 0.1 * numbers((20, 24), "float64", "scene")
    scene[7:12, 13:18] += template
    response = filtered(scene, template)
    assert np.unravel_index(response.argmax(), response.shape) == (7, 13)


# ---------------------------------------------------------------------------- equivalences


def test_one_filter_sums_over_channels_and_filters_stack():
    x, w = numbers((1, 5, 5, 3), "float64"), numbers((3, 3, 3, 4), "float64")
    found = value(nn.conv2d(x, w))
    assert found.shape == (1, 3, 3, 4)
    for f in range(4):
        wanted = sum(correlate(x[0, ..., c], w[..., c, f], "valid") for c in range(3))
        np.testing.assert_allclose(found[0, ..., f], wanted)


def test_one_axis_is_a_correlation_and_three_axes_too():
    x, w = numbers((17,), "float64"), numbers((4,), "float64", "w")
    found = value(nn.conv1d(x[None, :, None], w[:, None, None]))
    np.testing.assert_allclose(found[0, :, 0], np.convolve(x, w[::-1], "valid"))
    x, w = numbers((5, 6, 7), "float64"), numbers((2, 3, 2), "float64", "w")
    found = value(nn.conv3d(x[None, ..., None], w[..., None, None]))
    np.testing.assert_allclose(found[0, ..., 0], correlate(x, w, "valid"))


def test_convolution_is_a_matrix_of_dot_products():
    x, w = numbers((2, 6, 5, 3)), numbers((3, 2, 3, 4))
    rows = np.lib.stride_tricks.sliding_window_view(x, (3, 2), (1, 2)).transpose(0, 1, 2, 4, 5, 3)
    wanted = rows.reshape(2, 4, 4, 18) @ w.reshape(18, 4)
    np.testing.assert_allclose(value(nn.conv2d(x, w)), wanted, 1e-5, 1e-5)


def test_a_window_of_one_is_a_product_per_pixel():
    x, w = numbers((2, 4, 5, 16)), numbers((1, 1, 16, 3))
    np.testing.assert_allclose(value(nn.conv2d(x, w)), x @ w[0, 0], 1e-5, 1e-5)


def test_dilation_is_a_kernel_with_holes():
    x, w = numbers((1, 9, 9, 2), "float64"), numbers((3, 3, 2, 3), "float64")
    holes = np.zeros((5, 5, 2, 3))
    holes[::2, ::2] = w
    assert w[..., 0, 0].size == 9
    np.testing.assert_allclose(value(nn.conv2d(x, w, dilation_rate=2)), value(nn.conv2d(x, holes)))


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_groups_are_separate_convolutions(groups):
    x, w = numbers((2, 5, 5, 8), "float64"), numbers((3, 3, 8 // groups, 4), "float64")
    parts = [
        value(nn.conv2d(a, b)) for a, b in zip(np.split(x, groups, -1), np.split(w, groups, -1))
    ]
    np.testing.assert_allclose(value(nn.conv2d(x, w, groups=groups)), np.concatenate(parts, -1))


def test_depthwise_and_separable():
    x, w = numbers((2, 6, 6, 3), "float64"), numbers((3, 3, 3, 2), "float64")
    found = value(nn.depthwise_conv2d(x, w, padding="same"))
    for c in range(3):
        one = value(nn.conv2d(x[..., c : c + 1], w[:, :, c : c + 1], padding="same"))
        np.testing.assert_allclose(found[..., 2 * c : 2 * c + 2], one)
    mix = numbers((1, 1, 6, 5), "float64")
    both = value(nn.separable_conv2d(x, w, mix, padding="same"))
    np.testing.assert_allclose(both, found @ mix[0, 0])
    row = value(nn.separable_conv1d(x[:, 0], w[0], mix[0]))
    np.testing.assert_allclose(row, value(nn.depthwise_conv1d(x[:, 0], w[0])) @ mix[0, 0])


def test_channels_first():
    x, w = numbers((2, 7, 6, 3), "float64"), numbers((3, 3, 3, 4), "float64")
    back = numbers((3, 3, 4, 3), "float64")
    first = np.moveaxis(x, -1, 1)
    for function, kernel in ((nn.conv2d, w), (nn.conv_transpose2d, back)):
        found = value(function(first, kernel, 2, "same", data_format="channels_first"))
        wanted = np.moveaxis(value(function(x, kernel, 2, "same")), -1, 1)
        np.testing.assert_allclose(found, wanted)


def test_causal_sees_only_what_was():
    x, w = numbers((1, 10, 2), "float64"), numbers((3, 2, 2), "float64")
    later = x.copy()
    later[:, 6:] = 0
    found = [value(nn.conv1d(a, w, padding="causal", dilation_rate=2)) for a in (x, later)]
    assert found[0].shape == (1, 10, 2)
    np.testing.assert_array_equal(found[0][:, :6], found[1][:, :6])
    assert (found[0][:, 6:] != found[1][:, 6:]).all()


# ---------------------------------------------------------------------------- padding


@pytest.mark.parametrize("size", [1, 5, 6, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("window", [1, 2, 3, 4])
def test_same_is_the_rule_of_tensorflow(window, stride, size):
    x, w = numbers((1, size, 1), "float64"), numbers((window, 1, 1), "float64")
    found = value(nn.conv1d(x, w, stride, "same"))
    count = -(-size // stride)
    total = max((count - 1) * stride + window - size, 0)
    padded = np.pad(x, [(0, 0), (total // 2, total - total // 2), (0, 0)])
    assert found.shape == (1, count, 1)
    np.testing.assert_allclose(found, value(nn.conv1d(padded, w, stride)))


def test_padding_by_numbers():
    x, w = numbers((1, 6, 6, 1), "float64"), numbers((3, 3, 1, 1), "float64")
    wide = np.pad(x, [(0, 0), (1, 2), (0, 3), (0, 0)])
    found = value(nn.conv2d(x, w, padding=[(1, 2), (0, 3)]))
    np.testing.assert_allclose(found, value(nn.conv2d(wide, w)))
    same = value(nn.conv2d(x, w, padding="SAME"))
    np.testing.assert_allclose(value(nn.conv2d(x, w, padding=1)), same)
    np.testing.assert_allclose(value(nn.conv2d(x, w, padding=(1, 1))), same)


# ---------------------------------------------------------------------------- transposed

# fmt: off
TRANSPOSED = [  # window, stride, padding, output_padding -> the size that Keras makes of 9
    (1, 2, "valid", None, 18), (1, 3, "valid", 1, 26),    (2, 2, "same", 0, 16),
    (2, 2, "same", 1, 17),     (2, 3, "valid", None, 27), (3, 1, "valid", None, 11),
    (3, 1, "same", None, 9),   (3, 2, "valid", None, 19), (3, 2, "valid", 1, 20),
    (3, 2, "same", None, 18),  (3, 2, "same", 0, 17),     (3, 2, "same", 1, 18),
    (4, 1, "same", 0, 8),      (4, 2, "same", None, 18),  (4, 2, "same", 1, 17),
    (4, 3, "valid", 1, 29),    (4, 3, "same", 1, 25),
]
# fmt: on


@pytest.mark.parametrize(("window", "stride", "padding", "extra", "wanted"), TRANSPOSED)
def test_sizes_of_transposed_convolutions(window, stride, padding, extra, wanted):
    x, w = leaf.zeros((2, 9, 3)), leaf.zeros((window, 5, 3))
    found = nn.conv_transpose1d(x, w, stride, padding, extra)
    assert found.shape == (2, wanted, 5)


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("window", [1, 2, 3, 4])
def test_transposed_convolution_is_the_adjoint(window, stride, padding, dilation):
    """<conv(a), b> = <a, conv_transpose(b)> for the sizes that belong together."""
    b, w = numbers((2, 5, 3), "float64"), numbers((window, 2, 3), "float64")
    back = value(nn.conv_transpose1d(b, w, stride, padding, dilation_rate=dilation))
    a = numbers(back.shape, "float64", "a")
    there = value(nn.conv1d(a, w, stride, padding, dilation_rate=dilation))
    assert there.shape == b.shape
    np.testing.assert_allclose((there * b).sum(), (a * back).sum())


def test_transposed_convolution_of_two_and_three_axes():
    x, w = numbers((1, 2, 2, 1), "float64"), numbers((2, 2, 1, 1), "float64")
    found = value(nn.conv_transpose2d(x, w, 2))
    np.testing.assert_allclose(found[0, ..., 0], np.kron(x[0, ..., 0], w[..., 0, 0]))
    x, w = numbers((1, 2, 1, 2, 1), "float64"), numbers((2, 2, 2, 1, 1), "float64")
    found = value(nn.conv_transpose3d(x, w, 2))
    np.testing.assert_allclose(found[0, ..., 0], np.kron(x[0, ..., 0], w[..., 0, 0]))


# ---------------------------------------------------------------------------- errors

X, W = leaf.zeros((1, 8, 8, 3)), leaf.zeros((3, 3, 3, 4))
V, U = leaf.zeros((3, 3, 4, 3)), leaf.zeros((3, 3, 1, 2))
# fmt: off
WRONG = [
    (ShapeError,    "channels of the input",         lambda: nn.conv2d(X, V)),
    (ShapeError,    "a convolution takes a tensor",  lambda: nn.conv2d(X[0], W)),
    (ShapeError,    "a convolution takes a tensor",  lambda: nn.conv1d(X, W)),
    (ShapeError,    "another number of axes",        lambda: nn.conv2d(X, W[0])),
    (ShapeError,    "longer than the padded input",  lambda: nn.conv2d(X[:, :2], W)),
    (ShapeError,    "groups divide",                 lambda: nn.conv2d(X, U, groups=3)),
    (ShapeError,    "a depthwise kernel",            lambda: nn.depthwise_conv2d(X, W[0, 0])),
    (ArgumentError, "strides is one number",         lambda: nn.conv2d(X, W, 0)),
    (ArgumentError, "strides is one number",         lambda: nn.conv2d(X, W, (1, 2, 3))),
    (ArgumentError, "dilation_rate is one number",   lambda: nn.conv2d(X, W, dilation_rate=1.5)),
    (ArgumentError, "not a padding",                 lambda: nn.conv2d(X, W, padding="full")),
    (ArgumentError, "not a padding",                 lambda: nn.conv2d(X, W, padding="causal")),
    (ArgumentError, "not a padding",                 lambda: nn.conv2d(X, W, padding=[(1, 1)])),
    (ArgumentError, "no such data_format",           lambda: nn.conv2d(X, W, data_format="NCHW")),
    (ArgumentError, "groups is a positive int",      lambda: nn.conv2d(X, W, groups=0)),
    (ArgumentError, "less than the stride",          lambda: nn.conv_transpose(X, V, 2, "same", 2)),
    (ArgumentError, "padding of a transposed",       lambda: nn.conv_transpose2d(X, V, 2, 1)),
]
# fmt: on


@pytest.mark.parametrize(("error", "text", "function"), WRONG)
def test_errors(error, text, function):
    with pytest.raises(error, match=text):
        function()
