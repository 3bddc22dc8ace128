"""A small program, and a plan made by hand: the page about a plan must not change with fusion."""

from __future__ import annotations

import numpy as np

from graphc import dtypes
from graphc.compiler import Function, function
from graphc.diff.reverse import grad
from graphc.ir.dim import named
from graphc.kernels.build import load, op, reduce, store
from graphc.kernels.kernel import Axis, Buffer, Kernel
from graphc.ops import elementwise, nn
from graphc.ops import reduce as reductions
from graphc.ops.leaf import placeholder
from graphc.ops.variable import variable
from graphc.provenance import Source, in_role
from graphc.schedule.plan import CheckStep, CopyStep, CumulativeStep, KernelStep, Plan, Storage

HERE = Source(__file__, 1)


def training_step() -> Function:
    """One step of a network with one hidden layer."""
    x = placeholder((None, 8), name="x")
    target = placeholder((None, 3), name="target")
    w = variable(np.zeros((8, 4), np.float32), name="w")
    v = variable(np.zeros((4, 3), np.float32), name="v")
    hidden = nn.relu(x @ w)
    error = nn.softmax(hidden @ v) - target
    loss = reductions.mean(elementwise.square(error))
    dw, dv = grad(loss, [w, v])
    with in_role("update"):
        updates = {w: w - 0.1 * dw, v: v - 0.1 * dv}
    return function([x, target], {"loss": loss}, updates=updates, target="reference", name="step")


def small_plan() -> Plan:
    """h = relu(x @ w); total = sum of h; w = w - x; sums of x; and a check."""
    n = named("n")
    x, w, h = (Buffer(name, dtypes.float32, (n, 4) if name != "w" else (4, 4)) for name in "xwh")
    total = Buffer("total", dtypes.float32, ())
    product = op("mul", load(x, "i", "k"), load(w, "k", "j"))
    kept = op("maximum", reduce("sum", product, "k"), 0.0)
    axes = tuple(Axis(name, size) for name, size in (("i", n), ("j", 4), ("k", 4)))
    dense = Kernel("dense", axes, (store(h, "ij", kept),))
    added = Kernel(
        "added", axes[:2], (store(total, (), reduce("sum", load(h, "i", "j"), "i j")),)
    )  # fmt: skip
    given = Storage("x", dtypes.float32, (n, 4), "input", 0)
    weight = Storage("w", dtypes.float32, (4, 4), "variable", 0)
    hidden, sums = (Storage(name, dtypes.float32, (n, 4), "arena") for name in ("h", "sums"))
    fresh = Storage("fresh", dtypes.float32, (4, 4), "arena")
    flag = Storage("flag", dtypes.int32, (), "arena")
    result = Storage("total", dtypes.float32, (), "output", 0)
    places = (Source(__file__, 1), Source(__file__, 3, "backward"))
    many = tuple(f"maximum_{i}" for i in range(12))
    steps = (
        KernelStep(
            dense, {"x": given, "w": weight, "h": hidden}, places, nodes=("dot_general_0", *many)
        ),
        KernelStep(added, {"h": hidden, "total": result}, places[:1], nodes=("sum_0",)),
        CumulativeStep("sum", given, sums, 0, False, False),
        CheckStep(flag, "an index is outside of its axis of size n", HERE),
        CopyStep(fresh, weight),
    )
    decisions = (
        "maximum_0 fused into dot_general_0: computed where it is read",
        "sum_0 kept apart from dot_general_0: several kernels read it",
        "sum_0 kept apart from dot_general_0: several kernels read it",
        "exp_1 kept apart from sum_0, neg_2: several kernels read it",
        "exp_2 kept apart from sum_0: one contraction per kernel",
    )
    storages = (given, weight, hidden, sums, fresh, flag, result)
    return Plan("small", storages, steps, 4, decisions)
