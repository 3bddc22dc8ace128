"""ImageDataGenerator: what comes out, statistics, subsets, folders, reproducible."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.errors import ArgumentError, ModeError
from graphc.frontend.data import ImageDataGenerator
from graphc.frontend.image.files import save_img

DRAW = np.random.default_rng(4)
X = (DRAW.random((9, 8, 6, 3)) * 255).astype(np.uint8)
Y = np.arange(9)
EVERYTHING = {
    "rotation_range": 20, "width_shift_range": 0.1, "height_shift_range": 0.2,
    "brightness_range": (0.5, 1.5), "shear_range": 10, "zoom_range": 0.2,
    "channel_shift_range": 20, "horizontal_flip": True, "vertical_flip": True, "rescale": 1 / 255,
}  # fmt: skip


def test_nothing_changes_by_itself():
    (batch,) = ImageDataGenerator().flow(X, Y, shuffle=False)
    np.testing.assert_array_equal(batch[0], X)
    assert np.array_equal(batch[1], Y)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_everything_at_once(data_format):
    x = X if data_format == "channels_last" else np.moveaxis(X, -1, 1)
    runs = []
    for workers in (0, 2):
        made = ImageDataGenerator(**EVERYTHING, data_format=data_format)
        flow = made.flow(x, Y, batch_size=4, seed=3, sample_weight=Y / 9, workers=workers)
        runs.append([list(flow) for _ in range(2)])
        assert [len(b) for _, b, _ in runs[-1][0]] == [4, 4, 1]
    images, labels, _ = runs[0][0][0]
    assert images.dtype == "float32"
    assert images.shape == (4, *x.shape[1:])
    assert images.min() >= 0
    assert images.max() <= 1.5
    assert not np.array_equal(images, x[labels] / 255)
    for first, second in zip(runs[0], runs[1]):
        for a, b in zip(first, second):
            np.testing.assert_array_equal(a[0], b[0])


def test_flips_are_flips():
    flow = ImageDataGenerator(horizontal_flip=True).flow(X, Y, seed=1, shuffle=False)
    seen = {bool(np.array_equal(f, x)) for (images, _) in flow for f, x in zip(images, X)}
    ((images, _),) = flow
    for found, x in zip(images, X):
        assert np.array_equal(found, x) or np.array_equal(found, x[:, ::-1])
    assert seen == {True, False}


def test_statistics():
    each = ImageDataGenerator(samplewise_center=True, samplewise_std_normalization=True)
    ((images, _),) = each.flow(X, Y)
    np.testing.assert_allclose(images.mean((1, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(images.std((1, 2, 3)), 1, atol=1e-4)
    whole = ImageDataGenerator(featurewise_std_normalization=True, rescale=1 / 255)
    with pytest.raises(ModeError, match="nothing was measured"):
        list(whole.flow(X))
    whole.fit(X)
    (images,) = whole.flow(X)
    np.testing.assert_allclose(images.mean((0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(images.std((0, 1, 2)), 1, atol=1e-3)
    own = ImageDataGenerator(preprocessing_function=lambda image: image / 127.5 - 1)
    (images,) = own.flow(X)
    assert (images.min(), images.max()) >= (-1, 0)
    own.fit(X, augment=True, rounds=2)
    assert own.random_transform(X[0], seed=1).shape == X[0].shape


def test_subsets():
    made = ImageDataGenerator(validation_split=0.4)
    parts = [made.flow(X, Y, subset=s, shuffle=False) for s in ("validation", "training")]
    found = [np.concatenate([y for _, y in part]).tolist() for part in parts]
    assert found == [[0, 1, 2], [3, 4, 5, 6, 7, 8]]
    with pytest.raises(ArgumentError, match="no such subset"):
        made.flow(X, Y, subset="test")
    with pytest.raises(ArgumentError, match="no such subset"):
        ImageDataGenerator().flow(X, Y, subset="training")


def test_folders(tmp_path):
    pytest.importorskip("PIL")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i in range(3):
            save_img(tmp_path / name / f"{i}.png", X[i], scale=False)
    made = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True, validation_split=0.5)
    ((images, labels),) = made.flow_from_directory(tmp_path, (4, 4), batch_size=8, seed=1)
    assert images.shape == (6, 4, 4, 3)
    assert images.max() <= 1
    assert labels.sum(0).tolist() == [3, 3]
    part = made.flow_from_directory(tmp_path, (4, 4), class_mode="sparse", subset="training")
    assert sorted(len(y) for _, y in part) == [3]
