"""Binaries: made from Triton sources by worker processes, kept in the cache."""
