"""The results: as a table, as a file, and what does not count as one."""

from __future__ import annotations

from benchmarks import record
from benchmarks.__main__ import SAME, differing, options, wanted
from benchmarks.record import Row

SECONDS = {"graphc": [1e-3, 2e-3, 1e-3], "torch": [2e-3, 2e-3, 4e-3]}
ROW = Row(
    "W1", True, 128, 2, SECONDS, {"jax": "no answer"}, {"torch": "2"}, int(1e9), 2e12, 0,
    "2026-01-01", "abc", "python -m benchmarks",
)  # fmt: skip


def test_table():
    head, line = record.table([ROW])
    assert head == [
        "workload", "batch", "graphc", "torch", "jax", "best peer", "ratio", "of FMA bound",
    ]  # fmt: skip
    assert line == ["W1 MLP 784-256-256-10", "128", "1", "2", "–", "torch", "0.50", "50%"]


def test_page_tells_why_there_is_a_dash():
    page = record.page("a machine", [ROW])
    assert "- jax on W1 batch 128: no answer" in page
    assert "## Training step, 2 threads" in page
    assert "## Inference" not in page


def test_columns_are_aligned():
    lines = record.markdown([["a", "bb"], ["ccc", "d"]]).splitlines()
    assert lines == ["| a   | bb |", "| --- | -: |", "| ccc |  d |"]


def test_numbers_have_three_digits():
    shown = [record.milliseconds(s) for s in (1.2345, 0.0123456, 0.000123456, 0.0000123456)]
    assert shown == ["1234", "12.3", "0.123", "0.0123"]


def test_rows_are_kept(tmp_path):
    file = tmp_path / "machine.json"
    assert record.load(file) == {}
    record.store(file, {ROW.key: ROW})
    assert record.load(file) == {ROW.key: ROW}


def test_lines_are_kept(tmp_path):
    file = tmp_path / "lines.json"
    record.kept(file, {"b": ["b", "1"], "a": ["a", "1"]})
    assert record.kept(file, {"b": ["b", "2"]}) == [["a", "1"], ["b", "2"]]


def test_who_computes_something_else_is_no_peer():
    answers = {"graphc": 2.0, "torch": 2.001, "jax": 2.5}
    assert list(differing(answers, SAME)) == ["jax"]
    assert differing({"jax": 1.0}, SAME) == {}


def test_rows_that_are_measured():
    assert wanted(options(["W6", "W3"])) == [
        ("W6", False, 1), ("W3", True, 64), ("W3", False, 1), ("W3", False, 64),
    ]  # fmt: skip
    assert wanted(options(["W3", "--train"])) == [("W3", True, 64)]
