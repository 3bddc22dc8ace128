"""Measured choices between forms of a contraction, for `GRAPHC_TUNE=1`."""
