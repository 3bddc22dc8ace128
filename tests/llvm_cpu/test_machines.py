"""Whole functions for a named machine, with the features of this one masked off."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

import graphc as gx
from graphc.backends.llvm_cpu import host
from graphc.backends.llvm_cpu.host import NAMED
from graphc.compiler import function
from graphc.errors import ArgumentError
from graphc.ir.node import Tensor
from graphc.ops import leaf

MACHINE = "x86-64-v3"
Form = Callable[..., Tensor | Sequence[Tensor]]
Given = tuple[tuple[int, ...], str]

avx2 = pytest.mark.skipif(
    bool(host.host().lacks(NAMED[MACHINE])), reason="this machine cannot run AVX2"
)


def with_gradients(form: Callable[..., Tensor]) -> Form:
    """A form and the gradients of the sum of its squares."""

    def both(*inputs: Tensor) -> list[Tensor]:
        y = form(*inputs)
        return [y, *gx.grad(gx.sum(y * y), list(inputs))]

    return both


def recurrent(rows: Tensor, w: Tensor) -> Tensor:
    """An LSTM of as many units as the rows have numbers."""
    units = int(w.shape[-1]) // 4

    def step(state: tuple[Tensor, Tensor], row: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        h, c = state
        z = gx.matmul(row, w) + gx.matmul(h, w)
        gates = [z[:, i * units : (i + 1) * units] for i in range(4)]
        i, f, o = map(gx.sigmoid, gates[:3])
        c = f * c + i * gx.tanh(gates[3])
        h = o * gx.tanh(c)
        return (h, c), h

    zero = rows[0] * 0.0
    return gx.scan(step, (zero, zero), rows)[1]


# fmt: off
FORMS: dict[str, tuple[Form, tuple[Given, ...]]] = {
    "matmul": (with_gradients(gx.matmul), (((70, 45), "float32"), ((45, 83), "float32"))),
    "float64": (with_gradients(gx.matmul), (((35, 19), "float64"), ((19, 50), "float64"))),
    "integers": (
        lambda a, b: [gx.matmul(a, b), gx.sum(a, axis=0), gx.max(b, axis=1), a * 3 // 2],
        (((9, 30), "int32"), ((30, 17), "int32"))),
    "winograd": (
        with_gradients(lambda x, w: gx.conv2d(x, w, padding="same")),
        (((2, 12, 12, 32), "float32"), ((3, 3, 32, 32), "float32"))),
    "strided": (
        with_gradients(lambda x, w: gx.relu(gx.conv2d(x, w, strides=2))),
        (((2, 15, 15, 5), "float32"), ((5, 5, 5, 20), "float32"))),
    "softmax": (with_gradients(gx.softmax), (((33, 75), "float32"),)),
    "maps": (
        lambda x: [gx.exp(x), gx.erf(x), gx.tanh(x) * gx.sin(x), gx.log(x * x + 1.0)],
        (((1003,), "float32"),)),
    "maps64": (lambda x: [gx.exp(x), gx.tanh(x), gx.log(x * x + 1.0)], (((99,), "float64"),)),
    "reductions": (
        lambda x: [gx.sum(x, axis=0), gx.max(x, axis=1), gx.argmax(x, axis=1), gx.mean(x),
                   gx.cumsum(x, axis=1), gx.sort(x, axis=1)],
        (((37, 61), "float32"),)),
    "halves": (
        lambda x: [gx.cast(x, "float16"), gx.cast(x, "bfloat16")], (((77,), "float32"),)),
    "lstm": (with_gradients(recurrent), (((5, 3, 24), "float32"), ((24, 96), "float32"))),
}
# fmt: on


def made(form: Form, given: Sequence[Given], target: str) -> Callable[..., list[np.ndarray]]:
    inputs = [leaf.placeholder(shape, dtype) for shape, dtype in given]
    outputs = form(*inputs)
    return function(inputs, list(outputs), target=target)


@avx2
@pytest.mark.parametrize("name", FORMS)
def test_equal_to_the_reference(name: str) -> None:
    form, given = FORMS[name]
    random = np.random.default_rng(0)
    values = [(2 * random.standard_normal(shape)).astype(dtype) for shape, dtype in given]
    with gx.settings(machine=MACHINE):
        got = made(form, given, "llvm_cpu")(*values)
    for a, b in zip(got, made(form, given, "reference")(*values), strict=True):
        assert a.dtype == b.dtype
        a, b = (x.astype(np.float64) for x in (a, b))
        exact = given[0][1] == "int32"
        np.testing.assert_allclose(a, b, rtol=0, atol=0 if exact else 2e-5 * np.abs(b).max())


@avx2
def test_code_uses_the_vectors_of_the_machine() -> None:
    x = leaf.placeholder((64, 64))
    with gx.settings(machine=MACHINE, cache=False, debug=0):
        target = host.chosen()
        assert (target.lanes, target.registers) == (8, 16)
        assert function([x], gx.matmul(x, x))(np.eye(64, dtype=np.float32)).trace() == 64
    assert host.chosen() == host.host()


@avx2
def test_training_is_that_of_this_machine() -> None:
    def losses() -> list[float]:
        gx.set_seed(1)
        random = np.random.default_rng(0)
        x = random.standard_normal((64, 8, 8, 3), np.float32)
        y = random.integers(0, 4, 64)
        layers = gx.layers
        model = gx.models.Sequential([
            layers.Conv2D(8, 3, activation="relu", input_shape=(8, 8, 3)),
            layers.BatchNormalization(), layers.MaxPooling2D(), layers.Flatten(),
            layers.Dense(4, activation="softmax"),
        ])  # fmt: skip
        model.compile("adam", "sparse_categorical_crossentropy")
        return model.fit(x, y, epochs=3, batch_size=16, verbose=0).history["loss"]

    with gx.settings(machine=MACHINE):
        narrow = losses()
    np.testing.assert_allclose(narrow, losses(), rtol=1e-4)
    assert narrow[-1] < narrow[0]


def test_another_kind_of_processor_is_refused() -> None:
    other = "x86-64" if host.host().is_arm else "aarch64"
    with gx.settings(machine=other), pytest.raises(ArgumentError, match="cannot run"):
        host.chosen()


def test_what_a_machine_lacks_is_named() -> None:
    wide, narrow = NAMED["x86-64-v4"], NAMED["x86-64-v3"]
    assert not wide.lacks(narrow)
    assert "avx512f" in narrow.lacks(wide)
    assert narrow.lacks(NAMED["aarch64"]) == ["aarch64"]
    assert len({t.key() for t in NAMED.values()}) == len(NAMED)
