"""Derivatives of leaves: they have no inputs, so there is nothing to carry."""

from __future__ import annotations

from graphc.ops.leaf import full_op, iota_op, size_of_op

from .rules import zero_derivative

zero_derivative(full_op, iota_op, size_of_op)
