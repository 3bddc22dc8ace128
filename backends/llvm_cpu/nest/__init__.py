"""Kernels as nests of loops: maps, reductions, windows, rows that are sorted."""
