"""Layers for images: shapes, seeds, backends, inference, masks, labels, identities, models."""

from __future__ import annotations

import json

import numpy as np
import pytest

import graphc as gx
from graphc import layers
from graphc.errors import ArgumentError, DTypeError, ShapeError
from graphc.frontend.layers.augmentation.base import Draws
from graphc.frontend.layers.augmentation.beta import beta
from graphc.knobs import settings
from graphc.ops import random

DRAW = np.random.default_rng(5)
X = (DRAW.random((4, 6, 8, 3)) * 255).astype(np.float32)

# fmt: off
# Every random layer: as it is written, without its seed.
RANDOM = (
    "RandomFlip(",
    "RandomFlip('horizontal', ",
    "RandomRotation(0.2, ",
    "RandomRotation((-0.1, 0.3), 'constant', 'nearest', fill_value=9, ",
    "RandomTranslation(0.3, (-0.2, 0.4), ",
    "RandomZoom(0.3, ",
    "RandomZoom((-0.5, 0.0), 0.2, fill_mode='wrap', ",
    "RandomShear(0.3, 0.2, fill_mode='nearest', ",
    "RandomPerspective((1.0, 1.0), 0.5, ",
    "RandomCrop(3, 5, ",
    "RandomResizedCrop(4, 4, ",
    "RandomBrightness(0.4, ",
    "RandomContrast(0.4, ",
    "RandomSaturation((0.2, 0.9), ",
    "RandomHue(0.8, ",
    "RandomColorJitter((0, 255), 0.3, 0.3, (0.3, 0.7), 0.2, ",
    "RandomGrayscale(0.5, ",
    "RandomColorDegeneration(0.6, ",
    "RandomInvert(",
    "RandomChannelShift(0.2, ",
    "RandomErasing((1.0, 1.0), fill_value=0.0, ",
    "RandomErasing((1.0, 1.0), ",
    "RandomSharpness(1.0, ",
    "RandomGaussianBlur((1.0, 1.0), 3, (0.5, 2.0), ",
    "RandomPosterization((1, 8), ",
    "Solarization(0.3, 0.8, ",
    "MixUp(1.0, ",
    "CutMix((1.0, 1.0), ",
)
# Layers that draw nothing, and whether they act in inference.
FIXED = {
    "Resizing(4, 5)": True,
    "Resizing(9, 9, 'bicubic', antialias=True)": True,
    "Resizing(4, 4, 'nearest', crop_to_aspect_ratio=True)": True,
    "Resizing(4, 4, pad_to_aspect_ratio=True)": True,
    "CenterCrop(4, 4)": True,
    "CenterCrop(7, 9)": True,
    "GaussianBlur(3, 1.5)": True,
    "AutoContrast()": False,
    "Equalization()": False,
    "Rescaling(1 / 255)": True,
}
NEAREST = "'constant', 'nearest'"
SIZES = {"RandomCrop": (3, 5), "RandomResizedCrop": (4, 4)}
# fmt: on
EVERY = pytest.mark.parametrize("text", RANDOM)


def made(text: str, seed: int = 7, **options: object) -> layers.Layer:
    layer = eval(f"{text}seed={seed})", vars(layers))
    return type(layer).from_config({**layer.get_config(), **options})


def size(text: str) -> tuple[int, int]:
    return SIZES.get(text.partition("(")[0], (6, 8))


@EVERY
def test_seeds_and_backends(text):
    layer = made(text)
    eager = [layer(X, training=True).numpy() for _ in range(2)]
    assert eager[0].shape == (4, *size(text), 3)
    assert not np.array_equal(*eager)
    assert not np.array_equal(eager[0], made(text, seed=8)(X, training=True).numpy())
    for target in ("reference", "llvm_cpu"):
        fresh, x = made(text), gx.placeholder((None, 6, 8, 3), name="x")
        with gx.collecting_effects() as effects:
            y = fresh(x, training=True)
        assert y.shape == (x.shape[0], *size(text), 3)
        f = gx.function(x, y, updates=effects.updates, target=target)
        for wanted in eager:
            np.testing.assert_allclose(f(X), wanted, rtol=1e-4, atol=2e-3)


@EVERY
def test_inference(text):
    layer = made(text)
    counter = layer.seed_generator.state.numpy().copy()
    found = layer(X, training=False).numpy()
    if size(text) == (6, 8):
        np.testing.assert_array_equal(found, X)
    else:
        assert found.shape == (4, *size(text), 3)
    assert np.array_equal(layer.seed_generator.state.numpy(), counter)
    assert layer(X.astype(np.uint8), training=False).dtype.name == "float32"


@EVERY
def test_layouts_and_single_images(text):
    whole = made(text)(X, training=True).numpy()
    if "Erasing" not in text or "fill_value" in text:
        first = made(text, data_format="channels_first")
        found = first(np.moveaxis(X, -1, 1), training=True).numpy()
        np.testing.assert_allclose(np.moveaxis(found, 1, -1), whole, rtol=1e-4, atol=1e-3)
    if not text.startswith(("MixUp", "CutMix")):
        single = made(text)(X[0], training=True)
        assert single.shape == (*size(text), 3)
    if text.startswith(("RandomFlip", "RandomRotation", "RandomBrightness", "RandomCrop")):
        np.testing.assert_allclose(single.numpy(), whole[0], rtol=1e-5)


@EVERY
def test_whole_numbers_and_configurations(text):
    bytes_ = X.astype(np.uint8)
    found = made(text)(bytes_, training=True)
    assert found.dtype.name == "float32"
    wanted = made(text)(bytes_.astype(np.float32), training=True).numpy()
    np.testing.assert_array_equal(found.numpy(), wanted)
    layer = made(text, name="some_name")
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
    np.testing.assert_array_equal(again(bytes_, training=True).numpy(), found.numpy())


@EVERY
def test_masks_and_labels(text):
    """A mask that is a channel of the image moves with it."""
    grey = np.repeat(DRAW.integers(0, 2, (4, 6, 8, 1)) * 255.0, 3, -1).astype(np.float32)
    masks, labels = grey[..., :1].astype(np.uint8), np.eye(4, dtype=np.float32)
    data = {"images": grey, "segmentation_masks": masks, "labels": labels}
    found = made(text)(data, training=True)
    assert found["segmentation_masks"].shape == (4, *size(text), 1)
    images, moved = found["images"].numpy(), found["segmentation_masks"].numpy()
    if text.startswith(("RandomFlip", "RandomCrop", "CutMix")) or NEAREST in text:
        inside = images[..., :1] != 9
        np.testing.assert_array_equal(images[..., :1][inside], moved[inside])
    if text.startswith(("RandomRotation(0", "RandomShear", "RandomZoom", "RandomTr", "RandomPer")):
        assert np.abs(images[..., :1] - moved).max() <= 255 * 0.75
    if not text.startswith(("MixUp", "CutMix")):
        np.testing.assert_array_equal(found["labels"].numpy(), labels)
    again, same = made(text)((grey, masks), training=True)
    np.testing.assert_array_equal(again.numpy(), images)
    np.testing.assert_array_equal(same.numpy(), moved)
    pair = made(text)([grey, masks[..., 0]], training=True)
    assert pair[1].shape == moved.shape[:3]
    _, kept = made(text)((grey, labels), training=True)
    np.testing.assert_array_equal(kept.numpy(), found["labels"].numpy())


@EVERY
def test_in_a_model(text):
    first = [] if text.startswith(("MixUp", "CutMix")) else [made(text)]
    model = gx.Sequential([*first, layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(1)])
    model.compile(gx.optimizers.SGD(1e-4), "mse")
    with settings(backend="llvm_cpu"):
        history = model.fit(X.astype(np.uint8), np.ones((4, 1)), 3, epochs=2, verbose=0)
        assert np.isfinite(history.history["loss"]).all()
        answers = [model.predict(X.astype(np.uint8), verbose=0) for _ in range(2)]
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("text", FIXED)
def test_layers_without_draws(text):
    layer = eval(text, vars(layers))
    trained, tested = layer(X).numpy(), layer(X, training=False).numpy()
    np.testing.assert_array_equal((trained if FIXED[text] else X), tested)
    x = gx.placeholder((None, 6, 8, 3), name="x")
    y = layer(x, training=True)
    for target in ("reference", "llvm_cpu"):
        f = gx.function(x, y, target=target)
        for batch in (4, 1):
            np.testing.assert_allclose(f(X[:batch]), trained[:batch], rtol=1e-5, atol=1e-3)
    assert layer.compute_output_shape((None, 6, 8, 3)) == (None, *trained.shape[1:])


def test_arrays_outside_of_models_are_for_training():
    for made_of in (made, lambda text: layers.Pipeline([made(text)])):
        found = made_of("RandomRotation(0.2, ")(X).numpy()
        wanted = made_of("RandomRotation(0.2, ")(X, training=True).numpy()
        np.testing.assert_array_equal(found, wanted)
        assert not np.array_equal(found, X)
        model = gx.Sequential([made_of("RandomRotation(0.2, ")])
        np.testing.assert_array_equal(model(X), X)
        output = made_of("RandomRotation(0.2, ")(gx.Input((6, 8, 3)))
        assert output.shape[1:] == (6, 8, 3)


def test_whole_numbers_are_resized_to_whole_numbers():
    masks = DRAW.integers(0, 3, (2, 6, 8, 1)).astype(np.uint8)
    layer = layers.Resizing(3, 4)
    images, moved = layer((X[:2].astype(np.uint8), masks))
    assert (images.dtype.name, moved.dtype.name) == ("uint8", "uint8")
    assert set(np.unique(moved.numpy())) <= {0, 1, 2}


# ---------------------------------------------------------------------------- identities

NEUTRAL = (
    "RandomRotation(0.0, ", "RandomTranslation(0.0, 0.0, ", "RandomZoom(0.0, ", "RandomShear(",
    "RandomPerspective(0.0, ", "RandomBrightness(0.0, ", "RandomContrast(0.0, ",
    "RandomSaturation((0.5, 0.5), ", "RandomHue(0.0, ", "RandomGrayscale(0.0, ",
    "RandomColorDegeneration(0.0, ", "RandomInvert(0.0, ", "RandomChannelShift(0.0, ",
    "RandomErasing(0.0, ", "RandomSharpness((0.5, 0.5), ", "RandomGaussianBlur(0.0, ",
    "RandomCrop(6, 8, ", "RandomResizedCrop(6, 8, (1, 1), (8 / 6, 8 / 6), ",
)  # fmt: skip


@pytest.mark.parametrize("text", NEUTRAL)
def test_no_change(text):
    np.testing.assert_allclose(made(text)(X, training=True).numpy(), X, rtol=1e-4, atol=2e-2)


def test_a_flip_twice_is_none():
    layer = made("RandomFlip(")
    drawn = layer.get_random_transformation(X, training=True, seed=3)
    once = layer.transform_images(X, drawn)
    np.testing.assert_array_equal(layer.transform_images(once, drawn), X)
    flipped = [np.array_equal(a, b) for a, b in zip(once, X)]
    assert not all(flipped)
    assert made("RandomFlip('vertical', ")(X, training=True).numpy()[..., 0].sum((1, 2)) == (
        pytest.approx(X[..., 0].sum((1, 2)))
    )


@pytest.mark.parametrize("mode", ["horizontal", "vertical"])
def test_flips_go_one_way(mode):
    many = np.repeat(X[:1], 64, 0)
    found = made(f"RandomFlip({mode!r}, ")(many, training=True).numpy()
    mirrored = X[0, :, ::-1] if mode == "horizontal" else X[0, ::-1]
    counts = [sum(np.array_equal(f, wanted) for f in found) for wanted in (X[0], mirrored)]
    assert sum(counts) == 64
    assert min(counts) > 12


def test_crops_are_parts():
    layer = made("RandomCrop(3, 5, ")
    for found, image in zip(layer(X, training=True).numpy(), X):
        parts = [image[i : i + 3, j : j + 5] for i in range(4) for j in range(4)]
        assert any(np.array_equal(found, p) for p in parts)
    small = made("RandomCrop(7, 9, ")(X, training=True)
    wanted = layers.Resizing(7, 9, crop_to_aspect_ratio=True)(X)
    np.testing.assert_array_equal(small, wanted)


def test_erased_parts():
    found = made("RandomErasing((1.0, 1.0), (0.2, 0.2), (1, 2, 3), ")(X, training=True).numpy()
    erased = np.all(found == [1, 2, 3], -1)
    for mask in erased:
        rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
        assert mask.sum() == len(rows) * len(columns) > 0
        assert (len(rows), len(columns)) in {(a, b) for a in (2, 3) for b in (3, 4)}
    np.testing.assert_array_equal(found[~erased], X[~erased])


def test_mixing_by_weights():
    images = np.arange(4.0, dtype=np.float32)[:, None, None, None] * np.ones((4, 6, 8, 3))
    data = {"images": images, "labels": np.eye(4, dtype=np.int32)}
    for text in ("MixUp(1.0, ", "CutMix((1.0, 1.0), "):
        found = made(text, seed=3)(data, training=True)
        labels = found["labels"].numpy()
        np.testing.assert_allclose(labels.sum(1), 1, rtol=1e-6)
        means = found["images"].numpy().mean((1, 2, 3))
        np.testing.assert_allclose(labels @ np.arange(4), means, rtol=1e-4, atol=1e-5)
        with pytest.raises(DTypeError, match="to_categorical"):
            made(text)((images.astype(np.float32), np.arange(4)), training=True)


@pytest.mark.parametrize("alpha", [0.01, 0.2, 1.0, 4.0])
def test_beta(alpha):
    with gx.eager("reference"):
        found = beta(Draws(random.key(3), 20_000), alpha).numpy()
    assert np.all((found >= 0) & (found <= 1))
    np.testing.assert_allclose(found.mean(), 0.5, atol=0.02)
    np.testing.assert_allclose(found.var(), 1 / (4 * (2 * alpha + 1)), rtol=0.03)


def test_tones():
    ramp = np.arange(256, dtype=np.float32).reshape(1, 16, 16, 1)

    def after(text):
        return made(text)(ramp, training=True).numpy().ravel()

    plain = ramp.ravel()
    np.testing.assert_allclose(after("RandomPosterization(3, "), plain // 32 * 32, atol=1e-3)
    np.testing.assert_allclose(after("Solarization("), 255 - plain, atol=1e-3)
    whole = layers.Solarization(0.0, (0.5, 0.5))(ramp, training=True).numpy().ravel()
    np.testing.assert_allclose(whole, np.where(plain < 127.5, plain, 255 - plain), atol=1e-3)
    dark = ramp / 4 + 10
    stretched = layers.AutoContrast()(dark, training=True).numpy()
    np.testing.assert_allclose(stretched, ramp, atol=1e-2)
    level = layers.Equalization()(dark.round(), training=True).numpy()
    assert (level.min(), level.max()) == (0, 255)
    same = np.full((1, 4, 4, 1), 7.0, np.float32)
    for layer in (layers.AutoContrast(), layers.Equalization()):
        np.testing.assert_allclose(layer(same, training=True).numpy(), same, rtol=1e-5)


def test_value_ranges():
    unit = X / 255
    for text in RANDOM:
        if "value_range" in made(text).get_config():
            large, small = made(text), made(text, value_range=(0, 1))
            found = small(unit, training=True).numpy() * 255
            wanted = large(X, training=True).numpy()
            # Posterization works on whole numbers, so a value at a border may fall to either side.
            close = np.isclose(found, wanted, rtol=1e-3, atol=0.05)
            assert close.mean() > (0.97 if "Poster" in text else 0.999), text


def test_pipelines():
    texts = ("RandomFlip(", "RandomRotation(0.1, ", "RandomCrop(4, 4, ", "RandomBrightness(0.2, ")
    pipeline = layers.Pipeline([made(t) for t in texts])
    again = layers.Pipeline.from_config(json.loads(json.dumps(pipeline.get_config())))
    masks = (X[..., 0] > 128).astype(np.uint8)
    images, moved = pipeline((X, masks), training=True)
    assert (images.shape, moved.shape) == ((4, 4, 4, 3), (4, 4, 4))
    np.testing.assert_array_equal(again((X, masks), training=True)[0], images)
    model = gx.Sequential([pipeline, layers.Flatten(), layers.Dense(1)])
    assert model(X).shape == (4, 1)


def test_derivatives_through_moved_pixels():
    layer = made("RandomRotation((0.1, 0.1), ")
    x = gx.placeholder((2, 6, 8, 1), name="x")
    with gx.collecting_effects():
        y = layer(x, training=True)
    weights = DRAW.normal(size=(2, 6, 8, 1)).astype(np.float32)
    f = gx.function(x, [y, gx.grad(gx.sum(y * weights), x)], target="llvm_cpu")
    value = X[:2, :, :, :1] / 255
    y0, slope = f(value)
    direction = DRAW.normal(size=value.shape).astype(np.float32)
    # The layer is linear in the pixels.
    change = f(value + direction)[0] - y0
    np.testing.assert_allclose(np.sum(slope * direction), np.sum(change * weights), rtol=1e-3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: layers.RandomFlip("diagonal"), ArgumentError, "no such mode"),
        (lambda: layers.RandomRotation(2.0), ArgumentError, "a number or two numbers"),
        (lambda: layers.RandomRotation((0, 1, 2)), ArgumentError, "a number or two numbers"),
        (lambda: layers.RandomRotation(0.1, "mirror"), ArgumentError, "no such fill_mode"),
        (lambda: layers.RandomZoom(0.1, None, "wrap", "cubic"), ArgumentError, "no such interp"),
        (lambda: layers.RandomShear(1.1), ArgumentError, r"within -1\.0 \.\. 1\.0"),
        (lambda: layers.RandomContrast("x"), ArgumentError, "a number or two numbers"),
        (lambda: layers.RandomBrightness(0.1, (1, 1)), ArgumentError, "value_range"),
        (lambda: layers.RandomPosterization(9), ArgumentError, "a number or two numbers"),
        (lambda: layers.RandomGaussianBlur(1.0, 4), ArgumentError, "odd number"),
        (lambda: layers.RandomCrop(0, 4), ArgumentError, "positive number"),
        (lambda: layers.MixUp(0), ArgumentError, "alpha is positive"),
        (lambda: layers.RandomFlip()({"images": X, "boxes": X}), ArgumentError, "other entries"),
        (lambda: layers.RandomFlip()((X, X, X)), ArgumentError, "one more array"),
        (lambda: layers.RandomFlip()(X[0, 0]), ShapeError, "may be a batch"),
        (lambda: layers.Resizing(2, 2, "spline")(X), ArgumentError, "no such interpolation"),
        (lambda: layers.CenterCrop(2, 2)(gx.placeholder((None, None, 4, 3))), ShapeError, "known"),
    ],
)
def test_wrong_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()
