"""Each level of `GRAPHC_DEBUG` adds its one thing, from a user's program to assembly."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest

import graphc as gx
from graphc.knobs import settings

SHOWN = {
    1: r"^f: \d+ -> \d+ nodes, \d+ kernels, passes [\d.]+ ms .*, backend [\d.]+ ms$",
    2: r"^f: \w+ +1 x +[\d.]+ ms +[\d.]+ GB/s +[\d.]+ GFLOP/s$",
    3: r"^f: .*kept apart",
    4: r"^define ",
    5: r"^f 03 simplify: ",
    6: r"^# f: \w+ after fusion\nkernel ",
    7: r"^# kernel 1.* of f\n(.*\n)+?\s+\.text",
}


def run(name: str = "f") -> np.ndarray:
    """A product, its softmax and a sum over rows: more than one kernel."""
    x = gx.placeholder(("n", 5), name="x")
    w = gx.variable(np.ones((5, 3), np.float32), name="w")
    f = gx.function(x, gx.sum(gx.softmax(x @ w) @ w.T, axis=0), name=name, target="llvm_cpu")
    return f(np.arange(20, dtype=np.float32).reshape(4, 5))


@pytest.mark.parametrize("level", range(8))
def test_each_level_adds_one_thing(level, capsys):
    with settings(debug=level):
        run()
    printed = capsys.readouterr()
    found = [i for i, p in SHOWN.items() if re.search(p, printed.err, re.MULTILINE)]
    assert found == list(range(1, level + 1))
    assert printed.out == ""


def test_watching_changes_no_bit(tmp_path):
    with settings(debug=0, dump=None):
        expected = run()
    with settings(debug=7, dump=str(tmp_path)):
        np.testing.assert_array_equal(run(), expected)


def test_a_dump_holds_every_stage(tmp_path, capsys):
    with settings(debug=0, dump=str(tmp_path)):
        run()
    names = sorted(p.name for p in (tmp_path / "f").iterdir())
    kinds = {(name[:2], name.rpartition(".")[2]) for name in names if name[:2] > "17"}
    assert kinds == {
        ("18", "txt"),
        ("19", "loops"),
        ("20", "loops"),
        ("21", "ll"),
        ("22", "s"),
    }
    assert names[0] == "00_input.graph"
    assert f"# {os.path.basename(__file__)}:" in (tmp_path / "f" / "20_kernel_1.loops").read_text()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["../out", "/abs", "a/b", "\udc80", "."])
def test_no_name_leads_out_of_the_folder(name, tmp_path, capfd):
    inner = tmp_path / "inner"
    with settings(debug=7, dump=str(inner)):
        run(name)
    assert [p.name for p in tmp_path.iterdir()] == ["inner"]
    (folder,) = inner.iterdir()
    assert folder.is_dir()
    assert capfd.readouterr().err


def test_a_loop_shows_the_kernels_of_its_body(capsys):
    xs = gx.placeholder((3, 4), name="xs")

    def body(carry, row):
        carry = carry + gx.tanh(row)
        return carry, carry

    total, _ = gx.scan(body, gx.zeros(4), xs)
    with settings(debug=2):
        gx.function(xs, total, name="f", target="llvm_cpu")(np.ones((3, 4), np.float32))
    assert re.search(r"^f: \w+ +3 x ", capsys.readouterr().err, re.MULTILINE)
