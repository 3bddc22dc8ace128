"""Many calls in one: `each_batch` gives the bits of single calls, in any order, to the last row."""

from __future__ import annotations

import numpy as np
import pytest

import graphc as gx
from graphc.errors import FeedError, OutOfRangeError
from graphc.ops.variable import Variable

RANDOM = np.random.default_rng(7)
COUNT = 23
X = RANDOM.normal(size=(COUNT, 5)).astype(np.float32)
Y = RANDOM.integers(0, 4, COUNT).astype(np.int32)
ORDERS = {
    "none": None,
    "shuffled": RANDOM.permutation(COUNT),
    "some": RANDOM.permutation(COUNT)[:9],
    "repeated": np.array([3, 3, 0, 22, 3], np.int32),
}
TARGETS = ["llvm_cpu", "reference"]


def training(target: str) -> tuple[gx.Function, list[Variable]]:
    """Dropout, a check of indices, outputs for each batch and for each example."""
    gx.set_seed(5)
    x, y = gx.placeholder(("batch", 5), name="x"), gx.placeholder(("batch",), "int32", name="y")
    scale = gx.placeholder((), name="scale")
    w = gx.variable(np.full((5, 4), 0.5, np.float32), name="w")
    bias = gx.variable(np.zeros(4, np.float32), name="bias")
    turn = gx.variable(np.int32(0), name="turn")
    hidden = gx.tanh(gx.nn.dropout(x @ w, 0.4, gx.random.fold_in(gx.random.key(3), turn)) + bias)
    weights = gx.take(gx.constant(np.arange(1, 5, dtype=np.float32)), y, axis=0)
    loss = scale * gx.mean(gx.sum(gx.square(hidden), axis=1) * weights)
    updates = {v: v - 0.1 * gx.grad(loss, v) for v in (w, bias)} | {turn: turn + 1}
    outputs = {"loss": loss, "turn": turn, "rows": (hidden, gx.reshape(hidden, (-1,)))}
    f = gx.function([x, y, scale], outputs, updates=updates, target=target)
    return f, [w, bias, turn]


def bits(*arrays: object) -> list[bytes]:
    return [np.asarray(a).tobytes() for a in arrays]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("size", [1, 4, COUNT, 50])
@pytest.mark.parametrize("order", list(ORDERS))
def test_the_bits_of_single_calls(order, size, target):
    rows = np.arange(COUNT) if ORDERS[order] is None else ORDERS[order]
    single, variables = training(target)
    parts = [rows[i : i + size] for i in range(0, len(rows), size)]
    one = [single(X[p], Y[p], np.float32(0.5)) for p in parts]
    many, others = training(target)
    got = many.each_batch(X, Y, np.float32(0.5), size=size, order=ORDERS[order])
    assert bits(*(v.numpy() for v in variables)) == bits(*(v.numpy() for v in others))
    assert got["turn"].tolist() == list(range(len(parts)))
    assert bits(got["loss"]) == bits([p["loss"] for p in one])
    for i in (0, 1):
        assert bits(got["rows"][i]) == bits(np.concatenate([p["rows"][i] for p in one]))


@pytest.mark.parametrize("target", TARGETS)
def test_an_error_leaves_whole_calls(target):
    wrong = Y.copy()
    wrong[9] = 4
    f, variables = training(target)
    with pytest.raises(OutOfRangeError) as found:
        f.each_batch(X, wrong, np.float32(1), size=4)
    assert found.value.__notes__ == ["in batch 3 of 6; those before it are done"]
    single, others = training(target)
    for i in (0, 4):
        single(X[i : i + 4], Y[i : i + 4], np.float32(1))
    assert bits(*(v.numpy() for v in variables)) == bits(*(v.numpy() for v in others))
    assert f(X[:4], Y[:4], np.float32(1))["turn"] == 2


def test_a_function_from_the_cache_repeats_too(tmp_path):
    def losses() -> bytes:
        f, _ = training("llvm_cpu")
        order = ORDERS["shuffled"]
        return f.each_batch(X, Y, np.float32(1), size=4, order=order)["loss"].tobytes()

    with gx.settings(cache_dir=tmp_path):
        assert losses() == losses()


def test_rows_are_brought_together_by_all_threads():
    """Rows so large that several chunks copy them."""
    data = RANDOM.normal(size=(12, 1 << 16)).astype(np.float32)
    x = gx.placeholder(("batch", 1 << 16), name="x")
    f = gx.function(x, gx.sum(x, axis=1))
    order = RANDOM.permutation(12)
    for threads in (1, 2, 3):
        with gx.settings(threads=threads):
            assert bits(f.each_batch(data, size=5, order=order)) == bits(f(data)[order])


WRONG = [
    (X, Y[:5], 4, None, FeedError, "cannot be cut"),
    (X, Y, 0, None, FeedError, "cannot be cut"),
    (X, Y, 4, np.zeros((2, 2), int), FeedError, "no list of row numbers"),
    (X, Y, 4, [0.5], FeedError, "no list of row numbers"),
    (X, Y, 4, [0, COUNT], OutOfRangeError, "outside of the arrays"),
    (X, Y, 4, [-1], OutOfRangeError, "outside of the arrays"),
    (X[:0], Y[:0], 4, None, FeedError, "no rows"),
    (X[:, :4], Y, 4, None, FeedError, "does not fit"),
]


@pytest.mark.parametrize("row", range(len(WRONG)))
def test_what_is_refused(row):
    x, y, size, order, error, words = WRONG[row]
    f, _ = training("llvm_cpu")
    with pytest.raises(error, match=words):
        f.each_batch(x, y, np.float32(1), size=size, order=order)


def test_functions_without_batches_are_refused():
    x = gx.placeholder((4, 3), name="x")
    with pytest.raises(FeedError, match="takes no batches"):
        gx.function(x, x + 1).each_batch(np.ones((4, 3)), size=2)
    y = gx.placeholder(("batch", 3), name="y")
    with pytest.raises(FeedError, match="do not fit together"):
        gx.function(y, gx.transpose(y)).each_batch(np.ones((4, 3)), size=2)
