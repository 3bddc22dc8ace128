"""What the compiler does to a graph: before, after, and with which decisions."""

from __future__ import annotations

import graphc as gx


def main() -> None:
    x = gx.placeholder(("batch", 8), name="x")
    w = gx.variable([[0.5] * 4] * 8, name="w")
    # Twice the same product, a multiplication by 1, and the log of a softmax: work for the passes.
    y = gx.log(gx.softmax(x @ w)) * 1.0 + gx.relu(x @ w)

    f = gx.function(x, gx.mean(y), name="f")
    print(f.explain())

    # Level 5 prints the graph after each pass that changed it.
    with gx.settings(debug=5):
        gx.function(x, gx.mean(y), name="shown")


if __name__ == "__main__":
    main()
