"""Writing LLVM IR: types, instructions, functions, operations on vectors, elementary functions."""
