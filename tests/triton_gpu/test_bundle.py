"""Independent elementwise kernels share a launch: which they are, and that bits are the same."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import graphc as gx
from benchmarks import workloads
from benchmarks.networks import WORKLOADS
from graphc.backends.triton_gpu import backend, bundle
from graphc.backends.triton_gpu.grain import GRAIN
from graphc.backends.triton_gpu.kernels import forms_of
from graphc.compiler import Function
from graphc.kernels.levels import of_stores
from graphc.schedule.plan import KernelStep, Plan
from graphc.schedule.schedule import make_plan
from graphc.schedule.touch import loaded, reads, writes

TARGET = "triton_interpret"


def launches(plan: Plan) -> int:
    return sum(len(form.calls) for form in forms_of(plan).values())


def plans(f: Function) -> tuple[Plan, Plan]:
    before = make_plan(f.program, grain=GRAIN)
    return before, bundle.bundled(before)


def momentum(sizes=(5, 3, 7), target="reference"):
    """Updates of several weights, each with a velocity, and a rate that falls. Slopes are sorted:
    then they are in memory when the updates come."""
    x = gx.placeholder((None, 5), name="x")
    updates = {}
    rate = gx.variable(np.float32(0.1), name="rate")
    for i, n in enumerate(sizes):
        w = gx.variable(np.linspace(-1, 1, 5 * n, dtype=np.float32).reshape(5, n), name=f"w{i}")
        v = gx.variable(np.ones((5, n), np.float32), name=f"v{i}")
        slope = gx.sort(gx.grad(gx.mean(gx.tanh(x @ w)), w), axis=0)
        updates[v] = 0.9 * v + slope
        updates[w] = w - rate * updates[v]
    updates[rate] = rate * 0.5
    return gx.function(x, gx.mean(x), updates=updates, target=target), list(updates)


def test_updates_wait_for_one_launch():
    before, after = plans(momentum()[0])
    names = [s.name for s in after.steps if isinstance(s, KernelStep) and "more" in s.name]
    assert len(names) == 1
    assert launches(before) - launches(after) == 2
    last = after.steps[-2]
    assert isinstance(last, KernelStep)
    assert last.because == "independent of each other: one launch"
    assert {s.name for s in writes(last)} == {f"{n}{i}" for n in "vw" for i in range(3)}
    # The rate that they read changes afterwards.
    assert [s.name for s in writes(after.steps[-1])] == ["rate"]
    assert set(before.storages) == set(after.storages)


def test_a_bundle_has_so_many_members():
    _, after = plans(momentum(range(1, 21))[0])
    sizes = [len(writes(s)) // 2 for s in after.steps if getattr(s, "because", "")]
    assert sizes == [bundle.MEMBERS, 4]


def test_what_would_keep_much_memory_alive_does_not_wait(monkeypatch):
    f, _ = momentum()
    monkeypatch.setattr(bundle, "HELD", 4 * 5 * (5 + 3))
    before, after = plans(f)
    sizes = [len(writes(s)) // 2 for s in after.steps if getattr(s, "because", "")]
    assert (sizes, launches(before) - launches(after)) == ([2], 1)


def test_every_result_reads_what_it_read_before():
    for f in (momentum()[0], momentum(range(1, 21))[0]):
        before, after = plans(f)
        assert readings(before) == readings(after)
        first = [any(t.place == "variable" for t in writes(s)) for s in after.steps].index(True)
        assert after.commit == first


def readings(plan: Plan) -> set[tuple[str, frozenset[tuple[str, int]]]]:
    """For each storage that is written: what its stores read, and how often that was written."""
    count: Counter[str] = Counter()
    found = set()
    for step in plan.steps:
        made = {}
        for s in step.kernel.stores if isinstance(step, KernelStep) else ():
            part = of_stores(step.kernel, [s])
            made[step.bound[s.buffer.name].name] = {step.bound[n].name for n in loaded(part)}
        if not isinstance(step, KernelStep):
            made = {t.name: {s.name for s in reads(step)} for t in writes(step)}
        found |= {(t, frozenset((n, count[n]) for n in names)) for t, names in made.items()}
        count.update(made.keys())
    return found


def test_bits_are_those_of_launches_of_their_own(monkeypatch):
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    results = []
    for plan_of in (bundle.plan_of, lambda p, o=None: make_plan(p, o, grain=GRAIN)):
        monkeypatch.setattr(backend, "plan_of", plan_of)
        f, variables = momentum(target=TARGET)
        losses = [f(x[:n]) for n in (4, 3, 4)]
        results.append([np.array(losses), *(v.numpy() for v in variables)])
        count = sum(len(form.calls) for form in f.executable.forms.values())
        results[-1].append(count)
    (*some, few), (*others, many) = results
    assert few == many - 2
    for a, b in zip(some, others, strict=True):
        np.testing.assert_array_equal(a, b)


def test_neighbours_of_any_size():
    """Sizes that are known at the call alone, several axes, a number, dtypes."""
    x = gx.placeholder(("n", 3), name="x")
    y = gx.placeholder(("m",), "int32", name="y")
    z = gx.placeholder((), name="z")
    outputs = gx.exp(x), y * 2, gx.transpose(x, (1, 0)) + 1.0, z - 1.0
    f = gx.function([x, y, z], outputs, target=TARGET)
    assert len(f.executable.plan.steps) == 1
    (form,) = f.executable.forms.values()
    assert len(form.calls) == 1
    source = form.calls[0].launch.source
    assert source.count("if program <") == len(outputs) - 1
    for n, m in ((2, 3000), (700, 1), (0, 5), (1, 0)):
        given = np.arange(3 * n, dtype=np.float32).reshape(n, 3) / 7, np.arange(m), 4.0
        wanted = gx.function([x, y, z], outputs, target="reference")(*given)
        for a, b in zip(wanted, f(*given), strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [("W2", 28, 25), pytest.param("W5", 680, 629, marks=pytest.mark.slow)],
)
def test_launches_of_a_training_step(name, before, after):
    """The numbers of docs/gpu.md."""
    with gx.settings(backend="reference"):
        f = workloads.training(WORKLOADS[name])
    assert tuple(map(launches, plans(f))) == (before, after)
