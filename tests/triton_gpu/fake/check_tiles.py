"""Descriptors of tiles: made for an address and a shape, given by value."""

from __future__ import annotations

import numpy as np
import pytest
from contraction_forms import Conv

from graphc import dtypes
from graphc.backends.triton_gpu.run.arguments import Arguments, Tiles
from graphc.backends.triton_gpu.source.contract import emit_contraction
from graphc.backends.triton_gpu.source.contract_tile import ProductTile
from graphc.errors import DeviceError
from graphc.ir.dim import named
from triton_gpu import sources
from triton_gpu.fake import driver


@pytest.fixture(scope="session")
def matmul(gpu):
    return gpu.prepare([sources.matmul_of_tiles()])[0]


@pytest.fixture
def binary(gpu, matmul):
    assert matmul
    (found,) = (k.binary for k in gpu._kernels.values() if k.binary.name == "matmul_of_tiles")
    return found


def test_what_the_code_wants(binary):
    tiles = (128, 4, 4, 8, 8)
    assert binary.parameters == (*tiles, *tiles, *tiles, 4, 8, 8)
    assert [tile[1] for tile in binary.tiles] == [2, 2, 2]
    assert all(rows <= 128 and columns <= 128 for *_, rows, columns in binary.tiles)


def test_launched_and_recorded(gpu, matmul, array):
    a, b, c = (array(np.zeros((m, 1024), "u2")) for m in (400, 1024, 400))
    places = a.address, b.address, c.address
    before = driver.count("launches")
    matmul((4, 8, 1), places, (400,))
    again = gpu.record(lambda: matmul((4, 8, 1), places, (400,)))
    again()
    assert driver.count("launches") == before + 2


def test_an_array_that_is_too_small_is_found(gpu, matmul, array):
    a, b = array(np.zeros((100, 1024), "u2")), array(np.zeros((1024, 1024), "u2"))
    matmul((1, 8, 1), (a.address, b.address, a.address), (101,))
    found = driver.complaints()
    driver.forget()
    assert len(found) == 2
    assert all("go past the end" in line for line in found)


def test_an_address_that_is_not_aligned(gpu, matmul, array):
    a, b = array(np.zeros((101, 1024), "u2")), array(np.zeros((1024, 1024), "u2"))
    with pytest.raises(DeviceError, match=r"a of matmul_of_tiles(.|\n)*INVALID_VALUE"):
        matmul((1, 8, 1), (a.address + 8, b.address, a.address), (100,))


def test_a_map_is_encoded_once(gpu, binary, array, monkeypatch):
    made = []
    encoded = Tiles._encoded
    monkeypatch.setattr(Tiles, "_encoded", lambda *given: made.append(given) or encoded(*given))
    arguments = Arguments(sources.matmul_of_tiles(), binary)
    places = [array(np.zeros((1024, 1024), "u2")).address] * 3
    for m in (64, 64, 128, 64):
        arguments.pack(places, (m,), 0)
    assert len(made) == 3 + 2, "b has the same shape for every m"


def test_boxes_of_a_convolution(gpu, array):
    """Five dimensions, of which the first is as long as a size of the launch says, or empty."""
    conv = Conv(named("n"), (8, 12), 64, 64, (3, 3), pad=1, stride=2, dtype=dtypes.bfloat16)
    tile = ProductTile(128, 64, 64, 4, 3, maps=True)
    made = emit_contraction(conv.forward(), tile=tile)
    assert made
    (launch,) = made.launches
    assert [len(m.shape) for m in launch.maps] == [5, 2]
    (go,) = gpu.prepare([launch])
    shapes = {"x": (4, 8, 12, 64), "w": (9, 64, 64), "y": (4, 4, 6, 64)}
    memory = {name: array(np.zeros(shape, "u2")) for name, shape in shapes.items()}
    places = [memory[name].address for name, _ in launch.pointers]
    before = driver.count("launches")
    for n in (4, 0, 1):
        go((max(1, n), 1, 1), places, (n,))
    assert driver.count("launches") == before + 3
    go((1, 1, 1), places, (5,))
    (found,) = driver.complaints()
    driver.forget()
    assert "go past the end" in found
