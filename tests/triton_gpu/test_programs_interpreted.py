"""Whole programs on the target "triton_interpret": variables, sizes, errors, epochs, training."""

from __future__ import annotations

import numpy as np
import pytest
from differential.random_graphs import random_graph
from differential.test_backends import tolerance_of

import graphc as gx
from graphc.compiler import function
from graphc.errors import OutOfRangeError

TARGET = "triton_interpret"


@pytest.mark.parametrize("seed", range(16))
def test_random_graphs(seed):
    case = random_graph(seed)
    found = [
        function(case.inputs, case.outputs, target=t)(*case.data) for t in ("reference", TARGET)
    ]
    tolerance = tolerance_of(case)
    for t, a, b in zip(case.outputs, *found, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        a, b = a.astype(np.float64), b.astype(np.float64)
        np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance, err_msg=t.name)


def counter():
    x = gx.placeholder(("n",), name="x")
    total = gx.variable(np.zeros(3, np.float32), name="total")
    bigger = total + gx.sum(x)
    return x, total, gx.function(x, bigger * 2, updates={total: bigger}, target=TARGET)


def test_variables_last_between_calls_and_are_shared():
    x, total, add = counter()
    assert add([1.0, 2.0]).tolist() == [6.0] * 3
    assert add([1.0]).tolist() == [8.0] * 3, "another size, the same variable"
    assert total.numpy().tolist() == [4.0] * 3
    on_cpu = gx.function(x, total * gx.sum(x), target="llvm_cpu")
    assert on_cpu([2.0]).tolist() == [8.0] * 3
    total.assign(np.ones(3))
    assert add([0.0]).tolist() == [2.0] * 3


def test_a_call_that_fails_changes_nothing():
    i = gx.placeholder((2,), "int32", name="i")
    table = gx.variable(np.arange(4.0), "float32", name="table")
    f = gx.function(i, gx.take(table, i), updates={table: table + 1.0}, target=TARGET)
    assert f([0, 3]).tolist() == [0.0, 3.0]
    with pytest.raises(OutOfRangeError, match="outside of its axis of size 4"):
        f([0, 4])
    assert table.numpy().tolist() == [1.0, 2.0, 3.0, 4.0]
    assert f([0, 3]).tolist() == [1.0, 4.0]


@pytest.mark.parametrize("order", [None, [6, 0, 5, 1, 4, 2, 3]])
def test_an_epoch_is_as_many_calls(order):
    results = []
    for target in ("llvm_cpu", TARGET):
        x = gx.placeholder((None, 3), name="x")
        w = gx.variable(np.ones((3, 2)), "float32", name="w")
        loss = gx.mean(gx.square(x @ w - 1.0))
        step = gx.function(x, (loss, x @ w), updates={w: w - 0.1 * gx.grad(loss, w)}, target=target)
        data = np.arange(21, dtype=np.float32).reshape(7, 3) / 10
        losses, rows = step.each_batch(data, size=3, order=order)
        results.append((losses, rows, w.numpy()))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-6)


def test_the_first_batch_that_fails_is_named():
    i = gx.placeholder((None,), "int32", name="i")
    f = gx.function(i, gx.take(np.arange(4.0), i), target=TARGET)
    with pytest.raises(OutOfRangeError) as failed:
        f.each_batch(np.array([0, 1, 2, 9]), size=2)
    assert failed.value.__notes__ == ["in batch 2 of 2; those before it are done"]


def test_training_gives_the_numbers_of_the_cpu():
    rng = np.random.default_rng(0)
    images, labels = rng.random((10, 6, 6, 1), np.float32), np.arange(10) % 3
    found = []
    for target in ("llvm_cpu", TARGET):
        with gx.settings(target=target):
            gx.set_seed(0)
            model = gx.Sequential(
                [
                    # No bias: normalisation takes it away, its gradient would be rounding errors,
                    # and Adam would make steps of full size of them.
                    gx.layers.Conv2D(4, 3, use_bias=False, input_shape=(6, 6, 1)),
                    gx.layers.BatchNormalization(),
                    gx.layers.ReLU(),
                    gx.layers.MaxPooling2D(),
                    gx.layers.Flatten(),
                    gx.layers.Dense(3, activation="softmax"),
                ]
            )
            model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            history = model.fit(images, labels, batch_size=4, epochs=1, shuffle=False, verbose=0)
            found.append((history.history, model.get_weights()))
    (one, mine), (two, theirs) = found
    np.testing.assert_allclose(two["loss"], one["loss"], rtol=1e-5)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-6)


def test_what_the_compiler_did_is_told():
    x = gx.placeholder((4, 4), name="x")
    text = gx.function(x, gx.softmax(x @ x), target=TARGET).explain()
    assert "Triton's interpreter" in text
    assert "distinct functions" in text


def test_eager_mode():
    with gx.settings(target=TARGET), gx.eager():
        x = gx.constant(np.array([1.0, 2.0, 4.0], np.float32))
        assert gx.sum(x * x).numpy() == 21.0
