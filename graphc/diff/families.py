"""Loads the rules of all op families into the table."""

from __future__ import annotations

from . import control, conv, elementwise, index, leaf, matmul, movement, pool, random, reduce

LOADED = (leaf, elementwise, reduce, movement, matmul, conv, pool, index, random, control)
