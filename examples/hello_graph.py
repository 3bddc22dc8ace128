"""A computation is a graph first: build it, print it, optimise it, draw it, then call it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import graphc as gx


def main(folder: str = ".") -> None:
    # None is a size that is not known yet; one compile serves every length.
    x = gx.placeholder((None,), name="x")
    w = gx.variable(2.0, name="w")
    y = gx.sum(gx.tanh(x * w * 1.0) + 0.0)
    print("a symbolic tensor:", y)
    print("as a formula:     ", gx.formula(y))

    # The printed form is a language: parsing it gives the same graph, not only an equal one.
    before = gx.graph([x], [y, gx.grad(y, w)])
    print("\nthe graph as it was built, with the derivative by w:")
    print(gx.show(before))
    assert gx.parse(gx.show(before)) is before

    f = gx.function(x, {"y": y, "dy_dw": gx.grad(y, w)}, name="f")
    print(f"\nafter the passes, {len(before.nodes)} -> {len(f.program.graph.nodes)} nodes:")
    print(gx.show(f.program.graph))
    gx.draw(f, Path(folder) / "hello.svg")

    print()
    for n in (2, 3):
        print(f"n = {n}:", f(np.linspace(0, 1, n, dtype=np.float32)))

    # A variable keeps its value between calls, and a function may say what it becomes.
    step = gx.function(x, y, updates={w: w - 0.1 * gx.grad(y, w)}, name="step")
    for _ in range(3):
        print("y before the step:", float(step([1.0])), " w after it:", float(w))


if __name__ == "__main__":
    main()
