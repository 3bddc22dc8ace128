"""Splits, folds, duplicates: every example once, sizes, shares of classes, reproducible."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.errors import ArgumentError, DataError, ShapeError
from graphc.frontend.data import (
    KFold,
    StratifiedKFold,
    find_duplicates,
    split_dataset,
    train_test_split,
    train_validation_test_split,
)
from graphc.frontend.utils import normalize

LABELS = np.repeat([0, 1, 2], [50, 30, 17])


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("stratify", [None, LABELS, np.eye(3)[LABELS], LABELS[:, None]])
@pytest.mark.parametrize("sizes", [(0.1, 0.2), (7, 13), (0, 1), (0.0, 0.5)])
def test_three_parts(shuffle, stratify, sizes):
    x = np.arange(97)
    found = train_validation_test_split(
        x, {"y": LABELS}, validation_size=sizes[0], test_size=sizes[1], shuffle=shuffle, seed=3,
        stratify=stratify,
    )  # fmt: skip
    again = train_validation_test_split(
        x, validation_size=sizes[0], test_size=sizes[1], shuffle=shuffle, seed=3, stratify=stratify
    )
    rows = [part[0] for part in found]
    assert all(np.array_equal(a, b) for a, b in zip(rows, again, strict=True))
    assert np.array_equal(np.sort(np.concatenate(rows)), x)
    wanted = [s if isinstance(s, int) else round(s * 97) for s in sizes]
    assert [len(r) for r in rows[1:]] == wanted
    for part in found:
        assert np.array_equal(part[1]["y"], LABELS[part[0]])
        if stratify is not None:
            shares = (
                np.bincount(part[1]["y"], minlength=3) - len(part[0]) * np.array([50, 30, 17]) / 97
            )
            assert np.abs(shares).max() <= 1.5
        if not shuffle:
            assert np.array_equal(part[0], np.sort(part[0]))


def test_two_parts():
    x, y = np.arange(10), np.arange(10) * 2
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=3, seed=3)
    assert np.array_equal(x_train * 2, y_train)
    assert np.array_equal(x_test * 2, y_test)
    assert sorted([*x_train, *x_test]) == list(range(10))
    assert len(x_test) == 3
    a, b = train_test_split([1, 2, 3, 4], test_size=0.5, shuffle=False)
    assert (a.tolist(), b.tolist()) == ([1, 2], [3, 4])


def test_seeds():
    parts = [train_test_split(np.arange(50), seed=s)[1].tolist() for s in (1, 1, 2)]
    assert parts[0] == parts[1] != parts[2]


@pytest.mark.parametrize(
    ("left", "right", "wanted"),
    [(0.3, None, (3, 7)), (None, 0.3, (7, 3)), (2, 4, (2, 4)), (0, None, (0, 10)),
     (1.0, None, (10, 0))],
)  # fmt: skip
def test_left_and_right(left, right, wanted):
    x, y = np.arange(10), np.arange(10) + 1
    first, second = split_dataset((x, [y]), left, right)
    assert (len(first[0]), len(second[1][0])) == wanted
    assert np.array_equal([*first[0], *second[0]], np.arange(sum(wanted)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: split_dataset(np.arange(3)), "a split has a size"),
        (lambda: split_dataset(np.arange(3), 2, 2), "more examples than there are"),
        (lambda: split_dataset(np.arange(3), 1.5), "a fraction or a number"),
        (lambda: train_test_split(np.arange(3), test_size=1.0), "no examples are left"),
        (lambda: train_test_split(np.arange(3), test_size=-1), "a fraction or a number"),
        (lambda: train_test_split(np.arange(3), test_size=True), "a fraction or a number"),
        (lambda: train_test_split(np.arange(3), stratify=[1, 2]), "one label per example"),
        (lambda: list(KFold(4).split(np.arange(3))), "more folds than examples"),
        (lambda: KFold(1), "number of folds"),
    ],
)
def test_wrong_sizes(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()


@pytest.mark.parametrize("arrays", [(), (np.arange(3), np.arange(4)), (np.float32(1),)])
def test_wrong_arrays(arrays):
    with pytest.raises(DataError, match="different numbers of rows"):
        train_test_split(*arrays)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("kind", [KFold, StratifiedKFold])
def test_folds(kind, shuffle):
    folds = list(kind(5, shuffle=shuffle, seed=1).split(LABELS, LABELS))
    again = list(kind(5, shuffle=shuffle, seed=1).split(LABELS, LABELS))
    assert len(folds) == len(kind(5)) == kind(5).get_n_splits() == 5
    assert np.array_equal(np.sort(np.concatenate([v for _, v in folds])), np.arange(97))
    for (train, held_back), (same, _) in zip(folds, again, strict=True):
        assert np.array_equal(train, same)
        assert np.array_equal(np.sort([*train, *held_back]), np.arange(97))
        assert len(held_back) in (19, 20)
        if kind is StratifiedKFold:
            counts = np.bincount(LABELS[held_back], minlength=3)
            assert np.abs(counts - np.array([50, 30, 17]) / 5).max() <= 1


def test_duplicates():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(20, 4, 4)).astype(np.float32)
    v = np.concatenate([draw.normal(size=(5, 4, 4)).astype(np.float32), x[[3, 7]]])
    assert find_duplicates(x, v).tolist() == [[3, 5], [7, 6]]
    assert find_duplicates(x, v + 1e-4, decimals=2).shape[1] == 2
    assert find_duplicates(x).shape == (0, 2)
    assert find_duplicates(np.zeros((0, 2)), np.ones((2, 2))).shape == (0, 2)
    assert find_duplicates([0.0, 1.0], [-0.0]).tolist() == [[0, 0]]
    assert find_duplicates(np.uint8([[1]]), np.float32([[1]])).tolist() == [[0, 0]]
    assert find_duplicates([5, 5, 5]).tolist() == [[0, 1], [0, 2], [1, 2]]
    with pytest.raises(ShapeError, match="never equal"):
        find_duplicates(np.ones((2, 3)), np.ones((2, 2)))


def test_normalize():
    x = np.random.default_rng(0).normal(size=(3, 4))
    np.testing.assert_allclose(np.linalg.norm(normalize(x), axis=1), 1)
    np.testing.assert_allclose(np.abs(normalize(x, axis=0, order=1)).sum(0), 1)
