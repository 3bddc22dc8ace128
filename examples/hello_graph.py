"""A computation is a graph first: print it, differentiate it, compile it, call it."""

from __future__ import annotations

import numpy as np

import graphc as gx


def main() -> None:
    # None is a size that is not known yet; one compile serves every length.
    x = gx.placeholder((None,), name="x")
    w = gx.variable(2.0, name="w")
    y = gx.sum(gx.tanh(x * w))
    print("a symbolic tensor:", y)

    f = gx.function(x, {"y": y, "dy_dx": gx.grad(y, x), "dy_dw": gx.grad(y, w)}, name="f")
    for n in (2, 3):
        print(f"n = {n}:", f(np.linspace(0, 1, n, dtype=np.float32)))

    # A variable keeps its value between calls, and a function may say what it becomes.
    step = gx.function(x, y, updates={w: w - 0.1 * gx.grad(y, w)}, name="step")
    for _ in range(3):
        print("y before the step:", float(step([1.0])), " w after it:", float(w))


if __name__ == "__main__":
    main()
