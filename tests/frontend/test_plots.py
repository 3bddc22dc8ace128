"""Figures: the numbers in what they draw, files that can be read, and no window anywhere."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from matplotlib import image as readable
from matplotlib.colors import to_hex

from graphc.errors import (
    ArgumentError,
    DataError,
    MissingExtraError,
    ModeError,
    ShapeError,
    UnknownNameError,
)
from graphc.frontend import plots
from graphc.frontend.layers import Conv2D, Dense, Flatten, MaxPooling2D
from graphc.frontend.models import Sequential
from graphc.frontend.optimizers.schedules import ExponentialDecay, LearningRateSchedule
from graphc.frontend.plots import figure as drawing
from graphc.frontend.plots.functions import ACTIVATIONS, descent_path
from graphc.frontend.visualize import feature_model, receptive_field
from graphc.ops import elementwise, nn

RANDOM = np.random.default_rng(0)
HISTORY = {
    "loss": [2.0, 1.0, 0.5, 0.25],
    "acc": [0.5, 0.6, 0.7, 0.8],
    "val_loss": [2.0, 1.2, 1.1, 1.5],
    "val_acc": [0.4, 0.5, 0.6, 0.55],
    "lr": [0.1, 0.1, 0.05, 0.05],
}
IMAGES = RANDOM.random((5, 6, 7)).astype(np.float32)


def cnn() -> Sequential:
    return Sequential([
        Conv2D(4, 3, activation="relu", input_shape=(8, 9, 1), name="maps"), MaxPooling2D(2),
        Flatten(), Dense(3, activation="softmax", name="classes"),
    ])  # fmt: skip


def bell(x, y):
    return x * elementwise.exp(-(x * x + y * y))


def lines_of(axes) -> dict[str, np.ndarray]:
    return {line.get_label(): np.column_stack(line.get_data()) for line in axes.lines}


def pictures_of(figure) -> list[np.ndarray]:
    return [np.asarray(i.get_array()) for axes in figure.axes for i in axes.images]


# ---------------------------------------------------------------------------- every figure

MODEL = cnn()
# fmt: off
FIGURES = {
    "history":     lambda p: plots.plot_history(HISTORY, p),
    "schedule":    lambda p: plots.plot_schedule(ExponentialDecay(0.1, 10, 0.5), 40, p),
    "complexity":  lambda p: plots.plot_complexity([1, 2, 3], [3, 2, 1], [3, 2.5, 2.8], p),
    "activations": lambda p: plots.plot_activations(["relu", "tanh"], p),
    "field":       lambda p: plots.plot_gradient_field(bell, p, count=5),
    "descent":     lambda p: plots.plot_descent(bell, (0.5, 0.5), p, steps=3),
    "images":      lambda p: plots.plot_images(IMAGES, p),
    "filters":     lambda p: plots.plot_filters(MODEL.layers[0], p),
    "maps":        lambda p: plots.plot_feature_maps(MODEL, np.ones((8, 9, 1)), "maps", p),
    "heat":        lambda p: plots.plot_heat(IMAGES, IMAGES[:, ::2, ::2], p),
    "confusion":   lambda p: plots.plot_confusion_matrix([0, 1], [1, 1], p),
    "receptive":   lambda p: plots.plot_receptive_field(MODEL, "maps", p),
    "weights":     lambda p: plots.plot_weights(MODEL, p),
    "tradeoff":    lambda p: plots.plot_tradeoff(["a", "b"], [1, 2], [3, 4], p),
}
# fmt: on


@pytest.mark.parametrize("name", FIGURES)
def test_files_can_be_read(name: str, tmp_path) -> None:
    figure = FIGURES[name](tmp_path / "deep" / f"{name}.png")
    pixels = readable.imread(tmp_path / "deep" / f"{name}.png")
    width, height = figure.get_size_inches() * 130
    assert pixels.shape[:2] == pytest.approx((height, width), abs=1.5)
    assert len(np.unique(pixels[..., :3])) > 3
    # Nothing but the caller holds the figure.
    assert "matplotlib.pyplot" not in sys.modules or not plots_open()


def plots_open() -> list[int]:
    return sys.modules["matplotlib.pyplot"].get_fignums()


def test_every_function_is_drawn_here() -> None:
    assert len(FIGURES) == len(plots.__all__)


def test_other_formats_and_errors(tmp_path) -> None:
    for end, begin in (("svg", b"<?xml"), ("pdf", b"%PDF")):
        plots.plot_images(IMAGES, tmp_path / f"a.{end}")
        assert (tmp_path / f"a.{end}").read_bytes().startswith(begin)
    with pytest.raises(DataError, match="cannot be written"):
        plots.plot_images(IMAGES, tmp_path / "a.abc")
    with pytest.raises(DataError, match="cannot be written"):
        plots.plot_images(IMAGES, tmp_path / "a.svg" / "b.png")


def test_without_matplotlib(monkeypatch) -> None:
    drawing._figure_class.cache_clear()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"graphc\[viz\]"):
        plots.plot_history(HISTORY)
    drawing._figure_class.cache_clear()


# ---------------------------------------------------------------------------- curves


def test_history() -> None:
    loss, accuracy, rate = plots.plot_history(HISTORY).axes
    assert [a.get_title() for a in (loss, accuracy, rate)] == ["loss", "acc", "lr"]
    drawn = lines_of(loss)
    assert drawn["loss"].tolist() == [[1, 2.0], [2, 1.0], [3, 0.5], [4, 0.25]]
    assert drawn["val_loss"][:, 1].tolist() == HISTORY["val_loss"]
    assert drawn["best: epoch 3 (1.1)"].tolist() == [[3, 1.1]]
    assert lines_of(accuracy)["best: epoch 3 (0.6)"].tolist() == [[3, 0.6]]
    assert rate.get_yscale() == "log"
    assert loss.get_yscale() == "linear"
    styles = {line.get_label(): line.get_linestyle() for line in loss.lines}
    assert styles["loss"] == "-"
    assert styles["val_loss"] == "--"


def test_choices_of_a_history() -> None:
    (axes,) = plots.plot_history(HISTORY, metrics=["accuracy"], best=False).axes
    assert list(lines_of(axes)) == ["acc", "val_acc"]
    scales = [a.get_yscale() for a in plots.plot_history(HISTORY, log_scale=True).axes]
    assert scales == ["log", "linear", "log"]
    with pytest.raises(UnknownNameError, match="no such curve"):
        plots.plot_history(HISTORY, metrics=["mae"])
    for nothing in ({}, {"loss": []}):
        with pytest.raises(ArgumentError, match="no numbers"):
            plots.plot_history(nothing)


def test_history_of_fit(tmp_path) -> None:
    model = Sequential([Dense(1, input_shape=(1,))])
    model.compile("sgd", "mse", ["mae"])
    data = np.ones((8, 1), np.float32)
    history = model.fit(data, data, epochs=5, initial_epoch=2, verbose=0)
    loss, _ = plots.plot_history(history).axes
    assert lines_of(loss)["loss"][:, 0].tolist() == [3, 4, 5]
    path = tmp_path / "log.csv"
    path.write_text("epoch,loss\n2,0.5\n3,0.25\n", encoding="utf-8")
    (axes,) = plots.plot_history(path).axes
    assert lines_of(axes)["loss"].tolist() == [[3, 0.5], [4, 0.25]]


def test_a_loss_that_is_not_finite() -> None:
    (axes,) = plots.plot_history({"loss": [np.nan, np.nan]}).axes
    assert list(lines_of(axes)) == ["loss"]


class Steps(LearningRateSchedule):
    def __call__(self, step):
        if step < 100_000:
            return 0.1
        return 0.01 if step < 200_000 else 0.001


def test_schedules() -> None:
    (axes,) = plots.plot_schedule(Steps(), 300_000, log_scale=True).axes
    (drawn,) = lines_of(axes).values()
    assert drawn[[0, -1]].tolist() == pytest.approx(np.array([[0, 0.1], [299_999, 0.001]]))
    for step, rate in drawn:
        assert rate == pytest.approx(0.1 if step < 1e5 else 0.01 if step < 2e5 else 0.001)
    (axes,) = plots.plot_schedule(lambda step: 1 / (1 + step), 3).axes
    (drawn,) = lines_of(axes).values()
    np.testing.assert_allclose(drawn, [[0, 1], [1, 1 / 2], [2, 1 / 3]])
    with pytest.raises(ArgumentError, match="positive"):
        plots.plot_schedule(Steps(), 0)


def test_complexity() -> None:
    (axes,) = plots.plot_complexity([1, 2, 5], [3, 2, 1], [3, 2, 2.8], capacity="degree").axes
    drawn = lines_of(axes)
    assert drawn["training"].tolist() == [[1, 3], [2, 2], [5, 1]]
    assert drawn["validation"].tolist() == [[1, 3], [2, 2], [5, 2.8]]
    assert drawn["best: 2"][:, 0].tolist() == [2, 2]
    assert axes.get_xlabel() == "degree"
    with pytest.raises(ShapeError, match="an error for each capacity"):
        plots.plot_complexity([1, 2], [1], [1, 2])


# ---------------------------------------------------------------------------- functions


def test_activations() -> None:
    given = {"leaky": lambda x: nn.leaky_relu(x, 0.1), "tanh": elementwise.tanh}
    figure = plots.plot_activations(given, points=9)
    leaky, tanh = (lines_of(axes) for axes in figure.axes)
    x = np.linspace(-4, 4, 9)
    np.testing.assert_allclose(leaky["f"][:, 1], np.where(x > 0, x, 0.1 * x), rtol=1e-6)
    np.testing.assert_allclose(leaky["f'"][[0, -1], 1], [0.1, 1.0], rtol=1e-6)
    np.testing.assert_allclose(tanh["f'"][:, 1], 1 - np.tanh(x) ** 2, atol=1e-5)
    assert [a.get_title() for a in plots.plot_activations().axes] == list(ACTIVATIONS)
    (axes,) = plots.plot_activations(["relu"], derivative=False).axes
    assert "f'" not in lines_of(axes)
    with pytest.raises(ArgumentError, match="nothing"):
        plots.plot_activations([])


def test_gradient_field() -> None:
    """f = x exp(-x^2 - y^2): at (0.5, 0.5) the gradient is (0.303265, -0.303265)."""
    figure = plots.plot_gradient_field(bell, x=(0.5, 1.5), y=(0.5, 1.5), count=3)
    (arrows,) = (c for c in figure.axes[0].collections if hasattr(c, "U"))
    assert (arrows.U[0], arrows.V[0]) == pytest.approx((0.303265, -0.303265), abs=1e-6)
    x, y = arrows.get_offsets().T
    e = np.exp(-(x**2) - y**2)
    np.testing.assert_allclose(arrows.U, (1 - 2 * x * x) * e, atol=1e-6)
    np.testing.assert_allclose(arrows.V, -2 * x * y * e, atol=1e-6)


def test_descent() -> None:
    way = descent_path(bell, (-0.5, 0.4), 0.5, 200)
    assert way.shape == (201, 2)
    np.testing.assert_allclose(way[-1], [-np.sqrt(0.5), 0], atol=1e-4)
    up = descent_path(bell, (0.5, 0.4), -0.5, 200)
    np.testing.assert_allclose(up[-1], [np.sqrt(0.5), 0], atol=1e-4)
    figure = plots.plot_descent(bell, (-0.5, 0.4), rate=0.5, steps=7)
    drawn = figure.axes[1].lines[0].get_xydata()
    np.testing.assert_allclose(drawn, way[:8], rtol=1e-6)
    heights = [bell_value(*point) for point in drawn]
    np.testing.assert_allclose(figure.axes[0].lines[0].get_data_3d()[2], heights, atol=1e-6)
    with pytest.raises(ArgumentError, match="positive"):
        descent_path(bell, (0, 0), 0.1, 0)


def bell_value(x: float, y: float) -> float:
    return float(x * np.exp(-(x**2) - y**2))


def test_a_function_that_does_not_depend_on_both() -> None:
    figure = plots.plot_gradient_field(lambda x, y: x * x, count=2)
    (arrows,) = (c for c in figure.axes[0].collections if hasattr(c, "U"))
    assert arrows.U.tolist() == [-4, 4, -4, 4]
    assert arrows.V.tolist() == [0] * 4


# ---------------------------------------------------------------------------- images


def test_sheets() -> None:
    figure = plots.plot_images(IMAGES, titles=range(5), columns=3)
    for shown, image in zip(pictures_of(figure), IMAGES):
        np.testing.assert_array_equal(shown, image)
    assert [a.get_title() for a in figure.axes] == ["0", "1", "2", "3", "4"]
    ranges = {axes.images[0].get_clim() for axes in plots.plot_images(IMAGES, same_range=True).axes}
    assert ranges == {(IMAGES.min(), IMAGES.max())}


@pytest.mark.parametrize(
    ("images", "shown"),
    [
        (np.zeros((2, 4, 4, 1)), np.zeros((4, 4))),
        (np.full((1, 2, 2, 3), 0.25), np.full((2, 2, 3), 0.25)),
        (np.full((1, 2, 2, 3), 200, np.uint8), np.full((2, 2, 3), 200, np.uint8)),
        (np.linspace(-3, 5, 12).reshape(1, 2, 2, 3), np.linspace(0, 1, 12).reshape(2, 2, 3)),
        ([[[0, 1], [2, 3]]], np.array([[0, 1], [2, 3]])),
    ],
)
def test_kinds_of_images(images, shown: np.ndarray) -> None:
    np.testing.assert_allclose(pictures_of(plots.plot_images(images))[0], shown)


@pytest.mark.parametrize("wrong", [np.zeros((0, 3, 3)), np.zeros((3, 3)), np.zeros((1, 3, 3, 5))])
def test_no_images(wrong: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="no sheet of images"):
        plots.plot_images(wrong)


def test_filters() -> None:
    layer = cnn().layers[0]
    kernel = layer.get_weights()[0]
    figure = plots.plot_filters(layer)
    assert len(figure.axes) == 4
    for n, shown in enumerate(pictures_of(figure)):
        np.testing.assert_allclose(shown, kernel[:, :, 0, n])
    low, high = figure.axes[0].images[0].get_clim()
    assert -low == high == pytest.approx(np.abs(kernel).max())
    colours = Conv2D(2, 3)
    colours.build((None, 8, 8, 3))
    assert pictures_of(plots.plot_filters(colours))[0].shape == (3, 3, 3)
    one = plots.plot_filters(colours, channel=1)
    np.testing.assert_allclose(pictures_of(one)[1], colours.get_weights()[0][:, :, 1, 1])
    with pytest.raises(ArgumentError, match="no such channel"):
        plots.plot_filters(colours, channel=3)
    with pytest.raises(ModeError, match="no kernels"):
        plots.plot_filters(Dense(3))


def test_feature_maps() -> None:
    model, image = cnn(), RANDOM.random((8, 9, 1)).astype(np.float32)
    expected = feature_model(model, "maps").predict(image[None], verbose=0)[0]
    shown = pictures_of(plots.plot_feature_maps(model, image, "maps"))
    np.testing.assert_allclose(np.stack(shown, axis=-1), expected)
    assert len(plots.plot_feature_maps(model, image, 0, most=2).axes) == 2
    with pytest.raises(ModeError, match="does not answer images"):
        plots.plot_feature_maps(model, image, "classes")


def test_heat_lies_over_the_images() -> None:
    figure = plots.plot_heat(IMAGES, IMAGES[:, ::3, ::3], titles="abcde")
    assert len(figure.axes) == 10
    below = figure.axes[1].images
    np.testing.assert_array_equal(below[0].get_array(), IMAGES[0])
    np.testing.assert_allclose(below[1].get_array(), IMAGES[0, ::3, ::3])
    assert list(below[1].get_extent()) == [-0.5, 6.5, 5.5, -0.5]
    with pytest.raises(ShapeError, match="a map"):
        plots.plot_heat(IMAGES, IMAGES[0])


def test_confusion_matrix() -> None:
    truth, guess = [0, 0, 1, 2, 2, 2], [0, 1, 1, 2, 2, 0]
    (axes,) = plots.plot_confusion_matrix(truth, guess, names=["cat", "dog", "horse"]).axes
    expected = [[0.5, 0.5, 0], [0, 1, 0], [1 / 3, 0, 2 / 3]]
    np.testing.assert_allclose(axes.images[0].get_array(), expected)
    texts = {t.get_position(): t.get_text() for t in axes.texts}
    assert texts == {(0, 0): "1", (1, 0): "1", (2, 0): "", (0, 1): "", (1, 1): "1", (2, 1): "",
                     (0, 2): "1", (1, 2): "", (2, 2): "2"}  # fmt: skip
    assert [t.get_text() for t in axes.get_yticklabels()] == ["cat", "dog", "horse"]
    scores = np.eye(3)[guess]
    (shares,) = plots.plot_confusion_matrix(truth, scores, normalize=True).axes
    assert {t.get_text() for t in shares.texts} == {"0.50", "1.00", "0.33", "0.67", ""}
    with pytest.raises(ShapeError, match="a prediction for each"):
        plots.plot_confusion_matrix([0, 1], [0])


def test_receptive_field() -> None:
    model = cnn()
    (axes,) = plots.plot_receptive_field(model, "maps").axes
    np.testing.assert_allclose(axes.images[0].get_array(), receptive_field(model, "maps").strength)
    assert axes.get_title() == "maps sees 3 x 3 pixels"


# ---------------------------------------------------------------------------- weights


def test_weights() -> None:
    model = cnn()
    before = [w + 1 for w in model.get_weights()]
    figure = plots.plot_weights(model, before=before, bins=10)
    titles = [f"{w.name} {tuple(w.shape)}" for w in model.weights]
    assert [a.get_title() for a in figure.axes] == titles
    for axes, weight in zip(figure.axes, model.get_weights()):
        counts = [round(bar.get_height()) for bar in axes.patches]
        assert (sum(counts[:10]), sum(counts[10:])) == (weight.size, weight.size)
    with pytest.raises(ModeError, match="no weights"):
        plots.plot_weights(Dense(3))
    with pytest.raises(ShapeError, match="earlier"):
        plots.plot_weights(model, before=before[:1])


def test_tradeoff() -> None:
    (axes,) = plots.plot_tradeoff("abc", [1, 3, 2], [0.5, 0.7, 0.4]).axes
    assert lines_of(axes)["_child0"].tolist() == [[1, 0.5], [3, 0.7]]
    assert [t.get_text() for t in axes.texts] == ["a", "b", "c"]
    assert len({to_hex(line.get_color()) for line in axes.lines[1:]}) == 3
    with pytest.raises(ShapeError, match="a cost and a score"):
        plots.plot_tradeoff([], [], [])
