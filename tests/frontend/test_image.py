"""Functions of images: worked values, identities, both layouts, single images, derivatives."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from scipy import ndimage

import graphc as gx
from graphc import image
from graphc.errors import ArgumentError, DTypeError, ShapeError

DRAW = np.random.default_rng(3)
X = DRAW.random((3, 5, 7, 3)).astype(np.float32)
IDENTITY = [1.0, 0, 0, 0, 1, 0, 0, 0]


def ends(t):  # The values of an eager tensor.
    return t.numpy()


# Every function that keeps the shape of the images, with its main arguments.
KEEPING = {
    "affine": lambda x, **o: image.affine_transform(x, [0.9, 0.1, 1, -0.1, 1.1, 0, 0, 0], **o),
    "rotate": lambda x, **o: image.rotate(x, 30.0, **o),
    "translate": lambda x, **o: image.translate(x, 1.5, -0.5, **o),
    "perspective": lambda x, **o: image.perspective_transform(
        x, [[0, 0], [6, 0], [0, 4], [6, 4]], [[1, 0], [6, 1], [0, 4], [5, 4]], **o
    ),
    "left right": image.flip_left_right,
    "up down": image.flip_up_down,
    "turn": lambda x, **o: image.rot90(x, 2, **o),
    "brightness": lambda x, **o: image.adjust_brightness(x, 0.1, **o),
    "contrast": lambda x, **o: image.adjust_contrast(x, 1.5, **o),
    "saturation": lambda x, **o: image.adjust_saturation(x, 0.5, **o),
    "hue": lambda x, **o: image.adjust_hue(x, 0.2, **o),
    "blur": image.gaussian_blur,
    "resize": lambda x, **o: image.resize(x, (5, 7), **o),
}
EVERY = pytest.mark.parametrize("function", KEEPING.values(), ids=KEEPING)


@EVERY
def test_forms(function):
    whole = ends(function(X))
    assert whole.shape == X.shape
    np.testing.assert_allclose(ends(function(X[1])), whole[1], atol=1e-6)
    first = ends(function(np.moveaxis(X, -1, 1), data_format="channels_first"))
    np.testing.assert_allclose(np.moveaxis(first, 1, -1), whole, atol=1e-6)
    single = ends(function(np.moveaxis(X[1], -1, 0), data_format="channels_first"))
    np.testing.assert_allclose(np.moveaxis(single, 0, -1), whole[1], atol=1e-6)


@EVERY
def test_backends_and_symbolic_batches(function):
    x = gx.placeholder((None, 5, 7, 3), name="x")
    y = function(x)
    assert y.shape == (x.shape[0], 5, 7, 3)
    for target in ("reference", "llvm_cpu"):
        f = gx.function(x, y, target=target)
        for batch in (3, 1, 2):
            np.testing.assert_allclose(f(X[:batch]), ends(function(X))[:batch], atol=2e-6)


@EVERY
def test_derivatives(function):
    x = gx.placeholder((2, 5, 7, 3), "float64", name="x")
    cotangent = DRAW.normal(size=(2, 5, 7, 3))
    loss = gx.sum(function(x) * cotangent)
    f = gx.function(x, [loss, gx.grad(loss, x)], target="reference")
    value, direction = X[:2].astype(np.float64), DRAW.normal(size=(2, 5, 7, 3))
    up, down = (f(value + s * 1e-6 * direction)[0] for s in (1, -1))
    np.testing.assert_allclose(np.sum(f(value)[1] * direction), (up - down) / 2e-6, rtol=1e-5)


def test_derivative_by_the_map():
    x, t = gx.placeholder((1, 9, 9, 1), name="x"), gx.placeholder((8,), name="t")
    smooth = np.fromfunction(lambda i, j: np.sin(i / 3) + np.cos(j / 4), (9, 9))
    loss = gx.sum(image.affine_transform(x, t, fill_mode="nearest")[:, 2:-2, 2:-2])
    f = gx.function([x, t], [loss, gx.grad(loss, t)], target="reference")
    value = smooth[None, :, :, None].astype(np.float32)
    start = np.float32([0.95, 0.05, 0.31, -0.04, 1.02, 0.27, 0, 0])
    slopes = f(value, start)[1]
    for i in range(6):
        step = np.zeros(8, np.float32)
        step[i] = 1e-2 if i in (2, 5) else 2e-3
        up, down = (f(value, start + s * step)[0] for s in (1, -1))
        np.testing.assert_allclose(slopes[i], (up - down) / (2 * step[i]), rtol=0.05, atol=0.3)


# ---------------------------------------------------------------------------- sampling

ZOOMED = [0.407, 0, 9.13, 0, 3.301, -8.71, 0, 0]
SCIPY = {"constant": "grid-constant", "nearest": "nearest", "reflect": "reflect",
         "wrap": "grid-wrap"}  # fmt: skip


@pytest.mark.parametrize("mode", SCIPY)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_sampling_is_that_of_scipy(mode, interpolation):
    maps = np.float32([[1.103, 0.217, -6.31, -0.307, 0.911, 4.23, 0, 0], ZOOMED])
    found = ends(image.affine_transform(X[:2], maps, interpolation, mode, 0.5))
    for n, (a0, a1, a2, b0, b1, b2, *_) in enumerate(maps):
        for c in range(3):
            wanted = ndimage.affine_transform(
                X[n, :, :, c], [[b1, b0], [a1, a0]], [b2, a2], mode=SCIPY[mode], cval=0.5,
                order=int(interpolation == "bilinear"),
            )  # fmt: skip
            np.testing.assert_allclose(found[n, :, :, c], wanted, atol=1e-5)


def test_maps_of_tiny_images():
    one = np.full((1, 1, 1, 1), 3.0, np.float32)
    for mode in SCIPY:
        found = ends(image.affine_transform(one, [1.0, 0, 0.25, 0, 1, 0, 0, 0], fill_mode=mode))
        assert found.item() == (2.25 if mode == "constant" else 3.0)


def test_places_without_meaning_are_outside():
    x = np.ones((1, 3, 3, 1), np.float32)
    found = ends(image.affine_transform(x, [1.0, 0, 5, 0, 1, 5, -1, 0]))
    assert np.isfinite(found).all()


def test_masks_keep_their_dtype():
    mask = DRAW.integers(0, 5, (2, 4, 4, 1)).astype(np.uint8)
    found = image.affine_transform(mask, IDENTITY, "nearest", fill_value=9)
    assert found.dtype.name == "uint8"
    assert np.array_equal(found.numpy(), mask)
    moved = ends(image.translate(mask, 1, 0, "nearest", fill_value=9))
    assert np.all(moved[:, :, 0] == 9)
    assert np.array_equal(moved[:, :, 1:], mask[:, :, :-1])


def test_turns():
    square = X[:, :, :5]
    for k in range(-1, 5):
        wanted = np.rot90(square, k, (1, 2))
        np.testing.assert_array_equal(ends(image.rot90(square, k)), wanted)
        np.testing.assert_allclose(ends(image.rotate(square, 90.0 * k)), wanted, atol=1e-5)
    each = ends(image.rotate(X, [0.0, 180.0, 360.0]))
    np.testing.assert_allclose(each[1], X[1, ::-1, ::-1], atol=1e-5)
    np.testing.assert_allclose(each[2], X[2], atol=1e-5)


def test_perspective_moves_points():
    corners = np.float32([[0, 0], [6, 0], [0, 4], [6, 4]])
    np.testing.assert_allclose(ends(image.perspective_transform(X, corners, corners)), X, atol=1e-5)
    moved = np.float32([[1, 0], [6, 1], [0, 4], [5, 3]])
    found = ends(image.perspective_transform(X, corners, moved))
    for (x, y), (u, v) in zip(corners.astype(int), moved.astype(int)):
        np.testing.assert_allclose(found[:, v, u], X[:, y, x], atol=1e-4)


# ---------------------------------------------------------------------------- colours


def test_colours_are_those_of_the_standard_library():
    grey = np.float32([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [1, 1, 1], [1, 0, 0], [1, 0, 1]])
    pixels = np.concatenate([X.reshape(-1, 3), grey])
    wanted = np.array([colorsys.rgb_to_hsv(*p) for p in pixels.astype(float)])
    found = ends(image.rgb_to_hsv(pixels[None]))[0]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    np.testing.assert_allclose(ends(image.hsv_to_rgb(found[None]))[0], pixels, atol=1e-5)


def test_grey():
    found = ends(image.rgb_to_grayscale(X))
    np.testing.assert_allclose(found[..., 0], X @ np.float32([0.2989, 0.587, 0.114]), rtol=1e-5)
    whole = image.rgb_to_grayscale(np.full((2, 2, 3), 200, np.uint8))
    assert (whole.dtype.name, whole.numpy().max()) == ("uint8", 200)


@pytest.mark.parametrize(
    ("function", "amount"),
    [(image.adjust_brightness, 0.3), (image.adjust_contrast, 1.7),
     (image.adjust_saturation, 0.4), (image.adjust_hue, 0.3)],
)  # fmt: skip
def test_adjusting(function, amount):
    each = ends(function(X, [0.1, 0.5, amount]))
    np.testing.assert_allclose(each[2], ends(function(X[2], amount)), rtol=1e-5)
    whole = (X * 255).round().astype(np.uint8)
    found = function(whole, amount)
    assert found.dtype.name == "uint8"
    wanted = np.clip(ends(function(whole / np.float32(255), amount)) * 255, 0, 255)
    assert np.abs(found.numpy() - wanted).max() <= 0.51


def test_neutral_adjustments():
    for function, amount in (
        (image.adjust_brightness, 0.0), (image.adjust_contrast, 1.0),
        (image.adjust_saturation, 1.0), (image.adjust_hue, 0.0), (image.adjust_hue, 1.0),
    ):  # fmt: skip
        np.testing.assert_allclose(ends(function(X, amount)), X, atol=1e-5)
    grey = ends(image.adjust_saturation(X, 0.0))
    np.testing.assert_allclose(grey, np.broadcast_to(X.max(-1, keepdims=True), X.shape))


# ---------------------------------------------------------------------------- filters, measures


def test_blur():
    weights = np.exp(-0.5 * (np.arange(-2, 3) / 0.8) ** 2)
    row = np.exp(-0.5 * (np.arange(-1, 2) / 1.5) ** 2)
    wanted = ndimage.correlate1d(X.astype(float), row / row.sum(), 2, mode="constant")
    wanted = ndimage.correlate1d(wanted, weights / weights.sum(), 1, mode="constant")
    found = ends(image.gaussian_blur(X, (3, 5), (1.5, 0.8)))
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    each = ends(image.gaussian_blur(X, 3, [[1.0, 1.0], [1.5, 0.8], [0.01, 0.01]]))
    np.testing.assert_allclose(each[1], ends(image.gaussian_blur(X, 3, (1.5, 0.8)))[1], atol=1e-6)
    np.testing.assert_allclose(each[2], X[2], atol=1e-6)


def test_edges():
    found = ends(image.sobel_edges(X))
    for axis in (0, 1):
        change = ndimage.correlate1d(X, [-1, 0, 1], axis + 1, mode="mirror")
        wanted = ndimage.correlate1d(change, [1, 2, 1], 2 - axis, mode="mirror")
        np.testing.assert_allclose(found[..., axis], wanted, atol=1e-5)


def test_measures():
    a, b = DRAW.random((2, 3, 12, 14, 2)).astype(np.float32)
    error = np.mean((a - b) ** 2, (1, 2, 3))
    np.testing.assert_allclose(ends(image.psnr(a, b, 2.0)), 10 * np.log10(4 / error), rtol=1e-5)
    assert image.psnr(a[0], b[0], 1.0).shape == ()
    assert np.isposinf(ends(image.psnr(a, a, 1.0))).all()
    rough = np.abs(np.diff(a, axis=1)).sum((1, 2, 3)) + np.abs(np.diff(a, axis=2)).sum((1, 2, 3))
    np.testing.assert_allclose(ends(image.total_variation(a)), rough, rtol=1e-5)
    np.testing.assert_allclose(ends(image.ssim(a, a)), 1, rtol=1e-5)
    assert np.all(np.abs(ends(image.ssim(a, b))) < 0.5)
    swapped = image.ssim(np.moveaxis(a, -1, 1), np.moveaxis(b, -1, 1), data_format="channels_first")
    np.testing.assert_allclose(ends(swapped), ends(image.ssim(a, b)), rtol=1e-5)
    plain = np.full((1, 11, 11, 1), 0.25, np.float32)
    light = (2 * 0.25 * 0.5 + 1e-4) / (0.25**2 + 0.5**2 + 1e-4)
    np.testing.assert_allclose(ends(image.ssim(plain, 2 * plain)), [light], rtol=1e-4)


# ---------------------------------------------------------------------------- frames


def test_crops_and_borders():
    found = ends(image.crop_images(X, 1, None, None, 2, target_height=3, target_width=4))
    np.testing.assert_array_equal(found, X[:, 1:4, 1:5])
    wide = ends(image.pad_images(X, 1, 2, target_height=8, right_padding=0, fill_value=9))
    np.testing.assert_array_equal(wide[:, 1:6, 2:], X)
    assert wide.shape == (3, 8, 9, 3)
    assert wide.sum() - X.sum() == pytest.approx(9 * (3 * 8 * 9 * 3 - X.size))


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "strides", "dilation"), [(2, None, 1), ((3, 2), 1, 1), (2, 1, 2)])
def test_patches(size, strides, dilation, padding):
    found = ends(image.extract_patches(X, size, strides, dilation, padding))
    p, q = (size, size) if isinstance(size, int) else size
    step = (p, q) if strides is None else (strides, strides)
    reach = ((p - 1) * dilation + 1, (q - 1) * dilation + 1)
    wide = X
    if padding == "same":
        total = [max((-(-n // s) - 1) * s + r - n, 0) for n, s, r in zip((5, 7), step, reach)]
        wide = np.pad(X, [(0, 0), *[(t // 2, t - t // 2) for t in total], (0, 0)])
    for i in range(found.shape[1]):
        for j in range(found.shape[2]):
            y, x = i * step[0], j * step[1]
            window = wide[:, y : y + reach[0] : dilation, x : x + reach[1] : dilation]
            np.testing.assert_array_equal(found[:, i, j], window.reshape(3, -1))
    assert found.shape[1] == (wide.shape[1] - reach[0]) // step[0] + 1


def test_sizes():
    whole = np.arange(48, dtype=np.uint8).reshape(1, 4, 4, 3)
    found = image.resize(whole, (2, 2))
    assert found.dtype.name == "uint8"
    wide = X[:, :, :5]
    np.testing.assert_allclose(
        ends(image.resize(X, (10, 10), crop_to_aspect_ratio=True)),
        ends(image.resize(X[:, :, 1:6], (10, 10))),
    )
    padded = ends(image.resize(wide, (5, 9), "nearest", pad_to_aspect_ratio=True, fill_value=7.0))
    np.testing.assert_array_equal(padded[:, :, 2:-2], wide)
    assert np.all(padded[:, :, :2] == 7)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: image.flip_up_down(np.ones((2, 2))), ShapeError, "may be a batch"),
        (lambda: image.rgb_to_hsv(np.ones((2, 2, 3), np.uint8)), DTypeError, "floats in 0"),
        (lambda: image.rgb_to_grayscale(np.ones((2, 2, 4))), ShapeError, "three channels"),
        (lambda: image.affine_transform(X, [1.0]), ShapeError, "eight numbers"),
        (lambda: image.affine_transform(X, IDENTITY, "cubic"), ArgumentError, "no such interpol"),
        (lambda: image.rotate(X, 1.0, fill_mode="mirror"), ArgumentError, "no such fill_mode"),
        (lambda: image.perspective_transform(X, [[0, 0]], [[0, 0]]), ShapeError, "four points"),
        (lambda: image.ssim(X, X), ShapeError, "window of ssim"),
        (lambda: image.psnr(X, X[:, 1:], 1.0), ShapeError, "different shapes"),
        (lambda: image.crop_images(X, 1, 1), ArgumentError, "two of before"),
        (lambda: image.crop_images(X, 4, 0, 4, 0), ArgumentError, "not negative"),
        (lambda: image.resize(X, 3, "spline"), ArgumentError, "no such interpolation"),
        (lambda: image.resize(X, 3, fill_mode="wrap"), ArgumentError, "padding is constant"),
        (
            lambda: image.resize(X, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True),
            ArgumentError,
            "not both",
        ),
        (lambda: image.gaussian_blur(X, (0, 3)), ArgumentError, "positive number or two"),
        (
            lambda: image.extract_patches(gx.placeholder((None, None, 4, 3)), 2),
            ShapeError,
            "no known size",
        ),
    ],
)
def test_wrong_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()
