"""Triton's interpreter on host memory: the sources of the GPU, run by NumPy."""
