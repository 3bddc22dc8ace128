"""What networks see: gradients by images against finite differences and axioms, ascent, styles."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.compiler import function
from graphc.errors import ArgumentError, ModeError, ShapeError, UnknownNameError
from graphc.frontend.layers import (
    Activation,
    Add,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
)
from graphc.frontend.models import Model, Sequential
from graphc.frontend.visualize import (
    activation_maximization,
    dead_units,
    deep_dream,
    feature_model,
    grad_cam,
    gradients,
    gram_matrix,
    integrated_gradients,
    occlusion,
    receptive_field,
    saliency,
    smooth_grad,
    style_transfer,
)
from graphc.frontend.visualize.ascent import ascended, total_variation
from graphc.frontend.visualize.networks import answers
from graphc.ops import leaf, reduce

RANDOM = np.random.default_rng(5)
IMAGES = RANDOM.random((3, 10, 9, 2)).astype(np.float32)


def classifier(last: str | None = "softmax") -> Sequential:
    return Sequential([
        Conv2D(4, 3, activation="tanh", input_shape=(10, 9, 2), name="first"), MaxPooling2D(2),
        Conv2D(3, 2, activation="tanh", name="second"), Flatten(), Dense(5, activation=last),
    ], name="net")  # fmt: skip


def logits(model: Sequential, images: np.ndarray) -> np.ndarray:
    """What goes into the softmax, but for what all classes share."""
    return np.log(model.predict(images.astype(np.float32), verbose=0).astype(np.float64))


# ---------------------------------------------------------------------------- parts of models


def test_feature_model() -> None:
    model = classifier()
    part = feature_model(model, ["first", "second"])
    first, second = part.predict(IMAGES, verbose=0)
    assert (first.shape, second.shape) == ((3, 8, 7, 4), (3, 3, 2, 3))
    np.testing.assert_allclose(feature_model(model, 0).predict(IMAGES, verbose=0), first)
    layer = model.get_layer("first")
    assert feature_model(model, layer).get_layer("first") is layer
    whole = feature_model(model, 4).predict(IMAGES, verbose=0)
    np.testing.assert_allclose(whole, model.predict(IMAGES, verbose=0), rtol=1e-6)


def test_feature_model_follows_branches() -> None:
    x = Input((4,))
    a = Dense(3, name="a")(x)
    model = Model(x, Dense(2, name="end")(Add(name="sum")([a, Dense(3, name="b")(x)])))
    data = np.ones((2, 4), np.float32)
    kernels = [model.get_layer(n).get_weights()[0] for n in "ab"]
    found = feature_model(model, "sum").predict(data, verbose=0)
    np.testing.assert_allclose(found, data @ (kernels[0] + kernels[1]), rtol=1e-5)


def test_parts_that_there_are_not() -> None:
    with pytest.raises(UnknownNameError, match="no layer"):
        feature_model(classifier(), "third")
    with pytest.raises(ModeError, match="does not call"):
        feature_model(classifier(), Dense(3))
    with pytest.raises(ModeError, match="not known"):
        feature_model(Sequential([Dense(3)]), 0)


def test_answers_take_other_sizes() -> None:
    x = leaf.placeholder((1, 31, 17, 2))
    (second,) = answers(classifier(), x, ["second"])
    assert second.shape == (1, 13, 6, 3)


# ---------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("last", ["softmax", None])
@pytest.mark.parametrize("target", [2, [0, 4, 1], None])
def test_gradients_are_finite_differences(last, target) -> None:
    model = classifier(last)
    values = model.predict(IMAGES, verbose=0)
    classes = np.broadcast_to(values.argmax(axis=1) if target is None else target, (3,))
    found = gradients(model, IMAGES, target)
    assert found.shape == IMAGES.shape
    step, places = 1e-2, [(0, 0, 0), (5, 4, 1), (9, 8, 0), (3, 2, 1)]
    for place in places:
        change = np.zeros(IMAGES.shape[1:])
        change[place] = step

        def scores(images: np.ndarray) -> np.ndarray:
            y = logits(model, images) if last else model.predict(images.astype("f"), verbose=0)
            # The scores of a softmax are known up to a number that all classes share.
            y = y - y[:, [3]] if last else y
            return y[np.arange(3), classes]

        slope = (scores(IMAGES + change) - scores(IMAGES - change)) / (2 * step)
        expected = found - gradients(model, IMAGES, 3) if last else found
        np.testing.assert_allclose(expected[(slice(None), *place)], slope, rtol=2e-2, atol=2e-3)


def test_saliency_is_the_largest_change_of_a_channel() -> None:
    model = classifier()
    expected = np.abs(gradients(model, IMAGES, 1)).max(axis=-1)
    np.testing.assert_allclose(saliency(model, IMAGES, 1), expected, rtol=1e-6)


def test_the_score_of_a_single_output() -> None:
    model = Sequential([Flatten(input_shape=(2, 2, 1)), Dense(1, activation="sigmoid")])
    kernel = model.get_weights()[0].reshape(2, 2, 1)
    images = np.ones((3, 2, 2, 1), np.float32)
    np.testing.assert_allclose(gradients(model, images)[1], kernel, rtol=1e-6)
    assert occlusion(model, images, size=1).shape == (3, 2, 2)


def test_smooth_grad() -> None:
    model = classifier()
    plain = saliency(model, IMAGES, 2)
    np.testing.assert_allclose(smooth_grad(model, IMAGES, 2, noise=0, samples=3), plain, rtol=1e-4)
    noisy = smooth_grad(model, IMAGES, 2, samples=8, seed=1)
    np.testing.assert_array_equal(noisy, smooth_grad(model, IMAGES, 2, samples=8, seed=1))
    assert np.abs(noisy - smooth_grad(model, IMAGES, 2, samples=8, seed=2)).max() > 1e-4
    with pytest.raises(ArgumentError, match="positive"):
        smooth_grad(model, IMAGES, samples=0)


@pytest.mark.parametrize("baseline", [0.0, 0.5, np.full((10, 9, 2), 0.25, np.float32)])
def test_integrated_gradients_are_complete(baseline) -> None:
    """What the pixels add is the difference of the scores."""
    model = classifier(None)
    found = integrated_gradients(model, IMAGES, [0, 1, 2], baseline=baseline, steps=64)
    start = np.broadcast_to(np.float32(baseline), IMAGES.shape).copy()
    scores = [model.predict(x, verbose=0)[np.arange(3), [0, 1, 2]] for x in (IMAGES, start)]
    np.testing.assert_allclose(found.sum((1, 2, 3)), scores[0] - scores[1], atol=2e-4)


def test_integrated_gradients_of_a_linear_model_are_exact() -> None:
    model = Sequential([Flatten(input_shape=(2, 2, 1)), Dense(3)])
    kernel = model.get_weights()[0]
    images = RANDOM.random((2, 2, 2, 1)).astype(np.float32)
    found = integrated_gradients(model, images, 1, steps=1)
    np.testing.assert_allclose(found.reshape(2, 4), images.reshape(2, 4) * kernel[:, 1], rtol=1e-5)


# ---------------------------------------------------------------------------- regions


def test_grad_cam_of_mean_and_dense_is_the_class_map() -> None:
    """After a global mean and one dense layer the map is the one of Zhou et al. 2016."""
    model = Sequential([
        Conv2D(6, 3, padding="same", activation="relu", input_shape=(8, 8, 1), name="maps"),
        GlobalAveragePooling2D(), Dense(4),
    ])  # fmt: skip
    images = RANDOM.random((2, 8, 8, 1)).astype(np.float32)
    maps = feature_model(model, "maps").predict(images, verbose=0)
    expected = np.maximum(maps @ model.get_weights()[2][:, 3], 0)
    expected /= np.maximum(expected.max(axis=(1, 2), keepdims=True), 1e-30)
    np.testing.assert_allclose(grad_cam(model, images, 3), expected, atol=1e-5)


def test_grad_cam_has_the_size_of_the_images() -> None:
    found = grad_cam(classifier(), IMAGES)
    assert found.shape == (3, 10, 9)
    assert found.min() >= 0
    assert found.max() <= 1 + 1e-6
    assert grad_cam(classifier(), IMAGES, layer="first").shape == (3, 10, 9)
    with pytest.raises(ModeError, match="does not answer images"):
        grad_cam(classifier(), IMAGES, layer=-1)
    with pytest.raises(ModeError, match="no layer"):
        grad_cam(Sequential([Dense(3, input_shape=(4,))]), np.ones((1, 4)))


def test_occlusion_is_what_covering_changes() -> None:
    model = classifier(None)
    found = occlusion(model, IMAGES, 2, size=3, stride=2, value=0.5)
    assert found.shape == (3, 4, 4)
    covered = IMAGES.copy()
    covered[:, 4:7, 2:5] = 0.5
    change = model.predict(IMAGES, verbose=0)[:, 2] - model.predict(covered, verbose=0)[:, 2]
    np.testing.assert_allclose(found[:, 2, 1], change, atol=1e-6)
    with pytest.raises(ArgumentError, match="patch"):
        occlusion(model, IMAGES, size=11)


def test_targets_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match="a class for all images"):
        saliency(classifier(), IMAGES, [1, 2])
    with pytest.raises(ShapeError, match="images"):
        saliency(classifier(), [1.0])


def test_receptive_fields() -> None:
    layers = [Conv2D(2, 3, padding="same", activation="relu") for _ in range(3)]
    model = Sequential([Input((21, 21, 1)), *layers])
    assert [receptive_field(model, layer).size for layer in layers] == [(3, 3), (5, 5), (7, 7)]


@pytest.mark.parametrize(
    ("kernel", "dilation", "size"),
    [(3, 1, 3), (3, 2, 5), (3, 3, 7), (3, 5, 11), (5, 1, 5), (5, 2, 9), (5, 3, 13), (5, 5, 21)],
)
def test_receptive_fields_with_dilation(kernel: int, dilation: int, size: int) -> None:
    model = Sequential([Conv2D(2, kernel, dilation_rate=dilation, input_shape=(27, 27, 1))])
    assert receptive_field(model, 0).size == (size, size)


def test_receptive_field_of_pooling_and_edges() -> None:
    model = Sequential([Conv2D(2, 5, input_shape=(28, 28, 1)), MaxPooling2D(2), Conv2D(3, 3)])
    assert receptive_field(model, 2).size == (10, 10)
    corner = receptive_field(model, 2, place=(0, 0))
    assert corner.strength[:10, :10].min() > 0
    assert corner.strength[10:].max() == 0
    with pytest.raises(ShapeError, match="no such place"):
        receptive_field(model, 2, place=(10, 0))


def test_dead_units() -> None:
    model = Sequential([
        Conv2D(3, 3, activation="relu", input_shape=(5, 5, 1), name="maps"), Flatten(),
        Dense(4, name="linear"), Activation("relu", name="relu"), Dense(2, name="end"),
    ])  # fmt: skip
    kernel, bias, *rest = model.get_weights()
    bias[1] = -100.0
    rest[1][:] = [1e4, -1e4, 1e4, -1e4]
    model.set_weights([np.abs(kernel), bias, *rest])
    images = RANDOM.random((4, 5, 5, 1)) + 0.1
    found = dead_units(model, images)
    assert found == pytest.approx({"maps": 1 / 3, "linear": 0, "relu": 0.5, "end": 0})
    assert dead_units(Sequential([Flatten(input_shape=(2, 2))]), np.ones((1, 2, 2))) == {}


# ---------------------------------------------------------------------------- ascent


def test_ascent_raises_what_it_climbs() -> None:
    model = classifier()

    def liking(x):
        return reduce.mean(answers(model, x, ["second"])[0][..., 1], axis=(1, 2))

    _, values = ascended(liking, IMAGES, 30, 0.002, None)
    assert values.shape == (30, 3)
    assert (np.diff(values, axis=0) > 0).all()


def test_activation_maximization() -> None:
    model = classifier()
    found = activation_maximization(model, "second", [0, 2], steps=40)
    assert found.shape == (2, 10, 9, 2)
    assert found.min() >= 0
    assert found.max() <= 1
    maps = feature_model(model, "second").predict(found, verbose=0).mean(axis=(1, 2))
    plain = feature_model(model, "second").predict(IMAGES, verbose=0).mean(axis=(1, 2))
    assert maps[0, 0] > plain[:, 0].max()
    assert maps[1, 2] > plain[:, 2].max()


def test_activation_maximization_of_a_unit() -> None:
    model = classifier(None)
    found = activation_maximization(model, 4, 3, steps=30, start=IMAGES[:1])
    before, after = (model.predict(x, verbose=0)[0, 3] for x in (IMAGES[:1], found))
    assert after > before
    smooth = activation_maximization(model, 4, 3, steps=30, start=IMAGES[:1], smooth=10.0)
    rough = [float(np.abs(np.diff(x, axis=2)).mean()) for x in (found, smooth)]
    assert rough[1] < rough[0]
    with pytest.raises(ArgumentError, match="no such channel"):
        activation_maximization(model, 4, 5)


def test_deep_dream() -> None:
    model, image = classifier(), RANDOM.random((33, 27, 2)).astype(np.float32)
    dream = deep_dream(model, image, {"first": 0.5, "second": 1.0}, steps=5)
    assert dream.shape == image.shape
    assert dream.min() >= 0
    assert dream.max() <= 1
    energy = [float(np.square(np.asarray(y)).mean()) for y in map(seen(model), (image, dream))]
    assert energy[1] > energy[0]
    still = deep_dream(model, image, "first", steps=1, rate=0.0)
    np.testing.assert_allclose(still, image, atol=1e-5)
    with pytest.raises(ArgumentError, match="octaves"):
        deep_dream(model, image, "first", octaves=0)


def seen(model: Model):
    def look(image: np.ndarray) -> np.ndarray:
        (y,) = answers(model, leaf.constant(image[None]), ["second"])

        return function([], y)()

    return look


def test_total_variation() -> None:
    image = np.array([[[[0.0], [1.0]], [[2.0], [3.0]]]], np.float32)

    assert function([], total_variation(leaf.constant(image)))() == pytest.approx(4 + 1)


# ---------------------------------------------------------------------------- style


def test_gram_matrix() -> None:

    maps = RANDOM.random((2, 4, 5, 3)).astype(np.float32)
    found = function([], gram_matrix(leaf.constant(maps)))()
    rows = maps.reshape(2, 20, 3)
    np.testing.assert_allclose(found, rows.transpose(0, 2, 1) @ rows / 20, rtol=1e-5)


def test_style_transfer() -> None:
    model = classifier()
    content = RANDOM.random((12, 11, 2)).astype(np.float32)
    style = RANDOM.random((9, 16, 2)).astype(np.float32)
    found = style_transfer(
        model, content, style, content_layers="second", style_layers=["first", "second"],
        style_weight=3.0, steps=40, rate=0.01,
    )  # fmt: skip
    assert found.image.shape == content.shape
    assert found.losses.shape == (40,)
    assert found.losses[-1] < 0.5 * found.losses[0]
    assert found.image.min() >= 0
    assert found.image.max() <= 1
    same = style_transfer(
        model, content, style, content_layers="second", style_layers="first", style_weight=0.0,
        steps=2,
    )  # fmt: skip
    assert same.losses[0] == pytest.approx(0, abs=1e-9)
    with pytest.raises(ShapeError, match="content is one image"):
        style_transfer(model, IMAGES, style, content_layers="second", style_layers="first")


def test_a_final_activation_layer_is_a_softmax_too() -> None:
    model = Sequential([Flatten(input_shape=(2, 2, 1)), Dense(3), Activation("softmax")])
    kernel = model.get_weights()[0]
    found = gradients(model, np.ones((1, 2, 2, 1)), 2)
    np.testing.assert_allclose(found.reshape(4), kernel[:, 2], rtol=1e-6)
