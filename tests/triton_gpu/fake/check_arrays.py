"""Arrays in memory of a device, from and for other libraries.

NumPy is the other library: memory of the fake device is memory of the host, so its capsules are
true ones once the kind of device in them is changed.
"""

from __future__ import annotations

import ctypes
import gc
import weakref

import ml_dtypes
import numpy as np
import pytest

from graphc import dtypes
from graphc.backends.triton_gpu.run import dlpack
from graphc.backends.triton_gpu.run.arrays import from_foreign
from graphc.errors import ArgumentError, DTypeError, FeedError
from triton_gpu.fake import driver

CPU, GPU = 1, 2
KINDS = [d for d in dtypes.ALL if d is not dtypes.bfloat16]


def with_device(capsule, kind):
    """The capsule, now of another kind of device."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, (ctypes.py_object,)
    label = name(capsule)
    # dlpack.h: void* data comes first in DLTensor, then the device; before it, in the structure
    # with a version, are the version, two pointers and the flags.
    offset = 32 if label == b"dltensor_versioned" else 0
    ctypes.c_int32.from_address(get(capsule, label) + offset + 8).value = kind
    return capsule


class OfNumPy:
    """An array of NumPy that says it is on a GPU; new libraries know versions, old ones do not."""

    def __init__(self, array, is_new=True):
        self.array, self.is_new, self.streams = array, is_new, []

    def __dlpack_device__(self):
        return GPU, 0

    def __dlpack__(self, *, stream, **options):
        if options and not self.is_new:
            raise TypeError("unexpected argument")
        self.streams.append(stream)
        return with_device(self.array.__dlpack__(**options), GPU)


class Given(OfNumPy):
    """A capsule that is already there."""

    def __dlpack__(self, *, stream, **options):
        return self.array


class ForNumPy:
    """One of our arrays, as NumPy can read it."""

    def __init__(self, array, **options):
        self.array, self.options = array, options

    def __dlpack_device__(self):
        return CPU, 0

    def __dlpack__(self, **given):
        return with_device(self.array.__dlpack__(**self.options), CPU)


class Watched(np.ndarray):
    """An array that knows weak references."""


class Interface:
    def __init__(self, **facts):
        self.__cuda_array_interface__ = {"version": 3, **facts}


@pytest.mark.parametrize("version", [None, (1, 0)])
@pytest.mark.parametrize("dtype", KINDS, ids=str)
def test_others_see_our_arrays(ours, dtype, version):
    values = np.arange(12).reshape(3, 4).astype(dtype.numpy)
    shared = np.from_dlpack(ForNumPy(ours(values), max_version=version))
    assert shared.dtype == values.dtype
    np.testing.assert_array_equal(shared, values)
    assert driver.count("memory") == 1, "it lives as long as it is shared"
    del shared
    gc.collect()
    assert driver.count("memory") == 0


def test_a_capsule_that_nobody_takes(ours):
    capsule = ours(np.zeros(3, np.float32)).__dlpack__()
    assert driver.count("memory") == 1
    del capsule
    gc.collect()
    assert driver.count("memory") == 0
    assert dlpack._given == {}


def test_shapes_without_elements_or_axes(ours):
    for shape in ((), (0,), (2, 0, 3)):
        assert np.from_dlpack(ForNumPy(ours(np.zeros(shape, np.float32)))).shape == shape


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("dtype", KINDS, ids=str)
def test_we_see_the_arrays_of_others(gpu, dtype, is_new):
    values = np.arange(24).astype(dtype.numpy).reshape(2, 3, 4)
    found = from_foreign(OfNumPy(values, is_new), gpu)
    assert (found.shape, found.dtype, found.nbytes) == ((2, 3, 4), dtype, values.nbytes)
    assert found.address == values.ctypes.data, "there is no copy"


def test_the_arrays_of_others_live_as_long_as_ours(gpu):
    kept = np.zeros(3, np.float32).view(Watched)
    alive = weakref.ref(kept)
    foreign = OfNumPy(kept)
    found = from_foreign(foreign, gpu)
    del kept, foreign
    gc.collect()
    assert alive() is not None
    del found
    gc.collect()
    assert alive() is None


def test_the_writer_is_waited_for(gpu):
    foreign = OfNumPy(np.zeros(3, np.float32))
    from_foreign(foreign, gpu)
    assert foreign.streams == [int(gpu.stream)]


def test_bfloat16_goes_by_dlpack_alone(ours, gpu):
    array = ours(np.ones(3, ml_dtypes.bfloat16))
    again = dlpack.take(array.__dlpack__(max_version=(1, 0)))
    assert (again.dtype, again.shape, again.address) == (dtypes.bfloat16, (3,), array.address)
    with pytest.raises(DTypeError, match="no bfloat16"):
        _ = array.__cuda_array_interface__


def test_the_interface_of_numba(ours, gpu):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    array = ours(values)
    facts = array.__cuda_array_interface__
    assert facts == {
        "shape": (2, 3), "typestr": "<f4", "data": (array.address, False), "strides": None,
        "version": 3, "stream": int(gpu.stream),
    }  # fmt: skip
    found = from_foreign(Interface(**facts), gpu)
    assert (found.address, found.shape, found.dtype) == (array.address, (2, 3), dtypes.float32)
    strided = {**facts, "strides": (12, 4), "stream": 1}
    assert from_foreign(Interface(**strided), gpu).address == array.address
    np.testing.assert_array_equal(found.numpy(), values)


def test_numpy_gets_a_copy(ours):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    array = ours(values)
    np.testing.assert_array_equal(np.asarray(array), values)
    assert np.asarray(array, np.float64).dtype == np.float64
    with pytest.raises(ArgumentError, match="without a copy"):
        np.asarray(array, copy=False)
    assert "shape=(2, 3), dtype=float32" in repr(array)


def test_ours_is_taken_as_it_is(ours, gpu):
    array = ours(np.zeros(3, np.float32))
    assert from_foreign(array, gpu) is array


@pytest.mark.parametrize("value", [3.0, [1, 2], np.zeros(3), "text"])
def test_what_is_on_no_gpu(gpu, value):
    assert from_foreign(value, gpu) is None


@pytest.mark.parametrize(
    "array", [np.zeros((3, 4), np.float32).T, np.zeros((4, 4), np.float32)[::2]]
)
def test_gaps_and_other_orders_are_refused(gpu, array):
    with pytest.raises(FeedError, match="not contiguous"):
        from_foreign(OfNumPy(array), gpu)
    facts = {"shape": array.shape, "typestr": "<f4", "data": (4096, False)}
    with pytest.raises(FeedError, match="not contiguous"):
        from_foreign(Interface(**facts, strides=array.strides), gpu)


def test_other_elements_and_devices_are_refused(gpu, ours):
    with pytest.raises(DTypeError, match="not known here"):
        from_foreign(OfNumPy(np.zeros(3, np.complex64)), gpu)
    far = dlpack.Shared(4096, (1,), dtypes.float32, GPU, 3, None)
    with pytest.raises(FeedError, match="another device"):
        from_foreign(Given(dlpack.give(far, True)), gpu)
    with pytest.raises(FeedError, match="no array of DLPack"):
        dlpack.take(object())
    array = ours(np.zeros(3, np.float32))
    for wrong in ({"stream": 0}, {"copy": True}, {"dl_device": (CPU, 0)}):
        with pytest.raises(FeedError, match="shared as it is"):
            array.__dlpack__(**wrong)
