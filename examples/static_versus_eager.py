"""One model, two ways to run it: compiled as a whole, or operation by operation."""

from __future__ import annotations

import argparse

import numpy as np

from graphc.frontend.demo import compare_modes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3)
    given = parser.parse_args()

    random = np.random.default_rng(0)
    images = random.random((given.images, 28, 28, 1), np.float32)
    labels = random.integers(0, 10, given.images, np.int32)
    # Both start from the same weights and draw the same dropout masks, so they must agree.
    found = compare_modes(images, labels, steps=given.steps)
    print(found)
    assert found.difference < 1e-3


if __name__ == "__main__":
    main()
