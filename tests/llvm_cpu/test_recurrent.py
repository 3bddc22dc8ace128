"""Recurrent layers as scans: results and gradients equal those of the reference; no copies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from graphc import compiler
from graphc.backends.llvm_cpu.program import LLVMExecutable
from graphc.backends.llvm_cpu.run.restored import Restored
from graphc.backends.llvm_cpu.run.steps import all_steps
from graphc.diff.reverse import grad
from graphc.ir.node import Tensor
from graphc.ops import control, leaf, reduce
from graphc.ops.elementwise import sigmoid, tanh
from graphc.ops.matmul import dot_general, matmul
from graphc.schedule.plan import CopyStep, ScanStep

STEPS, WIDTH = 5, 24
Step = Callable[[Tensor, Tensor, Tensor], Tensor]


def simple(h: Tensor, row: Tensor, w: Tensor) -> Tensor:
    return tanh(row[:, :WIDTH] + matmul(h, w[:, :WIDTH]))


def gru(h: Tensor, row: Tensor, w: Tensor) -> Tensor:
    """Cho et al. 2014, with the reset gate behind the product."""
    inner = matmul(h, w)
    z, r = (sigmoid(row[:, a : a + WIDTH] + inner[:, a : a + WIDTH]) for a in (0, WIDTH))
    new = tanh(row[:, 2 * WIDTH :] + r * inner[:, 2 * WIDTH :])
    return z * h + (1 - z) * new


def compiled(cell: Step, reverse: bool, target: str) -> compiler.Function:
    """The last state, all states, and the gradients of both by rows, weights and first state."""
    rows = leaf.placeholder((STEPS, "batch", 3 * WIDTH), name="rows")
    w = leaf.placeholder((WIDTH, 3 * WIDTH), name="w")
    start = leaf.placeholder(("batch", WIDTH), name="start")

    def step(h: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
        new = cell(h, row, w)
        return new, new

    last, states = control.scan(step, start, rows, reverse=reverse)
    loss = reduce.sum(states * states) + reduce.sum(last)
    outputs = [last, states, *grad(loss, [rows, w, start])]
    return compiler.function([rows, w, start], outputs, target=target)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cell", [simple, gru])
def test_recurrent_layers_equal_the_reference(cell: Step, reverse: bool) -> None:
    native, want = (compiled(cell, reverse, t) for t in ("llvm_cpu", "reference"))
    random = np.random.default_rng(0)
    w = random.standard_normal((WIDTH, 3 * WIDTH), np.float32) / np.float32(5)
    for batch in (3, 1, 40):
        rows = random.standard_normal((STEPS, batch, 3 * WIDTH), np.float32)
        start = random.standard_normal((batch, WIDTH), np.float32)
        for a, b in zip(native(rows, w, start), want(rows, w, start), strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


def test_stacked_states_are_written_by_the_body_in_place() -> None:
    executable = compiled(simple, False, "llvm_cpu").executable
    assert isinstance(executable, LLVMExecutable | Restored)
    found = all_steps(executable.plan)
    forward = next(s for s in found if isinstance(s, ScanStep))
    assert forward.after
    assert not any(isinstance(s, CopyStep) for s in found)


def turned(h: Tensor, w: Tensor) -> Tensor:
    """h w^T as one product of matrices."""
    return dot_general(h, w, ((1,), (1,)))


def test_panels_of_captured_weights_are_packed_once() -> None:
    """The product with a transposed matrix needs panels: one run of the packing, not one a turn."""
    w = leaf.placeholder((WIDTH, WIDTH), name="w")
    start = leaf.placeholder(("batch", WIDTH), name="start")
    last, _ = control.scan(lambda h, _: (turned(h, w), None), start, length=STEPS)
    f = compiler.function([w, start], last)
    random = np.random.default_rng(0)
    a, h = random.standard_normal((WIDTH, WIDTH), np.float32), np.ones((33, WIDTH), np.float32)
    want = h.astype(np.float64) @ np.linalg.matrix_power(a.T.astype(np.float64), STEPS)
    np.testing.assert_allclose(f(a, h), want, rtol=1e-4, atol=1e-4 * np.abs(want).max())
    executable = f.executable
    assert isinstance(executable, LLVMExecutable | Restored)
    (product,) = (s for s in all_steps(executable.plan) if not isinstance(s, ScanStep))
    phases = executable.native[product].phases
    ran = [step for step, _ in executable.profile([a, h], {"batch": 33})]
    assert len(phases) == 2
    assert ran.count(product) == STEPS + 1
