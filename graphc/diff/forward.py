"""Forward mode: tangents along a graph, and products with the Hessian from both modes."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.ir.node import Tensor
from graphc.ir.tree import Tree, leaves, like
from graphc.ops.convert import TensorLike, as_tensor

from .reverse import differentiable, grad, matching
from .rules import zeros_like
from .walk import push_forward


def jvp(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], tangents: Sequence[TensorLike]
) -> list[Tensor]:
    """Jacobian-vector products: for each output y, the sum over inputs x of dy/dx . tangent_x.

    There is one tangent per input, of its shape or broadcast to it.
    """
    points = differentiable("input", inputs)
    flows = matching("tangent", tangents, "input", points)
    found = push_forward(outputs, points, flows)
    return [zeros_like(y) if t is None else t for y, t in zip(outputs, found)]


def hessian_vector_product(
    loss: Tensor, wrt: Tree[Tensor], vector: Tree[TensorLike]
) -> Tree[Tensor]:
    """H v, where H is the matrix of second derivatives of the loss; H itself is never built.

    v has the structure of wrt. It is the tangent of the gradient (Pearlmutter 1994), so it costs
    about two gradients.
    """
    directions = [as_tensor(vector)] if isinstance(wrt, Tensor) else leaves(vector)  # pyright: ignore[reportArgumentType]
    return like(wrt, jvp(leaves(grad(loss, wrt)), leaves(wrt), directions))  # pyright: ignore[reportArgumentType]
