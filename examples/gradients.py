"""Gradients are graphs too: of any order, printed as formulas, compiled like everything else."""

from __future__ import annotations

import numpy as np

import graphc as gx


def main() -> None:
    x = gx.placeholder((), name="x")
    y = x * x
    first = gx.grad(y, x)
    second = gx.grad(first, x)
    f = gx.function(x, [first, second])
    print("at 3:", *(float(value) for value in f(3.0)))

    # As the rules of derivatives give it, and as the compiler leaves it.
    print("y =", gx.formula(y), "  dy/dx =", gx.formula(first))
    print("simplified:", *(gx.formula(t) for t in f.program.graph.outputs), sep="  ")

    # The same at once, with values: eager mode carries the graph along.
    with gx.eager():
        three = gx.variable(3.0, name="three")
        slope = gx.grad(three * three, three)
        print("eagerly:", float(slope), float(gx.grad(slope, three)))

    # The product of the second derivatives with a vector, without the matrix.
    z, v = gx.placeholder((3,), name="z"), gx.placeholder((3,), name="v")
    loss = gx.sum(z * z * z) + z[0] * z[1]
    product = gx.function([z, v], gx.hessian_vector_product(loss, z, v))
    at, along = np.array([1, 2, 3], np.float32), np.array([1, 0, 1], np.float32)
    hessian = np.diag(6 * at) + np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]])
    print("H v =", product(at, along), "  by hand:", hessian @ along)


if __name__ == "__main__":
    main()
