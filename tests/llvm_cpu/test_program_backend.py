"""Programs from graphs, through the scheduler, against the reference; nodes for eager mode."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from graphc.backends.llvm_cpu.backend import LLVMBackend
from graphc.backends.reference.backend import ReferenceBackend
from graphc.diff.reverse import grad
from graphc.errors import OutOfRangeError
from graphc.ir.graph import graph
from graphc.ir.node import Tensor
from graphc.ops import control, elementwise, index, matmul, reduce
from graphc.ops.leaf import constant, placeholder, zeros
from graphc.ops.variable import variable
from graphc.passes.inline_calls import inline_calls
from graphc.passes.options import Options
from graphc.program import Program

native, reference = LLVMBackend(), ReferenceBackend()


def program(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Program:
    whole = inline_calls(graph(inputs, outputs), Options())
    return Program("test", whole, tuple(inputs), (), len(outputs), ())


def agree(inputs: Sequence[Tensor], outputs: Sequence[Tensor], *lengths: int) -> None:
    """The same numbers on both backends, for several values of the size n."""
    p = program(inputs, outputs)
    executable, meaning = native.compile(p), reference.compile(p)
    for length in lengths:
        rng = np.random.default_rng(length)
        shapes = [tuple(s if isinstance(s, int) else length for s in t.shape) for t in inputs]
        values = [rng.uniform(-1, 1, s).astype(t.dtype.numpy) for s, t in zip(shapes, inputs)]
        sizes = {"n": length}
        for got, want in zip(executable.run(values, sizes), meaning.run(values, sizes)):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def recurrent(x: Tensor, w: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    def step(h: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
        new = elementwise.tanh(matmul.matmul(row, w) + matmul.matmul(h, u))
        return new, new

    return control.scan(step, zeros((3, 5)), x)


def doubled_until_large(x: Tensor) -> list[Tensor]:
    return [control.while_loop(lambda v: reduce.sum(v * v) < 100.0, lambda v: v * 2.0, x + 3.0)]


def either(x: Tensor) -> list[Tensor]:
    high = reduce.sum(x) > 0
    return [control.cond(high, lambda v: v * 2.0, lambda v: elementwise.exp(v), x)]


def test_recurrent_network_and_its_gradient() -> None:
    x, w, u = placeholder(("n", 3, 4), name="x"), placeholder((4, 5)), placeholder((5, 5))
    last, ys = recurrent(x, w, u)
    loss = reduce.sum(last * last) + reduce.sum(elementwise.sin(ys))
    agree([x, w, u], [last, ys, *grad(loss, [x, w, u])], 4, 1, 9)


@pytest.mark.parametrize("make", [doubled_until_large, either])
def test_loops_and_branches(make: Callable[[Tensor], list[Tensor]]) -> None:
    x = placeholder(("n",), name="x")
    agree([x], make(x), 1, 2, 7, 100)


def test_sorts_and_running_sums() -> None:
    x = placeholder(("n", 6), name="x")
    outputs = [*index.top_k(x, 3), index.sort(x, 0), reduce.cumsum(x, 0), reduce.cumprod(x, 1)]
    agree([x], outputs, 1, 5, 40)


def test_an_index_outside_names_the_line() -> None:
    x, i = placeholder((5,), name="x"), placeholder(("n",), "int32", name="i")
    executable = native.compile(program([x, i], [index.take(x, i)]))
    a = np.arange(5, dtype=np.float32)
    (got,) = executable.run([a, np.array([4, 0, -1], np.int32)], {"n": 3})
    assert got.tolist() == [4, 0, 4]
    with pytest.raises(OutOfRangeError) as caught:
        executable.run([a, np.array([5], np.int32)], {"n": 1})
    assert caught.value.source.file == __file__


def test_training_changes_variables_like_the_reference() -> None:
    x, y = placeholder(("n", 4), name="x"), placeholder(("n", 1), name="y")
    rng = np.random.default_rng(0)
    start = [rng.standard_normal(s).astype(np.float32) for s in ((4, 8), (8, 1))]
    data = [rng.standard_normal((6, k)).astype(np.float32) for k in (4, 1)]
    found = []
    for backend in (native, reference):
        w, v = (variable(a, name="test_backend_w") for a in start)
        error = matmul.matmul(elementwise.tanh(matmul.matmul(x, w)), v) - y
        loss = reduce.mean(error * error)
        news = [p - 0.1 * g for p, g in zip((w, v), grad(loss, [w, v]))]
        whole = inline_calls(graph((x, y, w, v), (loss, *news)), Options())
        executable = backend.compile(Program("train", whole, (x, y), (w, v), 1, (0, 1)))
        losses = [float(executable.run(data, {"n": 6})[0]) for _ in range(5)]
        found.append((losses, w.storage, v.storage))
    for got, want in zip(*found):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)
    assert found[0][0][-1] < found[0][0][0]


def test_single_nodes_are_compiled_once() -> None:
    backend = LLVMBackend()
    a, b = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones((2, 3), np.float32)
    nodes = [(constant(a) + constant(b)).node, (constant(b) + constant(a)).node]
    for node in nodes:
        (got,) = backend.evaluate_node([a.T.copy().T, b], node)
        np.testing.assert_array_equal(got, a + 1)
    assert len(backend._nodes) == 1


def test_explanation_names_steps_lines_and_memory() -> None:
    x = placeholder(("n", 4), name="x")
    executable = native.compile(program([x], [reduce.cumsum(elementwise.tanh(x), 0)]))
    executable.run([np.ones((3, 4), np.float32)], {"n": 3})
    text = executable.explain()
    for words in ("native steps", "running sum  axis 0", "test_program_backend.py:", "arena"):
        assert words in text
