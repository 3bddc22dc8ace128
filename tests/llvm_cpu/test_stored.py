"""Functions from the cache: the same bits, present names and lines, nothing compiled."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import graphc as gx
from graphc import cache
from graphc.backends.llvm_cpu import late
from graphc.backends.llvm_cpu.program import LLVMExecutable
from graphc.backends.llvm_cpu.run.restored import Restored
from graphc.compiler import Function
from graphc.errors import FeedError, OutOfRangeError
from graphc.ir.fingerprint import fingerprint
from graphc.ir.graph import graph
from graphc.knobs import settings

Make = Callable[[str], Function]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with settings(cache_dir=str(tmp_path)):
        yield tmp_path


def entries(folder: Path) -> list[Path]:
    return list((folder / "functions").glob("*.o"))


# fmt: off
def elementwise(name: str) -> Function:
    x = gx.placeholder((f"{name}_rows", 5), name=f"{name}_x")
    y = gx.placeholder((None, 5), name=f"{name}_y")
    return gx.function([x, y], {"a": gx.tanh(x) * 3 + y, "b": gx.sum(x * y, axis=0)})

def trained(name: str) -> Function:
    x = gx.placeholder((None, 8), name=f"{name}_x")
    w = gx.variable(np.linspace(-1, 1, 40, dtype=np.float32).reshape(8, 5), name=f"{name}_w")
    loss = gx.mean(gx.square(gx.tanh(x @ w)))
    return gx.function([x], loss, updates={w: w - 0.5 * gx.grad(loss, w)})

def looped(name: str) -> Function:
    x = gx.placeholder((None, 7), name=f"{name}_x")
    last, rows = gx.scan(lambda c, r: (gx.tanh(c + r), c), gx.zeros((7,)), x)
    return gx.function([x], [last, rows])

def constants(name: str) -> Function:
    x = gx.placeholder((None, 300), name=f"{name}_x")
    table = gx.constant(np.random.default_rng(0).random((300, 11), np.float32))
    return gx.function(x, gx.sort(x @ table)[0])

def gathered(name: str) -> Function:
    x, i = gx.placeholder((9, 4), name=f"{name}_x"), gx.placeholder((None,), "int32", name="i")
    return gx.function([x, i], gx.take(x, i, axis=0))
# fmt: on

FUNCTIONS: dict[Make, tuple[tuple[int, ...], ...]] = {
    elementwise: ((6, 5), (6, 5)),
    trained: ((9, 8),),
    looped: ((4, 7),),
    constants: ((3, 300),),
}


def values(shapes: tuple[tuple[int, ...], ...]) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [random.standard_normal(s).astype(np.float32) for s in shapes]


def bits(result: object) -> list[bytes]:
    flat = result.values() if isinstance(result, dict) else result
    return [np.asarray(a).tobytes() for a in (flat if not isinstance(flat, np.ndarray) else [flat])]


@pytest.mark.parametrize("make", FUNCTIONS, ids=lambda f: f.__name__)
def test_a_restored_function_gives_the_same_bits(
    make: Make, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = make("one")
    assert isinstance(fresh.executable, LLVMExecutable)
    assert len(entries(folder)) == 1
    with monkeypatch.context() as patch:
        patch.setattr(late, "executable", lambda program: pytest.fail("nothing is compiled"))
        restored = make("other")
        assert isinstance(restored.executable, Restored)
        for _ in range(2):
            given = values(FUNCTIONS[make])
            assert bits(fresh(*given)) == bits(restored(*given))
            assert not restored.draft.is_finished, "no pass has run"
    assert len(entries(folder)) == 1


def test_a_restored_function_can_be_looked_at() -> None:
    fresh, restored = trained("one"), trained("other")
    (x,) = values(((9, 8),))
    fresh(x), restored(x)
    assert restored.explain().count("\n") == fresh.explain().count("\n")
    sizes = {str(restored.program.inputs[0].shape[0]): 9}
    executable = restored.executable
    assert isinstance(executable, Restored)
    ran = [step for step, _ in executable.profile([x], sizes)]
    assert set(ran) <= set(executable.plan.steps)


def test_errors_of_a_restored_function_say_where_things_are_now() -> None:
    gathered("one")
    line = sys._getframe().f_lineno + 3
    x, i = gx.placeholder((9, 4), name="now"), gx.placeholder((None,), "int32", name="i")
    # Another line than that of `gathered`, and nothing else is different.
    taken = gx.take(x, i, axis=0)
    function = gx.function([x, i], taken)
    assert isinstance(function.executable, Restored)
    with pytest.raises(OutOfRangeError) as error:
        function(np.zeros((9, 4), np.float32), [9])
    assert f"{Path(__file__).name}:{line}" in str(error.value)
    with pytest.raises(FeedError, match="now"):
        function(np.zeros((8, 4), np.float32), [1])


def test_sizes_are_checked_as_before() -> None:
    elementwise("one")
    restored = elementwise("other")
    assert isinstance(restored.executable, Restored)
    with pytest.raises(FeedError, match="other_rows"):
        restored(*values(((6, 5), (7, 5))))


@pytest.mark.parametrize("change", [{"llvm_opt": 1}, {"tune": True}, {"exact_convolution": True}])
def test_a_switch_that_decides_makes_another_entry(
    change: dict[str, str | int | bool], folder: Path
) -> None:
    elementwise("one")
    with settings(**change):
        elementwise("one")
    assert len(entries(folder)) == 2


def test_what_a_function_is_decides_its_entry(folder: Path) -> None:
    x = gx.placeholder((None, 4), name="x")
    w = gx.variable(np.ones(4, np.float32), name="decides")
    y = x * 2.0 + w
    gx.function(x, y)
    gx.function(x, x * 3.0 + w)
    gx.function(x, y, updates={w: w + 1})
    gx.function(x, y, inference=True)
    gx.function(x, y, fast_math=True)
    gx.function(x, y, disable=["fuse"])
    gx.function(x, [y, y])
    assert len(entries(folder)) == 7


def test_nothing_is_taken_from_the_cache_where_passes_are_watched(folder: Path) -> None:
    elementwise("one")
    with settings(check=2):
        assert isinstance(elementwise("one").executable, LLVMExecutable)


@pytest.mark.parametrize(
    "damage",
    [
        lambda facts: facts.pop("words"),
        lambda facts: facts.update(sizes=["__import__('os')"]),
        lambda facts: facts.update(cells=[[0, "arena", 99]]),
        lambda facts: facts.update(outside=[[0, "no_such_function"]]),
        lambda facts: facts.update(entries=[]),
    ],
)
def test_an_entry_that_makes_no_sense_is_compiled_again(
    damage: Callable[[dict[str, object]], object], folder: Path
) -> None:
    want = elementwise("one")(*values(FUNCTIONS[elementwise]))
    (path,) = entries(folder)
    data = cache.lookup(path.stem, "functions")
    assert data
    (length,) = struct.unpack_from("<I", data)
    facts = json.loads(data[4 : 4 + length])
    damage(facts)
    text = json.dumps(facts).encode()
    cache.store(path.stem, struct.pack("<I", len(text)) + text + data[4 + length :], "functions")
    again = elementwise("one")
    assert isinstance(again.executable, LLVMExecutable)
    assert bits(again(*values(FUNCTIONS[elementwise]))) == bits(want)


PROGRAM = """
import sys
import numpy as np
import graphc as gx
x = gx.placeholder((None, 8), name="x")
w = gx.variable(np.ones((8, 5), np.float32), name="w")
f = gx.function(x, gx.exp(x @ w), updates={w: w * 2})
print(f(np.full((40, 8), 0.125, np.float32))[39].tolist(), "llvmlite" in sys.modules)
"""


def test_a_second_process_does_without_llvm(folder: Path) -> None:
    environment = {**os.environ, "GRAPHC_CACHE_DIR": str(folder)}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True
        ).stdout.split()
        for _ in range(2)
    )
    assert first[:-1] == second[:-1]
    assert (first[-1], second[-1]) == (b"True", b"False")


def test_fingerprints_leave_out_names_and_lines_but_not_which_lines_are_one() -> None:
    def built(name: str, apart: bool) -> str:
        x = gx.placeholder((name, 3), name=name)
        y = gx.sin(x) + gx.cos(x)
        if apart:
            y = gx.sin(x)
            y = y + gx.cos(x)
        return fingerprint(graph([x], [y])).text

    assert built("a", False) == built("b", False)
    assert built("c", False) != built("d", True)
