"""Dumps and logs of passes: numbered files that can be read back, one line per compile, diffs."""

from __future__ import annotations

from graphc.debug import dump, log
from graphc.ir.graph import graph
from graphc.ir.parser import parse
from graphc.knobs import settings
from graphc.ops import elementwise, leaf
from graphc.passes.options import Options
from graphc.passes.pipeline import PIPELINE, run

x = leaf.placeholder((3,), name="x")
GIVEN = graph([x], [elementwise.log(1 + elementwise.exp(x * 1))])


def test_files_are_numbered_and_hold_the_graphs(tmp_path):
    result, reports = run(GIVEN, Options(), observe=dump.observer(str(tmp_path)))
    names = sorted(p.name for p in tmp_path.iterdir())
    changed = [(i, r.name) for i, r in enumerate(reports, start=1) if r.changed]
    assert names == ["00_input.graph", *(f"{i:02}_{name}.graph" for i, name in changed)]
    assert parse((tmp_path / names[0]).read_text().rstrip()) is GIVEN
    assert parse((tmp_path / names[-1]).read_text().rstrip()) is result


def test_the_diff_shows_what_changed():
    result, _ = run(GIVEN, Options())
    lines = dump.diff(GIVEN, result).split("\n")
    assert any(line.startswith("-") and "= log(" in line for line in lines)
    assert any(line.startswith("+") and "= log1p(" in line for line in lines)
    assert dump.diff(GIVEN, GIVEN) == ""


def test_one_line_per_compile(capsys):
    _, reports = run(GIVEN, Options())
    line = log.summary("loss", reports, kernels=2)
    assert line.startswith(f"loss: {len(GIVEN.nodes)} -> ")
    assert "2 kernels" in line
    assert "\n" not in line
    with settings(debug=1):
        log.say(1, line)
        log.say(2, "not this")
    assert capsys.readouterr().err == line + "\n"


def test_switches_choose_who_listens(tmp_path, capsys):
    with settings(debug=0, dump=None):
        assert log.observer("f") is None
    with settings(debug=5, dump=str(tmp_path)):
        run(GIVEN, Options(), observe=log.observer("f"))
    printed = capsys.readouterr().err
    assert "f 04 stabilize: " in printed
    assert "1 x log(1 + x) = log1p(x)" in printed
    assert printed.count("\nf ") + printed.startswith("f ") == len(PIPELINE)
    assert (tmp_path / "f" / "00_input.graph").exists()
