"""Pictures in files and folders: round trips, modes, sizes, classes, subsets, errors."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from graphc.errors import ArgumentError, DataError, MissingExtraError, ShapeError
from graphc.frontend.image.files import array_to_img, img_to_array, load_img, save_img
from graphc.frontend.utils import image_dataset_from_directory

pytest.importorskip("PIL")

DRAW = np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_round_trip(tmp_path, channels, data_format):
    x = DRAW.integers(0, 256, (5, 7, channels)).astype(np.uint8)
    if data_format == "channels_first":
        x = np.moveaxis(x, -1, 0)
    save_img(tmp_path / "a.png", x, data_format, scale=False)
    mode = {1: "grayscale", 3: "rgb", 4: "rgba"}[channels]
    found = img_to_array(load_img(tmp_path / "a.png", mode), data_format)
    assert found.dtype == "float32"
    assert np.array_equal(found, x)


def test_modes_and_sizes(tmp_path):
    grey = np.full((4, 6, 1), 100.0)
    save_img(tmp_path / "a.png", grey, scale=False)
    assert img_to_array(load_img(tmp_path / "a.png")).shape == (4, 6, 3)
    wide = np.zeros((2, 8, 3))
    wide[:, 3:5] = 255
    save_img(tmp_path / "b.png", wide, scale=False)
    squeezed = img_to_array(load_img(tmp_path / "b.png", target_size=(2, 4), interpolation="box"))
    assert squeezed[0, :, 0].tolist() == [0, 128, 128, 0]
    cut = load_img(tmp_path / "b.png", target_size=(2, 2), keep_aspect_ratio=True)
    assert np.all(img_to_array(cut) == 255)


def test_scaling():
    found = img_to_array(array_to_img(np.array([[[-1.0], [0.0]], [[1.0], [3.0]]])))
    assert found[..., 0].tolist() == [[0, 63], [127, 255]]
    assert np.all(img_to_array(array_to_img(np.zeros((2, 2, 3)))) == 0)
    deep = array_to_img(np.full((2, 2, 1), 1000.0), scale=False)
    assert deep.mode == "I"


def test_transparency_in_jpeg(tmp_path):
    save_img(tmp_path / "a.jpg", np.full((4, 4, 4), 200.0), scale=False)
    assert load_img(tmp_path / "a.jpg").mode == "RGB"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: load_img(p / "none.png"), DataError, "cannot be read"),
        (lambda p: load_img(p / "text.png"), DataError, "cannot be read"),
        (lambda p: load_img(p / "text.png", "cmyk"), ArgumentError, "no such color_mode"),
        (lambda p: load_img(p, interpolation="x"), ArgumentError, "no such interpolation"),
        (lambda p: array_to_img(np.zeros((2, 2))), ShapeError, "three axes"),
        (lambda p: array_to_img(np.zeros((2, 2, 2))), ShapeError, "1, 3 or 4 channels"),
        (lambda p: image_dataset_from_directory(p / "none"), DataError, "no such folder"),
        (lambda p: image_dataset_from_directory(p), DataError, "no pictures"),
        (lambda p: image_dataset_from_directory(p, label_mode="x"), ArgumentError, "label_mode"),
        (lambda p: image_dataset_from_directory(p, subset="both"), ArgumentError, "together"),
        (
            lambda p: image_dataset_from_directory(p, validation_split=0.5, subset="both"),
            ArgumentError,
            "only with a seed",
        ),
    ],
)
def test_wrong_files_and_arguments(tmp_path, call, error, message):
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(error, match=message):
        call(tmp_path)


def test_without_pillow(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtraError, match="vision"):
        array_to_img(np.zeros((2, 2, 3)))


@pytest.fixture
def folder(tmp_path):
    """Three classes with 4, 3 and 2 pictures; the red of a picture is its number."""
    number = 0
    for name, count in (("ant", 4), ("bee", 3), ("cat", 2)):
        (tmp_path / name).mkdir()
        for i in range(count):
            save_img(tmp_path / name / f"{i}.png", np.full((6, 6, 3), number), scale=False)
            number += 1
    return tmp_path


CLASS_OF = np.repeat([0, 1, 2], [4, 3, 2])


@pytest.mark.parametrize("workers", [0, 3])
def test_folder(folder, workers):
    data = image_dataset_from_directory(
        folder, batch_size=4, image_size=(3, 5), seed=1, workers=workers
    )
    assert data.class_names == ["ant", "bee", "cat"]
    assert len(data) == 3
    seen = []
    for images, labels in data:
        assert images.shape[1:] == (3, 5, 3)
        assert (images.dtype, labels.dtype) == ("float32", "int32")
        numbers = images[:, 0, 0, 0].astype(int)
        assert np.array_equal(labels, CLASS_OF[numbers])
        seen += numbers.tolist()
    assert sorted(seen) == list(range(9)) != seen


def test_kinds_of_labels(folder):
    def labels(**options):
        data = image_dataset_from_directory(folder, shuffle=False, image_size=(2, 2), **options)
        (batch,) = data
        return batch

    assert labels(labels=None).shape == (9, 2, 2, 3)
    assert labels(label_mode="categorical")[1].sum(0).tolist() == [4, 3, 2]
    found = labels(class_names=["bee", "ant"], label_mode="binary")[1]
    assert found[:, 0].tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert labels(labels=list(range(9)))[1].tolist() == list(range(9))
    assert labels(color_mode="grayscale", data_format="channels_first")[0].shape == (9, 1, 2, 2)
    with pytest.raises(ArgumentError, match="two classes"):
        labels(label_mode="binary")
    with pytest.raises(ArgumentError, match="names of folders"):
        labels(class_names=["dog"])
    with pytest.raises(ArgumentError, match="one number per picture"):
        labels(labels=[1])


def test_forms_of_pictures(tmp_path):
    (tmp_path / "a").mkdir()
    wide = np.zeros((2, 8, 3))
    wide[:, 3:5] = 255
    save_img(tmp_path / "a" / "a.png", wide, scale=False)

    def one(**options):
        data = image_dataset_from_directory(tmp_path, image_size=(4, 4), labels=None, **options)
        return next(iter(data))[0, :, :, 0]

    assert one(interpolation="nearest").sum() == 4 * 255
    assert np.all(one(crop_to_aspect_ratio=True, interpolation="nearest") == 255)
    padded = one(pad_to_aspect_ratio=True, interpolation="box")
    assert padded[0].tolist() == padded[3].tolist() == [0, 0, 0, 0]
    assert padded[1].tolist() == [0, 128, 128, 0]
    with pytest.raises(ArgumentError, match="no such interpolation"):
        one(interpolation="x")


def test_subsets(folder):
    options = {"validation_split": 0.3, "seed": 4, "image_size": (2, 2)}
    both = image_dataset_from_directory(folder, subset="both", **options)
    alone = [image_dataset_from_directory(folder, subset=s, **options)
             for s in ("training", "validation")]  # fmt: skip

    def numbers(data):
        return sorted(n for x, _ in data for n in x[:, 0, 0, 0].astype(int).tolist())

    assert [numbers(d) for d in both] == [numbers(d) for d in alone]
    assert sorted(numbers(both[0]) + numbers(both[1])) == list(range(9))
    assert [d.count for d in both] == [7, 2]
