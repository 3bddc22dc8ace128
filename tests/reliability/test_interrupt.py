"""Ctrl-C while a function runs, a model trains, or a kernel is compiled: soon, and without harm."""

from __future__ import annotations

import signal
import sys
import time

import pytest

from graphc.interrupts import heard

from .process import interrupted

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent the POSIX way")

FUNCTION = """
import numpy as np, graphc as gx
x, n = gx.placeholder((1 << 14,), name="x"), gx.placeholder((), "int32", name="n")
w = gx.variable(np.zeros(1 << 14, np.float32), name="w")

def more(carry): return carry[0] < n
def turn(carry): return carry[0] + 1, gx.sin(carry[1]) + 1

_, y = gx.while_loop(more, turn, (gx.constant(0), x))
f = gx.function([x, n], y, updates={w: w + 1})
a = np.linspace(-1, 1, 1 << 14, dtype=np.float32)
want = f(a, 10)
print("ready", flush=True)
try:
    f(a, 2**31 - 1)
except KeyboardInterrupt:
    print("stopped", flush=True)
assert w.numpy().min() == w.numpy().max() == 1
assert f(a, 10).tobytes() == want.tobytes()
assert w.numpy().min() == w.numpy().max() == 2
print("usable")
"""

EPOCH = """
import numpy as np, graphc as gx
x = gx.placeholder(("batch", 1 << 14), name="x")
u = gx.variable(np.zeros(1 << 14, np.float32), name="u")
v = gx.variable(np.zeros((), np.int32), name="v")
y = gx.mean(gx.sin(x) + u)
f = gx.function(x, y, updates={u: u + 1, v: v + 1})
a = np.ones((4, 1 << 14), np.float32)
f(a[:1])
print("ready", flush=True)
try:
    f.each_batch(a, size=1, order=np.zeros(10_000_000, np.int64))
except KeyboardInterrupt:
    print("stopped", flush=True)
calls = int(v.numpy())
assert calls > 1
assert u.numpy().min() == u.numpy().max() == calls
assert abs(f(a) - np.sin(1.0) - calls) < 1e-3 * calls
assert int(v.numpy()) == calls + 1
print("usable")
"""

FIT = """
import numpy as np, graphc as gx
X = np.random.default_rng(0).normal(size=(512, 12, 12, 3)).astype(np.float32)
Y = np.arange(512) % 10
model = gx.Sequential([
    gx.layers.Conv2D(16, 3, activation="relu"), gx.layers.BatchNormalization(),
    gx.layers.Flatten(), gx.layers.Dropout(0.5), gx.layers.Dense(10, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
model.fit(X[:64], Y[:64], batch_size=BATCH, verbose=0)
print("ready", flush=True)
try:
    model.fit(X, Y, epochs=100_000, batch_size=BATCH, verbose=0)
except KeyboardInterrupt:
    print("stopped", flush=True)
assert all(np.isfinite(w).all() for w in model.get_weights())
losses = model.fit(X, Y, epochs=3, batch_size=BATCH, verbose=0).history["loss"]
assert np.isfinite(losses).all()
assert np.isfinite(model.predict(X[:9], verbose=0)).all()
print("usable")
"""

COMPILE = """
import itertools
import numpy as np, graphc as gx
x = gx.placeholder((None, 24, 24, 3), name="x")

def network(depth, first):
    y = x
    for i in range(depth):
        w = gx.constant(np.full((3, 3, y.shape[-1], first + i), 0.01, np.float32))
        y = gx.nn.relu(gx.nn.conv2d(y, w, padding="same"))
    return y

gx.function(x, x + 1)
print("ready", flush=True)
try:
    for k in itertools.count():  # kernels that nobody has compiled before
        gx.function(x, network(30, 5 + 30 * k))
except KeyboardInterrupt:
    print("stopped", flush=True)
a = np.random.default_rng(0).normal(size=(2, 24, 24, 3)).astype(np.float32)
y = network(3, 5)
want = gx.function(x, y, target="reference")(a)
np.testing.assert_allclose(gx.function(x, y)(a), want, rtol=1e-4, atol=1e-6)
print("usable")
"""


def test_a_long_call(tmp_path):
    words, seconds = interrupted(FUNCTION, 0.2, GRAPHC_CACHE_DIR=tmp_path)
    assert words == ["stopped", "usable"]
    assert seconds < 1


def test_many_calls_in_one(tmp_path):
    """Calls are whole: all variables have been changed equally often."""
    words, seconds = interrupted(EPOCH, 0.3, GRAPHC_CACHE_DIR=tmp_path)
    assert words == ["stopped", "usable"]
    assert seconds < 1


@pytest.mark.parametrize("batch", [16, 512])
def test_training(batch, tmp_path):
    program = FIT.replace("BATCH", str(batch))
    words, seconds = interrupted(program, 0.3, everybody=True, GRAPHC_CACHE_DIR=tmp_path)
    assert words == ["stopped", "usable"]
    assert seconds < 1


@pytest.mark.parametrize("after", [0.05, 0.4, 0.8])
@pytest.mark.parametrize("everybody", [False, True])
def test_a_compilation(after, everybody, tmp_path):
    """At the first moment passes run, later kernels are compiled, here and by workers."""
    words, seconds = interrupted(COMPILE, after, everybody, GRAPHC_CACHE_DIR=tmp_path)
    assert words == ["stopped", "usable"]
    assert seconds < 1


class Dying:
    """Gets Ctrl-C where Python forgets exceptions."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_at_the_death_of_an_object_is_not_lost():
    before = signal.getsignal(signal.SIGINT)

    def work() -> None:
        with heard():
            Dying()
            time.sleep(5)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert signal.getsignal(signal.SIGINT) is before


def test_signals_that_others_handle_are_left_alone():
    seen: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    try:
        with heard():
            signal.raise_signal(signal.SIGINT)
        assert seen == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)
