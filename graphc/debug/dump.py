"""The graph after each pass as numbered files (`GRAPHC_DUMP`), and what a pass changed as a diff.

`compiler.py` hands `observer` to the pipeline; files about kernels are written by `stages.py`.
"""

from __future__ import annotations

import difflib
import os

from graphc.ir.graph import Graph
from graphc.ir.printer import show
from graphc.passes.pipeline import Observe, PassReport
from graphc.schedule.kernels import safe_name

CONTEXT = 1  # unchanged lines shown around a change


def folder_of(dump: str, name: str) -> str:
    """The folder of one function within that of `GRAPHC_DUMP`; no name leads out of it."""
    return os.path.join(dump, safe_name(name))


def observer(folder: str) -> Observe:
    """Writes `00_input.graph`, then `03_simplify.graph` and so on for each pass that changed it."""
    os.makedirs(folder, exist_ok=True)

    def observe(number: int, report: PassReport, before: Graph, after: Graph) -> None:
        if number == 1:
            _write(folder, 0, "input", before)
        if report.changed:
            _write(folder, number, report.name, after)

    return observe


def write_text(folder: str, number: int, name: str, ending: str, text: str) -> str:
    """Write one numbered file, as `20_kernel_3.loops`; its path."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{number:02}_{name}.{ending}")
    with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text + "\n")
    return path


def diff(before: Graph, after: Graph) -> str:
    """The lines of the printed form that differ, `-` before and `+` after; "" if none does.

    Tensors are numbered anew in each graph, so lines are compared by what they say of their inputs
    only as far as the numbers agree.
    """
    old, new = (show(g, sources=True).split("\n") for g in (before, after))
    lines = difflib.unified_diff(old, new, lineterm="", n=CONTEXT)
    return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def _write(folder: str, number: int, name: str, graph: Graph) -> None:
    write_text(folder, number, name, "graph", show(graph, sources=True))
