"""A GPU through the CUDA driver: memory, copies, launches, graphs, arrays, variables."""
