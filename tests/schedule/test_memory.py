"""The arena: lifetimes, writing in place, offsets near the lower bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graphc import dtypes
from graphc.dtypes import DType
from graphc.ir.dim import Shape, Size, evaluate, named
from graphc.kernels import build
from graphc.kernels.kernel import Axis, Buffer, Expr, Kernel
from graphc.schedule.memory import MemoryPlan, arrange, blocks_of, most_alive, replaces, rounded
from graphc.schedule.plan import KernelStep, Place, Plan, ScanStep, Storage

n = named("n")


def storage(
    name: str, shape: Shape = (n, 4), place: Place = "arena", dtype: DType = dtypes.float32
) -> Storage:
    return Storage(name, dtype, shape, place, 0)


def step(target: Storage, *sources: Storage, index: tuple[str, ...] = ("i", "j")) -> KernelStep:
    """target[i, j] = sum of sources[index]"""
    axes = (Axis("i", target.shape[0]), Axis("j", target.shape[1]))
    value: Expr = build.const(1.0, target.dtype)
    for s in sources:
        value = build.op("add", value, build.load(Buffer(s.name, s.dtype, s.shape), *index))
    out = Buffer(target.name, target.dtype, target.shape)
    kernel = Kernel("test", axes, (build.store(out, ("i", "j"), value),))
    return KernelStep(kernel, {s.name: s for s in (*sources, target)})


def plan(*steps: KernelStep | ScanStep) -> Plan:
    return Plan("test", (), steps)


def lives(p: Plan) -> dict[str, tuple[int, int]]:
    blocks = blocks_of(p, {})
    return {"+".join(s.name for s in b.storages): (b.first, b.last) for b in blocks}


def test_lifetimes_run_from_first_write_to_last_read() -> None:
    x, a, b, y = storage("x", place="input"), storage("a"), storage("b"), storage("y", (n, 4))
    c, z = storage("c", (n, 5)), storage("z", (n, 4), "output")
    steps = [step(a, x), step(b, a), step(c), step(y, a), step(z, b, y)]
    assert lives(plan(*steps)) == {"a+y": (0, 4), "b": (1, 4), "c": (2, 2)}


def test_a_loop_takes_the_time_of_its_body() -> None:
    init, xs, last = storage("init"), storage("xs"), storage("last")
    inside, carried = storage("inside"), storage("carried", place="parameter")
    result, other, late = storage("result", place="result"), storage("other"), storage("late")
    body = plan(step(inside, carried), step(other), step(result, inside, other))
    loop = ScanStep(body, n, False, (init,), (xs,), (), (last,), ())
    spare = storage("spare")
    p = plan(step(init), step(xs), loop, step(late, last))
    found = {b.storages[0].name: (b.first, b.last) for b in blocks_of(p, {loop: (spare,)})}
    assert found["init"][1] >= found["inside"][1] > found["inside"][0] > found["xs"][0]
    assert found["spare"][0] < found["inside"][0]
    assert found["spare"][1] >= found["other"][1]
    assert found["last"][0] <= found["inside"][0]


@pytest.mark.parametrize(
    ("index", "target", "same"),
    [
        (("i", "j"), storage("y"), True),
        (("i", "j"), storage("y", dtype=dtypes.int32), True),
        (("j", "i"), storage("y", (4, n)), False),
        (("i", "j"), storage("y", dtype=dtypes.float64), False),
        ((build.affine_sum(build.as_index("i"), 1), "j"), storage("y"), False),
    ],
)
def test_a_map_may_write_over_what_it_reads_at_the_same_place(
    index: tuple[str, ...], target: Storage, same: bool
) -> None:
    x = storage("x")
    assert replaces(step(target, x, index=index), target, x) is same


def test_a_product_of_matrices_may_not_write_in_place() -> None:
    x, y, w = storage("x", (4, 4)), storage("y", (4, 4)), storage("w", (4, 4), "input")
    a, b, c = (Buffer(s.name, s.dtype, s.shape) for s in (x, w, y))
    product = build.op("mul", build.load(b, "i", "k"), build.load(b, "k", "j"))
    value = build.op("add", build.reduce("sum", product, "k"), build.load(a, "i", "j"))
    axes = tuple(Axis(name, 4) for name in "ijk")
    kernel = Kernel("test", axes, (build.store(c, ("i", "j"), value),))
    assert not replaces(KernelStep(kernel, {"x": x, "w": w, "y": y}), y, x)


def test_what_other_loops_read_may_not_be_overwritten() -> None:
    old, new, mean = (storage(name, ()) for name in ("old", "new", "mean"))
    x = storage("x", (7,))
    count = build.load(Buffer("old", old.dtype, ()))
    values = build.load(Buffer("x", x.dtype, (7,)), "i")
    more = build.op("add", count, build.const(1.0, old.dtype))
    part = build.op("div", build.reduce("sum", values, "i"), count)
    alone = build.store(Buffer("new", new.dtype, ()), (), more)
    other = build.store(Buffer("mean", mean.dtype, ()), (), part)
    bound = {s.name: s for s in (old, new, mean, x)}
    for stores, may in (((alone,), True), ((alone, other), False)):
        kernel = Kernel("test", (Axis("i", 7),)[: len(stores) - 1], stores)
        names = {"old", "x", *(s.buffer.name for s in stores)}
        made = KernelStep(kernel, {n: bound[n] for n in names})
        assert replaces(made, new, old) is may


def test_offsets_serve_the_largest_sizes_so_far() -> None:
    x, a, b, c = storage("x", place="input"), storage("a"), storage("b"), storage("c", (n, 4))
    p = plan(step(a, x), step(b, x), step(c, a, b))
    memory = MemoryPlan(blocks_of(p, {}))

    def fit(size: int):
        def value(s: Size) -> int:
            return evaluate(s, {"n": size})

        return memory.fit(memory.measure(value))

    small, large = fit(10), fit(1000)
    assert small is not large
    assert fit(500) is large is fit(1000)
    assert large.nbytes == large.bound == 2 * 1000 * 4 * 4
    memory.forget()
    assert fit(10).nbytes == small.nbytes


@pytest.mark.parametrize(
    ("disabled", "arrays"), [(set(), 1), ({"in_place"}, 2), ({"reuse_memory"}, 4)]
)
def test_sharing_can_be_switched_off(disabled: set[str], arrays: int) -> None:
    x = storage("x", place="input")
    chain = [storage(name) for name in "abcd"]
    steps = [step(new, old) for new, old in zip(chain, [x, *chain])]
    memory = MemoryPlan(blocks_of(replace(plan(*steps), disabled=frozenset(disabled)), {}))
    assert memory.fit(memory.measure(lambda s: evaluate(s, {"n": 64}))).nbytes == arrays * 1024


def random_blocks(seed: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 60, count)
    return rng.integers(0, 5000, count), first, first + rng.integers(0, 30, count)


@pytest.mark.parametrize("seed", range(5))
def test_what_lives_together_does_not_overlap(seed: int) -> None:
    nbytes, first, last = random_blocks(seed, 80)
    offsets, total = arrange(nbytes, first, last)
    assert not np.any(offsets % 64)
    assert total >= most_alive(nbytes, first, last)
    for i in range(80):
        for j in range(i):
            if first[i] <= last[j] and first[j] <= last[i]:
                apart = offsets[i] + nbytes[i] <= offsets[j]
                assert apart or offsets[j] + nbytes[j] <= offsets[i]


def network(widths: list[int], skips: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training of layers: activations live until their backward step, gradients for a step or two,
    scratch for one; every `skips` layers an activation is read again later."""
    depth = len(widths)
    blocks = []
    for i, width in enumerate(widths):
        backward = 2 * depth - 1 - i
        blocks.append((width, i, backward))
        blocks.append((width // 4, i, i))
        blocks.append((width, backward - 1 if i < depth - 1 else backward, backward))
        if skips and i % skips == 0:
            blocks.append((width, backward - min(skips, i), backward))
        blocks.append((width // 8 + 4096, backward, backward + 1))
    nbytes, first, last = np.array(blocks).T
    return nbytes, first, last


@pytest.mark.parametrize(
    ("widths", "skips"),
    [
        ([64 * 4 * 56**2] * 6 + [128 * 4 * 28**2] * 8 + [256 * 4 * 14**2] * 12, 2),
        ([64 * 4 * 224**2] * 2 + [128 * 4 * 112**2] * 2 + [256 * 4 * 56**2] * 4, 0),
        ([1000 * (30 - i) for i in range(30)], 3),
        ([777 * (1 + i * i % 11) for i in range(60)], 4),
    ],
)
def test_training_of_networks_comes_near_the_bound(widths: list[int], skips: int) -> None:
    blocks = network(widths, skips)
    _, total = arrange(*blocks)
    assert total <= 1.1 * most_alive(*blocks)


def test_no_blocks_need_no_memory() -> None:
    nothing = np.zeros(0, np.int64)
    assert arrange(nothing, nothing, nothing)[1] == 0
    assert rounded(np.array([0, 1, 64, 65])).tolist() == [0, 64, 64, 128]
