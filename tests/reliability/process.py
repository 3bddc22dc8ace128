"""Programs in processes of their own: what is done to them cannot hurt the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

PATIENCE = 120

TRAIN = """
import hashlib, sys
import numpy as np, graphc as gx
gx.set_seed(7)
X = np.random.default_rng(0).normal(size=(90, 14, 14, 3)).astype(np.float32)
Y = np.arange(90) % 5
model = gx.Sequential([
    gx.layers.Conv2D(8, 3, activation="relu", padding="same", kernel_regularizer="l2"),
    gx.layers.BatchNormalization(), gx.layers.MaxPooling2D(), gx.layers.Conv2D(12, 3, strides=2),
    gx.layers.Flatten(), gx.layers.Dropout(0.4), gx.layers.Dense(5, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
losses = model.fit(X, Y, batch_size=32, epochs=1, verbose=0, seed=3).history
bits = b"".join(w.tobytes() for w in model.get_weights())
bits += model.predict(X, batch_size=41, verbose=0).tobytes() + repr(losses).encode()
print(hashlib.sha256(bits).hexdigest())
"""


def environment(**switches: object) -> dict[str, str]:
    """The environment without switches of the tester, and with these."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("GRAPHC_")}
    return plain | {k: str(v) for k, v in switches.items()}


def started(program: str | Path, **switches: object) -> subprocess.Popen[str]:
    """A Python program, its text or its file, that runs."""
    what = [str(program)] if isinstance(program, Path) else ["-c", program]
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", *what],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**switches),
        cwd=Path(__file__).parent,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str]) -> list[str]:
    """The lines that a program prints until it ends, which it does well."""
    out, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, error) == (0, "")
    return out.splitlines()


def run(program: str | Path, **switches: object) -> list[str]:
    """The lines that a program prints."""
    return ended(started(program, **switches))


def interrupted(
    program: str, after: float, everybody: bool = False, **switches: object
) -> tuple[list[str], float]:
    """The lines after "ready" of a program that gets Ctrl-C some seconds later, and how long the
    next line took. A terminal sends it to `everybody`, the workers that compile among them."""
    with started(program, **switches) as process:
        assert process.stdout, "opened with a pipe"
        assert process.stdout.readline() == "ready\n", process.communicate()
        watch = threading.Timer(PATIENCE, process.kill)
        watch.start()
        time.sleep(after)
        begin = time.perf_counter()
        (os.killpg if everybody else os.kill)(process.pid, signal.SIGINT)
        first = process.stdout.readline()
        seconds = time.perf_counter() - begin
        # Not `communicate`: it would lose what `readline` has taken from the pipe already.
        rest = process.stdout.read().splitlines()
        watch.cancel()
        assert process.stderr, "opened with a pipe"
        assert (process.stderr.read(), process.wait(PATIENCE)) == ("", 0)
        return [first.strip(), *rest], seconds
