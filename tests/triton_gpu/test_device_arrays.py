"""Arrays of a device as inputs and results of functions, in the interpreter: arrays of NumPy that
say where they are stand for those of other libraries."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import graphc as gx
from graphc.backends.triton_gpu.run.arrays import DeviceArray
from graphc.errors import FeedError, FeedTypeError, ModeError
from graphc.target import backend

TARGET = "triton_interpret"


class Watched(np.ndarray):
    """An array that knows weak references."""


class ByDLPack:
    """An array of another library."""

    def __init__(self, array):
        self.array = array

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)


class ByInterface:
    """The same by the protocol of Numba."""

    def __init__(self, array, **facts):
        self.array = array
        self.__array_interface__ = array.__array_interface__
        self.__cuda_array_interface__ = {**array.__array_interface__, "stream": 1, **facts}


@pytest.fixture
def written(monkeypatch):
    """The numbers of bytes that come from arrays of the host."""
    device = backend(TARGET).device
    found = []
    write = device.write

    def counted(address, array):
        found.append(array.nbytes)
        write(address, array)

    monkeypatch.setattr(device, "write", counted)
    return found


@pytest.fixture
def affine():
    x, y = gx.placeholder((None, 3), name="x"), gx.placeholder((), name="y")
    f = gx.function([x, y], x * 2.0 + y, target=TARGET, on_device=True)
    f(np.zeros((2, 3)), 0.0)
    return f


ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("wrap", [ByDLPack, ByInterface])
def test_they_are_used_where_they_are(affine, written, wrap):
    theirs = ROWS.copy()
    made = affine(wrap(theirs), 1.0)
    assert written == [4], "the scalar alone comes from the host"
    np.testing.assert_array_equal(made.numpy(), 2 * theirs + 1)
    theirs += 1.0  # the same memory: what is recorded reads it again
    for _ in range(2):
        np.testing.assert_array_equal(affine(wrap(theirs), 1.0).numpy(), 2 * theirs + 1)
    assert written == [4] * 3


def test_results_are_arrays_of_the_device(affine):
    made = affine(ROWS, 1.0)
    assert isinstance(made, DeviceArray)
    assert (made.shape, made.dtype, len(made)) == ((2, 3), gx.float32, 2)
    seen = np.from_dlpack(made)
    assert seen.ctypes.data == made.address
    np.testing.assert_array_equal(seen, 2 * ROWS + 1)


def test_results_are_never_written_again_while_somebody_has_them(affine):
    made = [affine(ROWS + i, 0.0) for i in range(5)]
    seen = np.from_dlpack(affine(ROWS, 5.0))
    affine(ROWS, 7.0)
    assert len({m.address for m in made}) == 5
    for i, m in enumerate(made):
        np.testing.assert_array_equal(m.numpy(), 2 * (ROWS + i))
    np.testing.assert_array_equal(seen, 2 * ROWS + 5)


def test_a_loop_over_results_needs_two_memories(affine, written):
    made, addresses = affine(ROWS, 0.0), set()
    for _ in range(6):
        made = affine(made, 0.0)
        addresses.add(made.address)
    np.testing.assert_array_equal(made.numpy(), 2**7 * ROWS)
    assert len(addresses) == 2
    assert written == [ROWS.nbytes, *[4] * 7]


def test_their_memory_lives_until_it_is_read(affine):
    kept = ROWS.copy().view(Watched)
    alive = weakref.ref(kept)
    foreign = ByDLPack(kept)
    del kept
    made = affine(foreign, 0.0)
    del foreign
    gc.collect()
    assert alive() is None, "the interpreter is done when the call returns"
    np.testing.assert_array_equal(made.numpy(), 2 * ROWS)


@pytest.mark.parametrize("wrap", [ByDLPack, ByInterface])
def test_what_is_not_aligned_is_copied_on_the_device(affine, written, wrap):
    room = np.zeros(7, np.float32)
    theirs = room[1:] if room.ctypes.data % 16 == 0 else room[:-1]
    theirs[:] = ROWS.reshape(-1)
    assert theirs.ctypes.data % 16
    np.testing.assert_array_equal(affine(wrap(theirs.reshape(2, 3)), 1.0).numpy(), 2 * ROWS + 1)
    assert written == [4]


@pytest.mark.parametrize("wrap", [ByDLPack, ByInterface])
def test_gaps_other_dtypes_and_other_axes_are_refused(affine, wrap):
    with pytest.raises(FeedError, match="not contiguous"):
        affine(wrap(np.zeros((3, 2), np.float32).T), 1.0)
    with pytest.raises(FeedTypeError, match="takes another array") as caught:
        affine(wrap(np.zeros((2, 3))), 1.0)
    assert "float64 of shape (2, 3)" in str(caught.value)
    with pytest.raises(FeedTypeError, match="takes another array"):
        affine(wrap(np.zeros(3, np.float32)), 1.0)
    with pytest.raises(FeedError, match="does not fit"):
        affine(wrap(np.zeros((2, 4), np.float32)), 1.0)


def test_arrays_of_another_device_are_refused(affine):
    made = affine(ROWS, 1.0)
    foreign = ByDLPack(ROWS)
    foreign.__dlpack_device__ = lambda: (2, 0)
    with pytest.raises(TypeError):
        affine(foreign, 1.0)  # no array of this device, and nothing that NumPy reads
    x = gx.placeholder((None, 3), name="x")
    on_cpu = gx.function(x, x + 1.0, target="llvm_cpu")
    np.testing.assert_array_equal(on_cpu(np.asarray(made)), 2 * ROWS + 2)


def test_where_there_is_no_other_memory():
    x = gx.placeholder((), name="x")
    with pytest.raises(ModeError, match="no memory of its own"):
        gx.function(x, x + 1.0, target="llvm_cpu", on_device=True)


def test_variables_and_several_results():
    x = gx.placeholder((None,), name="x")
    w = gx.variable(np.ones(2, np.float32), name="w")
    f = gx.function(
        x, {"sum": gx.sum(x), "same": x, "w": w * 1.0}, updates={w: w + gx.sum(x)},
        target=TARGET, on_device=True,
    )  # fmt: skip
    first, second = f(np.float32([1, 2])), f(ByDLPack(np.float32([3, 4])))
    assert (first["sum"].numpy(), second["sum"].numpy()) == (3, 7)
    assert second["same"].numpy().tolist() == [3, 4]
    assert [m["w"].numpy().tolist() for m in (first, second)] == [[1, 1], [4, 4]]
    assert w.numpy().tolist() == [11, 11]


@pytest.mark.parametrize("order", [None, [4, 1, 0, 3, 2]])
def test_batches_of_them(written, order):
    x, y = gx.placeholder((None, 3), name="x"), gx.placeholder((), name="y")
    f = gx.function([x, y], (x * 2.0 + y, gx.sum(x)), target=TARGET)
    rows = np.arange(15, dtype=np.float32).reshape(5, 3)
    wanted = f.each_batch(rows, 1.0, size=2, order=order)
    written.clear()
    found = f.each_batch(ByDLPack(rows), 1.0, size=2, order=order)
    assert written.count(rows.nbytes) == 0
    for a, b in zip(wanted, found, strict=True):
        np.testing.assert_array_equal(a, b)
