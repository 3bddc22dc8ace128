"""Real Keras, in a process of its own: `says("keras.losses.Huber()(y, p)", y=y, p=p)`."""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from installed import PYTHON, packages

WORKER = Path(__file__).with_name("oracle_worker.py")


def says(program: str, *, backend: str | None = None, **arrays: object) -> object:
    """The value of the last line of a program that knows keras, np and the arrays.

    Tensors come back as arrays, also those in lists, tuples and dicts. `backend` is what Keras
    computes with, where it has to be another one than KERAS_BACKEND says, or TensorFlow.
    """
    if packages() is None:
        pytest.skip("Keras is not installed; set KERAS_PYTHON")
    process = _process(backend or os.environ.get("KERAS_BACKEND") or "tensorflow")
    assert process.stdin is not None, "the process is started with pipes"
    assert process.stdout is not None, "the process is started with pipes"
    plain = {n: np.asarray(a) if isinstance(a, np.ndarray) else a for n, a in arrays.items()}
    pickle.dump((program, plain), process.stdin)
    process.stdin.flush()
    fine, answer = pickle.load(process.stdout)
    assert fine, answer
    return answer


@cache
def _process(backend: str) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
    }  # fmt: skip
    process = subprocess.Popen(
        [PYTHON, str(WORKER)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    atexit.register(process.kill)
    return process
