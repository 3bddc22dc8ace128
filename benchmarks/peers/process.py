"""The other side of `worker.py`: a process that is asked and answers, and may fail."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import PEERS

ROOT = Path(__file__).resolve().parents[2]
# Thread pools of all frameworks read some of these; the rest are told in their own file.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GRAPHC_THREADS")

Reply = dict[str, object]


class Process:
    """A peer in its own interpreter, which runs `worker.py` or another module.

    Errors, deaths and silence are replies with an "error".
    """

    def __init__(
        self, name: str, python: str, threads: int, more: Mapping[str, str] | None = None,
        command: Sequence[str] = (),
    ) -> None:  # fmt: skip
        settings = dict.fromkeys(_THREADS, str(threads))
        environment = os.environ | settings | PEERS[name].environment | dict(more or {})
        words = command or ("benchmarks.peers.worker", name, str(threads))
        self.name = name
        self.started = time.perf_counter()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [python, "-m", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
            cwd=ROOT, env=environment, bufsize=0,
        )  # fmt: skip

    def ask(self, do: str, within: float = 600.0, **more: object) -> Reply:
        """Send a command and wait for the answer for at most so many seconds."""
        self.send(do, **more)
        return self.answer(within)

    def send(self, do: str, **more: object) -> None:
        """Send a command and do not wait."""
        assert self._process.stdin is not None, "the process was started with a pipe"
        with contextlib.suppress(BrokenPipeError):  # the answer tells
            self._process.stdin.write(json.dumps({"do": do, **more}).encode() + b"\n")

    def answer(self, within: float = 600.0) -> Reply:
        """The answer to the command that was sent."""
        assert self._process.stdout is not None, "the process was started with a pipe"
        line, end = b"", time.perf_counter() + within
        while not line.endswith(b"\n"):
            left = end - time.perf_counter()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                return {"error": f"no answer within {within:.0f} s"}
            part = os.read(self._process.stdout.fileno(), 1 << 16)
            if not part:
                return {"error": f"the process ended: {self._last_line()}"}
            line += part
        return json.loads(line)

    def pause(self) -> None:
        """Stop all its threads: some frameworks keep a core busy while they wait for work."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        with self._process, self._log:
            pass  # closes pipes and files, waits

    def _last_line(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else f"status {self._process.wait()}"
