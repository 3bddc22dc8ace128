"""Nested tuples, lists and dicts of tensors, taken apart into a flat list and put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, Union

Leaf = TypeVar("Leaf")
Other = TypeVar("Other")
Tree = Union[Leaf, tuple["Tree[Leaf]", ...], list["Tree[Leaf]"], dict[str, "Tree[Leaf]"], None]


def leaves(tree: Tree[Leaf]) -> list[Leaf]:
    """The leaves in order; dict entries are in the order of their keys.

    >>> leaves({"b": 1, "a": [2, (3, None)]})
    [2, 3, 1]
    """
    if tree is None:
        return []
    if isinstance(tree, dict):
        return [x for k in sorted(tree) for x in leaves(tree[k])]
    if isinstance(tree, tuple | list):
        return [x for t in tree for x in leaves(t)]
    return [tree]


def like(tree: Tree[Leaf], flat: Sequence[Other]) -> Tree[Other]:
    """The flat list arranged as the tree is."""
    items = iter(flat)
    result = _fill(tree, items)
    assert next(items, None) is None, "one value per leaf"
    return result


def tree_map(function: Callable[..., Other], *trees: Tree[Leaf]) -> Tree[Other]:
    """The function applied to the leaves of trees of one form."""
    return like(trees[0], [function(*xs) for xs in zip(*map(leaves, trees), strict=True)])


def _fill(tree: Tree[Leaf], items: Iterator[Other]) -> Tree[Other]:
    if tree is None:
        return None
    if isinstance(tree, dict):
        filled = {k: _fill(tree[k], items) for k in sorted(tree)}
        return {k: filled[k] for k in tree}
    if isinstance(tree, tuple | list):
        parts = [_fill(t, items) for t in tree]
        return parts if isinstance(tree, list) else tuple(parts)
    return next(items)
