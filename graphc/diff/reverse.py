"""Reverse mode: gradients and vector-Jacobian products are graphs of the same ops.

So they can be differentiated again, printed and compiled. Forward mode is forward.py, derivatives
that a person gives are custom.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.errors import DifferentiationError
from graphc.ir import mode
from graphc.ir.mode import is_eager
from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves, like
from graphc.ops import convert, elementwise, leaf, movement
from graphc.ops.control import scan
from graphc.ops.convert import TensorLike

from . import families  # noqa: F401  fills the table of rules
from .rules import zeros_like
from .walk import pull_back


def grad(loss: Tensor, wrt: Tree[Tensor]) -> Tree[Tensor]:
    """The gradient d(loss)/d(wrt), in the structure of wrt: a tensor, or nested lists and dicts.

    A tensor that the loss does not depend on has a gradient of zeros. Where several derivatives
    exist (kinks) the result is the one named in graphc/diff.

    Raises:
        DifferentiationError: a loss that is no scalar, or tensors that are not floats.

    >>> x = leaf.placeholder((3,), name="x")
    >>> grad(elementwise.mul(x, x).sum(), x).shape
    (3,)
    """
    if loss.shape != ():
        raise DifferentiationError(
            "a gradient is of one number, but the loss has axes",
            received=f"a loss of shape {loss.shape}",
            expected="shape ()",
            fix="reduce it, as in gx.mean(loss), or use gx.vjp with a cotangent of its shape",
        )
    return like(wrt, vjp([loss], leaves(wrt), [1.0]))


def value_and_grad(loss: Tensor, wrt: Tree[Tensor]) -> tuple[Tensor, Tree[Tensor]]:
    """The loss with its gradient."""
    return loss, grad(loss, wrt)


def vjp(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[TensorLike]
) -> list[Tensor]:
    """Vector-Jacobian products: for each input x, the sum over outputs y of ct_y . dy/dx.

    There is one cotangent per output, of its shape or broadcast to it. An input may be any tensor
    of the graph; where one input depends on another, both get their whole derivative.
    """
    points = differentiable("input", [mode.present(t) for t in inputs])
    results = differentiable("output", outputs)
    with mode.reading_as_given():
        flows = matching("cotangent", cotangents, "output", results)
        found = pull_back(results, points, flows)
        return [zeros_like(x) if ct is None else ct for x, ct in zip(points, found)]


def jacobian(output: Tensor, wrt: Tensor) -> Tensor:
    """All partial derivatives d output[i] / d wrt[j], of shape (*output.shape, *wrt.shape).

    One vjp per element of the output, in a scan: for small outputs. The Hessian of a loss is
    `jacobian(grad(loss, x), x)`.
    """
    count = output.size
    rows, columns = (leaf.iota((count, count), axis) for axis in (0, 1))
    units = convert.cast(elementwise.equal(rows, columns), output.dtype)

    def row(_: Tree[Tensor], unit: Tree[Tensor]) -> tuple[Tree[Tensor], Tree[Tensor]]:
        assert isinstance(unit, Tensor), "one row of units"
        return (), vjp([output], [wrt], [movement.reshape(unit, output.shape)])[0]

    _, stacked = scan(row, (), units)  # pyright: ignore[reportArgumentType]
    assert isinstance(stacked, Tensor), "one tensor of rows"
    return movement.reshape(stacked, (*output.shape, *wrt.shape))


def matching(
    what: str, values: Sequence[TensorLike], whose: str, tensors: Sequence[Tensor]
) -> list[Tensor]:
    """Cotangents or tangents as tensors of the types that they must have."""
    if len(values) != len(tensors):
        raise DifferentiationError(
            f"there is one {what} per {whose}", received=len(values), expected=len(tensors)
        )
    return [
        convert.broadcast_to(convert.as_tensor(v, t.dtype), t.shape)
        for v, t in zip(values, tensors)
    ]


def differentiable(what: str, tensors: Sequence[Tensor]) -> list[Tensor]:
    """The tensors, each a float tensor; in eager mode variables become their present values."""
    for t in tensors:
        if not isinstance(t, Tensor) or not t.dtype.is_float:
            raise DifferentiationError(
                f"the {what} of a derivative is no tensor of floats",
                received=str(t.type) if isinstance(t, Tensor) else repr(t),
                expected="float16, bfloat16, float32 or float64",
                fix="gx.cast it to a float before it is used",
            )
    return [t.for_eager() for t in tensors] if is_eager() else list(tensors)
