"""Convolutions with 3 x 3 taps by Winograd's minimal filtering."""
