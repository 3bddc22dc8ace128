"""Batches: all examples once, reproducible whatever the workers do, errors, early ends."""

from __future__ import annotations

import threading
import traceback

import numpy as np
import pytest

from graphc import knobs
from graphc.errors import ArgumentError, DataError, ModeError
from graphc.frontend.data import Batches, PyDataset, Sequence, in_order, prefetch
from graphc.knobs import settings


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("graphc-data")]


@pytest.mark.parametrize("count", [1, 6, 7])
@pytest.mark.parametrize("drop", [True, False])
def test_every_example_once(count, drop):
    x = np.arange(count)
    data = Batches(x, x * 2, x * 3, batch_size=3, seed=0, drop_remainder=drop)
    found = list(data)
    assert len(found) == len(data) == (count // 3 if drop else -(-count // 3))
    for a, b, w in found:
        assert np.array_equal(a * 2, b)
        assert np.array_equal(a * 3, w)
    if not drop:
        assert np.array_equal(np.sort(np.concatenate([a for a, _, _ in found])), x)


def drawn(workers: int, **options: object) -> list[list[float]]:
    data = Batches(
        np.arange(23.0), batch_size=4, seed=5, workers=workers, draws=True,
        transform=lambda x, draw: x + draw.normal(size=len(x)), **options,
    )  # fmt: skip
    return [[b.tolist() for b in data] for _ in range(2)]


def test_reproducible_whatever_the_workers():
    plain = drawn(0)
    assert plain[0] != plain[1]
    for workers in (1, 2, 5):
        assert drawn(workers) == plain
        assert drawn(workers, prefetch=0) == plain


def test_epochs_can_be_resumed():
    data = Batches(np.arange(9), seed=1)
    first, second = list(data), list(data)
    data.epoch = 1
    assert np.array_equal(next(iter(data)), second[0])
    assert not np.array_equal(first[0], second[0])


def test_parts():
    x = {"a": np.arange(4), "b": [np.ones((4, 2))]}
    (batch,) = Batches(x, batch_size=4, shuffle=False)
    assert batch[0]["b"][0].shape == (4, 2)
    ((pair, y),) = Batches((np.arange(4), np.arange(4)), [1, 2, 3, 4], shuffle=False)
    assert pair[1].tolist() == [0, 1, 2, 3]
    assert y.tolist() == [1, 2, 3, 4]
    ((images, none, w),) = Batches(np.zeros((2, 3)), None, [1.0, 2.0])
    assert (images.shape, none, w.shape) == ((2, 3), None, (2,))


def test_functions():
    data = Batches.of_function(lambda i: (np.full(3, i), {"y": i / 2}), 5, batch_size=2, workers=2)
    found = list(data)
    assert sorted(x.shape for x, _ in found) == [(1, 3), (2, 3), (2, 3)]
    assert all(np.array_equal(x[:, 0] / 2, y["y"]) and y["y"].dtype == "float32" for x, y in found)
    ragged = Batches.of_function(lambda i: np.zeros(i), 3)
    with pytest.raises(DataError, match="different forms or shapes"):
        list(ragged)


def failing(i: int) -> int:
    if i == 5:
        raise KeyError("the fifth")
    return i


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_errors_come_with_their_traceback(workers):
    data = Batches.of_function(failing, 9, batch_size=1, shuffle=False, workers=workers)
    seen = []
    with pytest.raises(KeyError, match="the fifth") as caught:
        seen.extend(b.tolist() for b in data)
    assert seen == [[0], [1], [2], [3], [4]]
    assert "in failing" in "".join(traceback.format_tb(caught.value.__traceback__))
    assert threads() == []


def test_an_early_end_stops_the_threads():
    made = []

    def task(i):
        made.append(i)
        return i

    batches = in_order((lambda i=i: task(i) for i in range(1000)), workers=2, ahead=4)
    assert next(batches) == 0
    assert threads() != []
    batches.close()
    assert threads() == []
    assert len(made) <= 6


def test_no_more_than_asked_are_ahead():
    started = []
    batches = in_order((lambda i=i: started.append(i) or i for i in range(50)), 1, ahead=3)
    for n in range(10):
        assert next(batches) == n
        assert len(started) <= n + 4
    batches.close()


def test_threads_have_the_settings():
    with settings(backend="reference"):
        found = list(in_order([lambda: knobs.current().backend] * 3, workers=2))
    assert found == ["reference"] * 3


def test_prefetch():
    assert list(prefetch(range(5), ahead=1)) == [0, 1, 2, 3, 4]
    assert list(prefetch([])) == []
    assert list(prefetch([None, None])) == [None, None]

    def broken():
        yield 1
        raise ValueError("no more")

    source = prefetch(broken())
    assert next(source) == 1
    with pytest.raises(ValueError, match="no more"):
        next(source)


class Counting(PyDataset):
    def __init__(self, **options):
        super().__init__(**options)
        self.told = []

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return np.full(2, index), np.zeros(2)

    def on_epoch_begin(self):
        self.told.append("begin")

    def on_epoch_end(self):
        self.told.append("end")


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_data_set_of_ones_own(workers):
    data = Counting(workers=workers, max_queue_size=2)
    assert [x[0] for x, _ in data] == [0, 1, 2, 3]
    assert data.told == ["begin", "end"]
    assert data.num_batches == 4


def test_data_sets_that_leave_things_out():
    class Endless(Sequence):
        def __init__(self):
            self.x = 1

        def __getitem__(self, index):
            return index

    data = Endless()
    assert data.num_batches is None
    assert [b for b, _ in zip(data, range(3))] == [0, 1, 2]
    with pytest.raises(ModeError, match="define __getitem__"):
        PyDataset()[0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Batches(np.arange(3), batch_size=0), ArgumentError, "batch_size is a positive"),
        (lambda: Batches(np.arange(3), np.arange(4)), DataError, "different numbers of rows"),
        (lambda: Batches(["a", None]), DataError, "no array of numbers"),
        (lambda: list(Batches(np.arange(3), workers=-1)), ArgumentError, "not negative"),
    ],
)
def test_wrong_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()
