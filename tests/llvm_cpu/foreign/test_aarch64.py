"""AArch64: every kind of kernel in an emulated program, by threads, next to its meaning."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from contraction_forms import Conv, gates, matmul

from graphc import dtypes
from graphc.dtypes import DType
from graphc.ir import dim
from graphc.kernels.build import load, op, store
from graphc.kernels.kernel import Axis, Buffer, Kernel
from graphc.kernels.parallel import split_for_parallelism
from graphc.kernels.phases import split_phases

from ..contract_runner import check as check_contraction
from ..map_cases import CASES, inputs_for
from ..map_runner import check as check_map
from .emulated import Emulated, missing

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]

B = dim.named("batch")
CHUNKS = (1, 5)
IMAGE = Conv(B, (9, 10), 8, 12, (3, 3), pad=1)


def of(conv: Conv, form: str, d: DType, **more: str) -> list[Kernel]:
    made = getattr(Conv(conv.batch, conv.image, conv.ci, conv.co, conv.taps, conv.stride, conv.pad,
                        dtype=d), form)(**more)  # fmt: skip
    parts = split_phases(made) if form == "input_gradient" else split_for_parallelism(made)
    return list(parts or (made,))


# fmt: off
CONTRACTIONS = {
    "nn":              lambda d: [matmul(B, 37, 50, "nn", d, epilogue="bias tanh")],
    "nt":              lambda d: [matmul(21, 64, 33, "nt", d)],
    "tn":              lambda d: [matmul(21, 64, B, "tn", d)],
    "gates":           lambda d: [gates(B, 12, 10, d)],
    "convolution":     lambda d: of(IMAGE, "forward", d, epilogue="bias relu"),
    "sums":            lambda d: of(IMAGE, "forward", d, epilogue="sums"),
    "input gradient":  lambda d: of(IMAGE, "input_gradient", d),
    "weight gradient": lambda d: of(IMAGE, "weight_gradient", d),
    "strided":         lambda d: of(Conv(B, (11, 11), 3, 10, (5, 5), 2, 2), "forward", d),
}
MAPS = ("softmax", "layer_norm_back", "max_pool", "batch_statistics", "one_hot", "embedding")
# fmt: on


@pytest.mark.parametrize("dtype", [dtypes.float32, dtypes.float64])
@pytest.mark.parametrize("name", CONTRACTIONS)
def test_contractions(name: str, dtype: DType, tmp_path: Path) -> None:
    pairs = zip(CONTRACTIONS[name](dtype), CONTRACTIONS[name](dtypes.float64), strict=True)
    for kernel, exact in pairs:
        both = {dtypes.float64: exact, dtype: kernel}
        compiled = Emulated(kernel, tmp_path)
        for batch in (1, 6):
            check_contraction(
                both.__getitem__, {"batch": batch}, dtype, chunks=CHUNKS, compiled=compiled,
                bound=2e-5 if dtype is dtypes.float32 else None,
            )  # fmt: skip


@pytest.mark.parametrize("storage", [dtypes.bfloat16, dtypes.float16])
def test_contractions_of_halves(storage: DType, tmp_path: Path) -> None:
    def form(d: DType) -> Kernel:
        return matmul(B, 20, 24, "nt", d, storage if d is dtypes.float32 else None)

    compiled = Emulated(form(dtypes.float32), tmp_path)
    check_contraction(form, {"batch": 9}, chunks=CHUNKS, compiled=compiled)


@pytest.mark.parametrize("name", [n for n in CASES if n.startswith(MAPS)])
def test_maps_and_reductions(name: str, tmp_path: Path) -> None:
    kernel = CASES[name](dim.named("n"), 37)
    compiled = Emulated(kernel, tmp_path)
    for n in (1, 9):
        check_map(kernel, {"n": n}, inputs_for(name, n, 37), 1e-4, CHUNKS, compiled=compiled)


FUNCTIONS = ("exp", "log", "tanh", "erf", "sin", "sqrt", "sigmoid")


def function(name: str, dtype: DType) -> Kernel:
    x, y = (Buffer(n, dtype, (dim.named("n"),)) for n in "xy")
    return Kernel(name, (Axis("i", dim.named("n")),), (store(y, ("i",), op(name, load(x, "i"))),))


@pytest.mark.parametrize("dtype", [dtypes.float32, dtypes.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_elementary_functions(name: str, dtype: DType, tmp_path: Path) -> None:
    kernel = function(name, dtype)
    x = np.abs(np.random.default_rng(0).standard_normal(203)) + 0.1
    check_map(kernel, {"n": 203}, {"x": x}, 1e-5, CHUNKS, compiled=Emulated(kernel, tmp_path))


@pytest.mark.parametrize("dtype", [dtypes.int8, dtypes.uint16, dtypes.int32, dtypes.int64])
@pytest.mark.parametrize("name", ["add", "mul", "floor_divide", "maximum", "shift_right"])
def test_integers(name: str, dtype: DType, tmp_path: Path) -> None:
    x, y, z = (Buffer(n, dtype, (dim.named("n"),)) for n in "xyz")
    value = op(name, load(x, "i"), load(y, "i"))
    kernel = Kernel("whole", (Axis("i", dim.named("n")),), (store(z, ("i",), value),))
    check_map(kernel, {"n": 101}, chunks=CHUNKS, compiled=Emulated(kernel, tmp_path))


@pytest.mark.parametrize("numpy", [np.float16, ml_dtypes.bfloat16])
def test_halves_are_rounded_to_nearest_even(numpy: type, tmp_path: Path) -> None:
    half = dtypes.BY_NAME[np.dtype(numpy).name]
    n = dim.named("n")
    x, y, z = Buffer("x", dtypes.float32, (n,)), Buffer("y", half, (n,)), Buffer("z", half, (n,))
    stores = (store(y, ("i",), load(x, "i")), store(x, ("i",), load(z, "i")))
    kernel = Kernel("halves", (Axis("i", n),), stores)
    special = [0.0, -0.0, np.inf, -np.inf, 1 + 2.0**-9, 1 + 2.0**-12, 65519.0, 65520.0, 1e-7, 3e-8]
    rng = np.random.default_rng(0)
    values = np.concatenate([special, rng.standard_normal(90)]).astype(np.float32)
    z_values = rng.standard_normal(100).astype(numpy)
    arrays = {"x": values.copy(), "y": np.zeros(100, numpy), "z": z_values}
    Emulated(kernel, tmp_path).run(arrays, {"n": 100}, 4)
    assert arrays["y"].tobytes() == values.astype(numpy).tobytes()
    assert arrays["x"].tobytes() == z_values.astype(np.float32).tobytes()
