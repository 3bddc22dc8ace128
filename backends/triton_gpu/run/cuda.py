"""One NVIDIA GPU: what `device.py` asks for, over the CUDA driver.

One stream that waits for no other, memory from a pool of our own in the order of that stream,
launches recorded on a second stream so that nothing else gets in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import NoReturn, final
from weakref import WeakValueDictionary

import numpy as np

from graphc.backends.triton_gpu.device import Ready
from graphc.backends.triton_gpu.launch import Launch
from graphc.backends.triton_gpu.objects.binary import Binary
from graphc.backends.triton_gpu.objects.chips import chip
from graphc.backends.triton_gpu.objects.compile import compiled
from graphc.errors import DeviceError, OutOfMemoryError

from .dlpack import CUDA
from .driver import OUT_OF_MEMORY, Handle, check, describe, driver, value
from .kernel import Kernel, ready
from .staging import Staging
from .turn import Turn

READ_PIECES = 2
LATEST = 8
"""How many of the last launches are named when the device fails."""


@lru_cache
def cuda_device(ordinal: int = 0) -> CudaDevice:
    """The GPU of that number; there is one object for it in a process."""
    return CudaDevice(ordinal)


@final
class CudaMemory:
    """Bytes on a device; free again when nobody holds this object."""

    __slots__ = ("__weakref__", "_free", "address", "nbytes")

    def __init__(self, address: int, nbytes: int, free: Callable[[int], None]) -> None:
        self.address, self.nbytes, self._free = address, nbytes, free

    def __del__(self) -> None:
        self._free(self.address)


@final
class Recorded:
    """Launches and copies that are asked for again with one call."""

    def __init__(self, device: CudaDevice, graph: Handle, kept: Sequence[object]) -> None:
        self._device, self._graph, self._kept = device, graph, tuple(kept)
        self._start = driver().cuGraphLaunch

    def __call__(self) -> None:
        """Ask for all of it again."""
        device = self._device
        with device.turn:
            (code,) = self._start(self._graph, device.stream)
            if code:
                device.fail("what was recorded cannot be started", code)

    def __del__(self) -> None:
        self._device.turn.retire(partial(driver().cuGraphExecDestroy, self._graph))


@final
class CudaDevice:
    """A GPU, its stream and its memory."""

    def __init__(self, ordinal: int = 0) -> None:
        cu = self._cu = driver()
        count = value(cu.cuDeviceGetCount(), "the driver cannot count GPUs")
        if ordinal not in range(count):
            raise DeviceError("there is no such GPU", received=ordinal, expected=f"0..{count - 1}")
        self.ordinal, self.place = ordinal, (CUDA, ordinal)
        self._device = value(cu.cuDeviceGet(ordinal), f"there is no GPU {ordinal}")
        context = value(cu.cuDevicePrimaryCtxRetain(self._device), "the GPU cannot be used")
        self.turn = Turn(context)
        self._latest: deque[str] = deque(maxlen=LATEST)
        self._recording: list[object] | None = None
        self._kernels: WeakValueDictionary[Binary, Kernel] = WeakValueDictionary()
        self._closed = False
        self._held: deque[tuple[Handle, tuple[object, ...]]] = deque()
        with self.turn:
            self._ask()
            flag = cu.CUstream_flags.CU_STREAM_NON_BLOCKING
            self.stream = value(cu.cuStreamCreate(flag), "there is no stream")
            self._recorder = value(cu.cuStreamCreate(flag), "there is no stream")
            self._pool = self._new_pool()
            self._there = Staging(self.stream)
            self._back = Staging(self.stream, READ_PIECES)
        self.queue = self.stream
        """Where launches and copies go: the stream, or what records them."""

    def _ask(self) -> None:
        cu = self._cu
        kinds = cu.CUdevice_attribute

        def attribute(kind: object) -> int:
            found = value(cu.cuDeviceGetAttribute(kind, self._device), "the GPU does not answer")
            return int(found)

        self.cc = 10 * attribute(kinds.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
        self.cc += attribute(kinds.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)
        self.processors = attribute(kinds.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
        shared = attribute(kinds.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)
        self.chip = chip(self.cc, shared)
        self.has_maps = self.chip.has_maps
        name = value(cu.cuDeviceGetName(100, self._device), "the GPU has no name")
        self.name = f"{name.partition(bytes(1))[0].decode()} ({self.chip})"
        if not attribute(kinds.CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED):
            raise DeviceError(
                f"{self.name} has no memory pools", fix="use a GPU that is not shared by vGPU"
            )

    def _new_pool(self) -> Handle:
        """What is freed stays in the pool, for the next call."""
        cu = self._cu
        wanted = cu.CUmemPoolProps()
        wanted.allocType = cu.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
        wanted.location.type = cu.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
        wanted.location.id = self.ordinal
        pool = value(cu.cuMemPoolCreate(wanted), "there is no memory pool")
        threshold = cu.CUmemPool_attribute.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD
        everything = cu.cuuint64_t(2**64 - 1)
        check(cu.cuMemPoolSetAttribute(pool, threshold, everything), "a pool cannot be set up")
        return pool

    # ------------------------------------------------------------------ memory

    def allocate(self, nbytes: int) -> CudaMemory:
        """New memory, in the order of the stream."""
        with self.turn:
            code, address = self._take(nbytes)
            if code == OUT_OF_MEMORY:  # others may hold what is no longer used
                check(self._cu.cuStreamSynchronize(self.stream), "the device has failed")
                check(self._cu.cuMemPoolTrimTo(self._pool, 0), "a pool cannot be emptied")
                code, address = self._take(nbytes)
            if code == OUT_OF_MEMORY:
                raise self._no_memory(nbytes)
            if code:
                self.fail("memory cannot be had", code)
            return CudaMemory(int(address), nbytes, self._free)

    def _take(self, nbytes: int) -> tuple[object, int]:
        return self._cu.cuMemAllocFromPoolAsync(max(1, nbytes), self._pool, self.stream)

    def _free(self, address: int) -> None:
        self.turn.retire(partial(self._cu.cuMemFreeAsync, address, self.stream))

    def _no_memory(self, nbytes: int) -> OutOfMemoryError:
        _, free, total = self._cu.cuMemGetInfo()
        return OutOfMemoryError(
            f"no memory on {self.name}",
            received=f"{nbytes / 2**20:.1f} MiB asked for",
            expected=f"{free / 2**20:.1f} MiB at most, which are free of {total / 2**20:.1f} MiB",
            fix="make the batch smaller, or end what else uses the GPU",
        )

    # ------------------------------------------------------------------ copies

    def write(self, address: int, array: np.ndarray) -> None:
        """Copy a C-contiguous array to the device. It may change as soon as this returns."""
        with self.turn:
            assert self._recording is None, "what is recorded copies from no array"
            self._there.write(address, array)

    def read(self, address: int, array: np.ndarray) -> None:
        """Fill a C-contiguous array from the device, after everything before this is done."""
        with self.turn:
            assert self._recording is None, "what is recorded copies to no array"
            self._back.read(address, array)
            self._let_go()

    def copy(self, target: int, source: int, nbytes: int) -> None:
        """Copy between two places of the device that do not overlap."""
        with self.turn:
            if nbytes:
                result = self._cu.cuMemcpyDtoDAsync(target, source, nbytes, self.queue)
                check(result, "memory cannot be copied")

    # ------------------------------------------------------------------ launches

    def prepare(self, launches: Sequence[Launch]) -> list[Ready]:
        """Compile what is not in the cache (side by side), load it."""
        binaries = compiled(launches, self.chip)
        with self.turn:
            return [ready(self, launch, self._kernel(b)) for launch, b in zip(launches, binaries)]

    def spills(self, launch: Launch) -> int:
        """Of the binary."""
        (binary,) = compiled([launch], self.chip)
        return binary.spills

    def _kernel(self, binary: Binary) -> Kernel:
        found = self._kernels.get(binary)
        if found is None:
            found = self._kernels[binary] = Kernel(self, binary)
        return found

    def scratch(self, binary: Binary) -> Callable[[int], int]:
        """Memory that a function asks for itself: its address for a number of programs."""
        assert not binary.profile, "nothing is profiled"
        kept: list[CudaMemory] = []

        def address(programs: int) -> int:
            nbytes = binary.scratch * programs
            if not kept or kept[0].nbytes < nbytes:
                kept[:] = [self.allocate(nbytes)]
            if self._recording is not None:
                self._recording.append(kept[0])
            return kept[0].address

        return address if binary.scratch else lambda _: 0

    def seen(self, name: str, held: object) -> None:
        """Of a launch: its name, should the device fail, and what must live if it is recorded."""
        self._latest.append(name)
        if self._recording is not None:
            self._recording.append(held)

    def record(self, run: Callable[[], None]) -> Recorded:
        """What `run` asks for, to be done again and again at less cost; `run` is called once."""
        cu = self._cu
        with self.turn:
            assert self._recording is None, "one thing is recorded at a time"
            kept = self._recording = []
            # Relaxed: memory may be allocated and freed meanwhile, on the other stream.
            mode = cu.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
            check(cu.cuStreamBeginCapture(self._recorder, mode), "nothing can be recorded")
            self.queue = self._recorder
            try:
                run()
            except BaseException:
                check(cu.cuGraphDestroy(self._end_recording()), "a graph cannot be destroyed")
                raise
            graph = self._end_recording()
            result = cu.cuGraphInstantiate(graph, 0)
            check(cu.cuGraphDestroy(graph), "a graph cannot be destroyed")
            made = value(result, "what was recorded cannot be used")
            return Recorded(self, made, kept)

    def _end_recording(self) -> Handle:
        self.queue, self._recording = self.stream, None
        return value(self._cu.cuStreamEndCapture(self._recorder), "launches cannot be recorded")

    # ------------------------------------------------------------------ time and order

    def wait(self) -> None:
        """Return when all that was asked for is done."""
        with self.turn:
            (code,) = self._cu.cuStreamSynchronize(self.stream)
            if code:
                self.fail("the device has failed", code)
            self._let_go()

    def hold(self, owners: Sequence[object]) -> None:
        """Keep objects alive until all that was asked for is done."""
        with self.turn:
            self._let_go()
            if owners:
                self._held.append((self._marked(self.stream), tuple(owners)))

    def _let_go(self) -> None:
        """Of what is held, what nothing uses any more."""
        while self._held and not self._cu.cuEventQuery(self._held[0][0])[0]:
            event, _ = self._held.popleft()
            check(self._cu.cuEventDestroy(event), "an event cannot be destroyed")

    def _marked(self, stream: Handle) -> Handle:
        """An event of what a stream has been asked for until now."""
        cu = self._cu
        event = value(
            cu.cuEventCreate(cu.CUevent_flags.CU_EVENT_DISABLE_TIMING), "there is no event"
        )
        check(cu.cuEventRecord(event, stream), "an event cannot be recorded")
        return event

    def retire(self, end: Callable[[], object]) -> None:
        """Do something at the end of an object, when no other thread uses the device."""
        self.turn.retire(end)

    def seconds(self, run: Callable[[], None]) -> float:
        """How long the device takes for what `run` asks for."""
        cu, flag = self._cu, self._cu.CUevent_flags.CU_EVENT_DEFAULT
        with self.turn:
            begin = value(cu.cuEventCreate(flag), "there is no event")
            end = value(cu.cuEventCreate(flag), "there is no event")
            try:
                check(cu.cuEventRecord(begin, self.stream), "time cannot be taken")
                run()
                check(cu.cuEventRecord(end, self.stream), "time cannot be taken")
                self.wait()
                milliseconds = value(cu.cuEventElapsedTime(begin, end), "time cannot be taken")
            finally:
                cu.cuEventDestroy(begin)
                cu.cuEventDestroy(end)
            return milliseconds / 1000

    def after(self, stream: int | None, *, first: int | None) -> None:
        """Let a stream wait for what another has been asked for until now."""
        assert stream is not None, "a GPU has streams"
        assert first is not None, "a GPU has streams"
        cu = self._cu
        with self.turn:
            event = self._marked(first)
            check(cu.cuStreamWaitEvent(stream, event, 0), "a stream cannot wait")
            check(cu.cuEventDestroy(event), "an event cannot be destroyed")

    def fail(self, problem: str, code: object) -> NoReturn:
        """Raise the error of something that was asked for before."""
        raise DeviceError(
            problem,
            received=f"{describe(code, self._cu)}; last launched: {', '.join(self._latest) or '-'}",
            fix="CUDA_LAUNCH_BLOCKING=1 in the environment tells which launch failed",
        )

    def close(self) -> None:
        """Give everything back; what still holds memory of this device must not use it."""
        cu = self._cu
        if self._closed:
            return
        with self.turn:
            self._closed = True
            self.wait()
            for staging in (self._there, self._back):
                staging.close()
            check(cu.cuStreamDestroy(self._recorder), "a stream cannot be destroyed")
            check(cu.cuMemPoolDestroy(self._pool), "a pool cannot be destroyed")
            check(cu.cuStreamDestroy(self.stream), "a stream cannot be destroyed")
            check(cu.cuDevicePrimaryCtxRelease(self._device), "the GPU cannot be left")
            self.turn.lose(f"{self.name} was closed")
