"""The GPU backend: kernels of a plan as Triton functions, launched through the CUDA driver."""
