"""What `Function.memory` says before a call is what the call takes."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import graphc as gx
from graphc.errors import FeedError, ModeError

from .process import run

MEASURE = """
import re, sys
import numpy as np, graphc as gx

def kilobytes(name):
    with open("/proc/self/status") as lines:
        return int(re.search(name + r":\\s+(\\d+)", lines.read())[1])

def measure(f, *arrays):
    f(*[a[:1] for a in arrays])
    need = f.memory(*[a.shape for a in arrays])
    small = f.memory(*[a[:1].shape for a in arrays])
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    before = kilobytes("VmRSS")
    kept = f(*arrays)
    peak = 1024 * (kilobytes("VmHWM") - before)
    print(peak, need.results + need.intermediate - small.intermediate)
"""

NETWORKS = {
    "a chain of products": """
x = gx.placeholder(("batch", 1000), name="x")
y, weights = x, [gx.variable(np.full((1000, 1000), 1e-3, np.float32)) for _ in range(6)]
for w in weights:
    y = gx.tanh(y @ w)
measure(gx.function(x, y), np.ones((30_000, 1000), np.float32))
""",
    "a training step": """
x = gx.placeholder(("batch", 32, 32, 3), name="x")
y, c, weights = x, 3, []
for _ in range(5):
    weights.append(gx.variable(np.full((3, 3, c, 16), 0.05, np.float32)))
    y, c = gx.relu(gx.batch_norm(gx.conv2d(y, weights[-1], padding="same"))[0]), 16
loss = gx.mean(gx.square(y))
updates = {w: w - 0.1 * g for w, g in zip(weights, gx.grad(loss, weights))}
measure(gx.function(x, loss, updates=updates), np.ones((1100, 32, 32, 3), np.float32))
""",
    "a loop": """
x = gx.placeholder(("batch", 40, 64), name="x")
w = gx.variable(np.full((64, 64), 0.01, np.float32))
rows = gx.swapaxes(x, 0, 1)
steps = gx.scan(lambda h, t: (gx.tanh(h @ w + t),) * 2, gx.zeros_like(x[:, 0]), rows)
measure(gx.function(x, gx.grad(gx.mean(steps[1]), x)), np.ones((9000, 40, 64), np.float32))
""",
}


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize("name", NETWORKS)
def test_the_estimate_is_the_peak(name):
    ((peak, estimate),) = (map(int, line.split()) for line in run(MEASURE + NETWORKS[name]))
    assert estimate > 100e6
    assert abs(peak - estimate) <= 0.05 * estimate


def test_what_is_counted():
    x = gx.placeholder(("n", 8), name="x")
    w = gx.variable(np.zeros((8, 8), np.float32))
    f = gx.function(x, [x @ w, gx.sum(x)])
    need = f.memory((10, 8))
    assert (need.results, need.variables) == (10 * 8 * 4 + 4, 8 * 8 * 4)
    assert need.total == sum(need)
    assert f.memory((0, 8)).results == 4


def test_errors():
    x = gx.placeholder((None, 8), name="x")
    f = gx.function(x, x + 1)
    for shapes in ((), ((3,),), ((3, 7),), ((3, 8), (3, 8))):
        with pytest.raises(FeedError):
            f.memory(*shapes)
    with pytest.raises(ModeError, match="reference"):
        gx.function(x, x + 1, target="reference").memory((1, 8))
