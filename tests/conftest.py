"""Makes the modules in this folder importable by all tests below it, and Ctrl-C work in them."""

from __future__ import annotations

import signal

# A shell that starts something in the background lets it, and all its children, ignore Ctrl-C;
# the tests of interrupts send it to processes of their own.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption(
        "--gpu-target", default="triton_gpu", help="triton_interpret: rehearse make test-gpu"
    )
