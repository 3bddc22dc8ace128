"""Names are data: none of them becomes code, markup, or the path of a file."""

from __future__ import annotations

from pathlib import Path
from xml.dom import minidom

import numpy as np
import pytest

import graphc as gx
from graphc.errors import ShapeError
from graphc.ir.graph import graph

from .refusal import refused

# fmt: off
NAMES = [
    "class", "lambda", "None", "self", "args", "kwargs", "value",      # words of Python
    "a b", "a\nb", "a\tb", "a'b", 'a"b', "\\", "\\00", "{0}", "%s",    # words of texts
    "%0", "@main", "; ret void", "}\ndefine void @x() { ret void }\n", "!{i32 1}",    # of LLVM
    "graphc_run", "graphc_copy", "malloc", "i0", "r0", "b0", "scratch", "entry", "x.v0",
    "</text><script>alert(1)</script>", "&amp;", "]]>", "<b>", "-->",  # of SVG
    'a" shape=box]; evil -> b; "', "label [color=red]", "->",          # of dot
    "../../escaped", "/etc/passwd", "$(touch escaped)", "`ls`", "a\0b", "\x1b[31m",  # of shells
    "é", "漢字", "🙂", "\u202egnirts", "\ud800", "x" * 5000,
]
# fmt: on


def model(name: str, where: str) -> gx.Function:
    x = gx.placeholder((None, 3), name=name if where == "input" else "x")
    v = gx.variable(np.ones((3, 3), np.float32), name=name if where == "variable" else "v")
    y = gx.nn.softmax(x @ v + 1)
    label = name if where == "function" else "f"
    return gx.function(x, y, updates={v: v + gx.sum(x) * 0}, name=label)


@pytest.mark.parametrize("where", ["input", "variable", "function"])
@pytest.mark.parametrize("name", NAMES, ids=lambda n: ascii(n[:20]))
def test_any_name(name, where, tmp_path):
    inside = tmp_path / "dumps"
    with gx.settings(dump=str(inside)):
        f = model(name, where)
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    (x,) = f.program.inputs
    np.testing.assert_allclose(f(**{x.name: a}).sum(), 2, rtol=1e-6)
    given = graph(f.program.graph.inputs, f.program.graph.outputs)
    assert gx.parse(gx.show(given)) is given
    assert f.explain()
    assert repr(f)
    assert all(inside in path.parents for path in Path(tmp_path).rglob("*") if path != inside)
    refused(lambda: f(np.ones((2, 4))), gx.errors.FeedError, "axis 1")


@pytest.mark.parametrize("name", NAMES, ids=lambda n: ascii(n[:20]))
def test_any_name_in_a_picture(name, tmp_path):
    for where in ("input", "variable", "function"):
        drawing = gx.draw(model(name, where), tmp_path / "picture.dot")
        drawn = minidom.parseString(drawing.svg)
        assert not drawn.getElementsByTagName("script")
        assert "\n" + "evil ->" not in drawing.dot


@pytest.mark.parametrize("name", [n for n in NAMES if not n.isidentifier() or not n.isascii()])
def test_names_of_sizes_are_identifiers(name):
    refused(lambda: gx.placeholder((name,)), ShapeError, "a named size is an ASCII identifier")
