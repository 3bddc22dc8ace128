"""The page about a plan, compared with the one in golden/, and what it says of real plans."""

from __future__ import annotations

import re
from pathlib import Path

from graphc.debug.explain import WIDTH, Known, explain
from graphc.ir.dim import evaluate
from graphc.ir.graph import graph
from graphc.ops import control, leaf, reduce
from graphc.passes.pipeline import PassReport
from graphc.program import Program
from graphc.schedule.memory import MemoryPlan, blocks_of
from graphc.schedule.schedule import make_plan

from .programs import small_plan, training_step

GOLDEN = Path(__file__).parent / "golden" / "explain.txt"
REPORT = (
    PassReport("fold_constants", 40, 40, 0.0004, (), False),
    PassReport("simplify", 40, 31, 0.00123, (("x * 1 = x", 2), ("x + 0 = x", 7)), True),
)


def page() -> str:
    """The page on the plan made by hand, with all that a backend can add."""
    plan, sizes = small_plan(), {"n": 32}
    memory = MemoryPlan(blocks_of(plan, {}))
    memory.fit(memory.measure(lambda size: evaluate(size, sizes)))
    notes = {plan.steps[0]: "~1.2 us"}
    known = Known(sizes, notes, ["on a backend that says this"], memory)
    return explain(plan, REPORT, known) + "\n"


def test_page() -> None:
    hint = "if the new page is right, in tests/: python -m debug.test_explain"
    assert page() == GOLDEN.read_text(), hint


def test_without_sizes_there_are_polynomials_only() -> None:
    text = explain(small_plan())
    assert "\nflops   44*n\n" in text
    assert "size    n = x.shape[0]\n" in text
    assert "passes" not in text
    assert "arena" not in text


def test_a_training_step() -> None:
    step = training_step()
    text = explain(make_plan(step.program))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert re.search(r"programs.py:\d+  hidden = nn.relu\(x @ w\)$", text, re.MULTILINE)
    assert re.search(r"^  [ \d]+  \w+  update  a\d = 32$", text, re.MULTILINE)
    assert re.search(r"^kept apart\n  \w.*:\n      \w+_\d+ from", text, re.MULTILINE)
    for node in step.program.graph.nodes:
        if node.op.name == "dot_general":
            assert node.label in text


def test_bodies_of_loops_are_explained() -> None:
    x = leaf.placeholder((20, 4), name="x")
    total, sums = control.scan(lambda c, row: (c + row, reduce.sum(c * row)), leaf.zeros((4,)), x)
    outputs = (total, sums, reduce.cumsum(x, axis=0))
    text = explain(make_plan(Program("loops", graph((x,), outputs), (x,), (), 3, ())))
    assert re.search(r"^  2  scan  20 turns$", text, re.MULTILINE)
    assert re.search(r"^ +scan_\d+_body:\n +1  ", text, re.MULTILINE)
    assert "  3  running sum  axis 0\n" in text
    # 20 turns with 4 sums, 4 products and 4 additions of them; 80 running sums.
    assert text.splitlines()[1].split() == ["flops", "320"]


if __name__ == "__main__":
    GOLDEN.write_text(page())
