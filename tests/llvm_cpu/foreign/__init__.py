"""Kernels for another processor: cross-compiled, linked with a small harness, run by QEMU."""
