"""Kernels of the IR as Triton source."""
