"""How fast the GPU backend is beside PyTorch and JAX: `make bench-gpu`."""
