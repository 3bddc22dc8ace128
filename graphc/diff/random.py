"""Derivatives of random bits: integers that depend on a key only."""

from __future__ import annotations

from graphc.ops.random import random_bits_op

from .rules import zero_derivative

zero_derivative(random_bits_op)
