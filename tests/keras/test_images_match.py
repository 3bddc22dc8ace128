"""Images beside real Keras: the same functions, and layers where nothing is left to chance."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from oracle import says

from graphc import image, layers

pytestmark = pytest.mark.keras

DRAW = np.random.default_rng(2)
X = DRAW.random((3, 10, 13, 3)).astype(np.float32)
BYTES = (X * 255).astype(np.uint8)
MASKS = DRAW.random((3, 10, 13, 1)) < 0.3
ORDER = np.int32([2, 0, 1])
MAP = np.float32([[1.1, 0.21, -1.3, -0.33, 0.87, 2.1, 0.003, 0.002]])

# Valid with graphc's image functions and with keras.ops.image.
FUNCTIONS = (
    "rgb_to_grayscale(x)",
    "rgb_to_hsv(x)",
    "hsv_to_rgb(x)",
    *(f"resize(x, (7, 21), {m!r}, antialias={a})" for a in (False, True)
      for m in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")),
    "resize(x, (5, 4), 'area')",
    "resize(x, (6, 6), crop_to_aspect_ratio=True)",
    "resize(x, (6, 26), pad_to_aspect_ratio=True, fill_value=0.5)",
    *(f"affine_transform(x, m, {i!r}, {f!r}, 0.5)" for i in ("nearest", "bilinear")
      for f in ("constant", "nearest", "reflect")),
    "extract_patches(x, (3, 2))",
    "extract_patches(x, (3, 3), strides=2, padding='same')",
    "extract_patches(x, 2, strides=1, dilation_rate=2)",
    "crop_images(x, 1, 2, 3, 4)",
    "pad_images(x, 1, 2, 3, 4)",
    "gaussian_blur(x, (5, 5), (1.0, 0.7))",
    "sobel_edges(x)",
    "ssim(x, y, filter_size=7)",
    "perspective_transform(x, np.float32([[[0, 0], [12, 0], [0, 9], [12, 9]]] * 3),"
    " np.float32([[[1, 0.5], [11, 1], [0, 9], [12, 8]]] * 3))",
)  # fmt: skip


@pytest.mark.parametrize("text", FUNCTIONS)
def test_functions(text):
    other = np.ascontiguousarray(X[:, ::-1] * 0.5)
    names = {"x": X, "y": other, "m": np.repeat(MAP, 3, 0), "np": np}
    found = eval(text, {**vars(image), **names}).numpy()
    wanted = says(f"from keras.ops.image import *\n{text}", x=X, y=other, m=names["m"])
    # TensorFlow reads the bicubic kernel from a table of 1024 places.
    close = 1e-3 if "'bicubic', antialias=False" in text else 1e-5
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=close)


# Layers that come to the same whatever is drawn.
SURE = (
    "Resizing(6, 7)",
    "Resizing(15, 9, 'bicubic', antialias=True)",
    "Resizing(6, 6, crop_to_aspect_ratio=True)",
    "Resizing(6, 6, pad_to_aspect_ratio=True, fill_value=9.0)",
    "CenterCrop(5, 6)",
    "CenterCrop(12, 6)",
    "CenterCrop(12, 15)",
    "Rescaling(1 / 127.5, offset=-1)",
    "Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 9.0, 1.0])",
    "RandomRotation((0.1, 0.1))",
    "RandomRotation((-0.3, -0.3), 'nearest', 'nearest')",
    "RandomRotation((0.2, 0.2), 'constant', fill_value=3.0)",
    "RandomTranslation((0.17, 0.17), (-0.23, -0.23))",
    "RandomTranslation((0.17, 0.17), (-0.23, -0.23), 'constant', 'nearest')",
    "RandomZoom((0.3, 0.3))",
    "RandomZoom((-0.4, -0.4), (0.2, 0.2), fill_mode='nearest')",
    "RandomBrightness((0.2, 0.2))",
    "RandomSaturation((0.3, 0.3))",
    "RandomHue((0.0, 0.0))",
    "RandomGrayscale(1.0)",
    "RandomColorDegeneration((0.4, 0.4))",
    "RandomInvert((1.0, 1.0))",
    "RandomSharpness((0.2, 0.2))",
    "RandomSharpness((0.9, 0.9))",
    "RandomPosterization((3, 3))",
    "RandomGaussianBlur((1.0, 1.0), 5, (0.8, 0.8))",
    "AutoContrast()",
    "Equalization()",
    "RandomColorJitter(brightness_factor=(0.1, 0.1), saturation_factor=(0.4, 0.4))",
)
FLOATS_ONLY = (
    "Resizing(6, 6, pad_to_aspect_ratio=True, fill_value=9.0)",
    "RandomBrightness((0.2, 0.2))",
    "RandomSaturation((0.3, 0.3))",
    "RandomGrayscale(1.0)",
)


@pytest.mark.parametrize("kind", ["float32", "uint8"])
@pytest.mark.parametrize("text", SURE)
def test_layers(text, kind):
    # Keras takes the values of all images together.
    x = BYTES.astype(kind)[: 1 if text.startswith("Equal") else 3]
    if kind == "uint8" and text in FLOATS_ONLY:
        pytest.skip("Keras takes floats here, or computes in uint8")
    found = eval(text, vars(layers))(x, training=True).numpy()
    wanted = says(f"from keras.layers import *\n{text}(x, training=True)", x=x)
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    if kind == "uint8" and found.dtype == "uint8":
        assert np.abs(found.astype(int) - wanted).max() <= 1
    else:
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 * 255)


# What was drawn is given: the names are Keras's, the shapes are (images,) here.
GIVEN = (
    ("RandomContrast(0.5)", {"contrast_factor": [0.5, 1.0, 1.4]}, 4),
    ("RandomHue(0.5)", {"factor": [-0.3, 0.1, 0.45]}, 1),
    ("RandomBrightness(0.5)", {"rgb_delta": [-50.0, 10.0, 70.0]}, 4),
    ("Solarization(0.5, 0.5)",
     {"additions": [0.0, 10.0, 100.0], "thresholds": [0.0, 128.0, 50.0]}, 4),
    ("MixUp()", {"mix_weight": [0.1, 0.6, 1.0], "permutation_order": ORDER}, 1),
    ("CutMix()", {"mix_weight": [0.1, 0.6, 1.0], "permutation_order": ORDER,
                  "batch_masks": MASKS}, 1),
)  # fmt: skip


@pytest.mark.parametrize(("text", "drawn", "axes"), GIVEN)
def test_given_draws(text, drawn, axes):
    ours = {n: np.asarray(v) if n != "mix_weight" else np.float32(v) for n, v in drawn.items()}
    ours = {n: v.astype(np.float32) if v.dtype == float else v for n, v in ours.items()}
    theirs = {n: v.reshape(-1, *(1,) * (axes - 1)) if v.ndim == 1 and axes == 4 else v
              for n, v in ours.items()}  # fmt: skip
    x, labels = BYTES.astype(np.float32), np.eye(3, dtype=np.float32)
    layer = eval(text, vars(layers))
    wanted = says(
        "from keras.layers import *\n"
        f"layer = {text}\n"
        "drawn = {n: keras.ops.convert_to_tensor(v) for n, v in drawn.items()}\n"
        "images = layer.transform_images(keras.ops.convert_to_tensor(x), drawn, training=True)\n"
        "[images, layer.transform_labels(keras.ops.convert_to_tensor(y), drawn, training=True)]",
        x=x, y=labels, drawn=theirs,
    )  # fmt: skip
    np.testing.assert_allclose(
        layer.transform_images(x, ours), wanted[0], rtol=1e-5, atol=1e-5 * 255
    )
    np.testing.assert_allclose(layer.transform_labels(labels, ours), wanted[1], rtol=1e-5)


def test_arguments():
    """Ours have Keras's names, in Keras's order, with Keras's defaults."""
    theirs = says(
        "import inspect\n"
        "from keras import layers\n"
        "kinds = {n: getattr(layers, n) for n in names if hasattr(layers, n)}\n"
        "signatures = {n: inspect.signature(k.__init__) for n, k in kinds.items()}\n"
        "{n: [[p.name, repr(p.default) if p.default is not p.empty else '-'] "
        "for p in s.parameters.values()] for n, s in signatures.items()}",
        names=list(layers.augmentation.__all__),
    )
    assert len(theirs) > 25
    for name, wanted in theirs.items():
        signature = inspect.signature(vars(layers)[name].__init__)
        found = [[p.name, repr(p.default) if p.default is not p.empty else "-"]
                 for p in signature.parameters.values()]  # fmt: skip
        skipped = ("self", "kwargs", "options", "data_format", "name", "bounding_box_format")
        ours, wanted = ([p for p in ps if p[0] not in skipped] for ps in (found, wanted))
        same = [p for p in ours if p[0] in {n for n, _ in wanted}]
        assert [n for n, _ in same] == [n for n, _ in wanted], name
        for (_, a), (_, b) in zip(same, wanted):
            assert a == b or eval(a) == eval(b), name
