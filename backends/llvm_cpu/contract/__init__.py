"""Contractions: products of matrices, convolutions, their gradients."""
