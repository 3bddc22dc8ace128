"""Every error raised on purpose: what went wrong, what came in, what was expected, what to do.

Each class is also a built-in class, so callers may catch what they expect. No other file defines
an exception. Laws of our own code are `assert law, "sentence"`, not errors.
"""

from __future__ import annotations

from graphc.provenance import Source, user_source


class GraphcError(Exception):
    """The base of all errors of this package; its text has up to five labelled lines."""

    def __init__(
        self,
        problem: str,
        *,
        received: object = None,
        expected: object = None,
        fix: str | None = None,
        source: Source | None = None,
    ) -> None:
        self.problem, self.received = problem, received
        self.source = source or user_source()
        rows = (("received", received), ("expected", expected), ("to fix", fix))
        lines = [problem, *(f"  {label}: {text}" for label, text in rows if text is not None)]
        if self.source.line:
            lines.append(f"  at {self.source.file}:{self.source.line}: {self.source.text()}")
        self.text = "\n".join(lines)
        super().__init__(self.text)

    def __str__(self) -> str:
        return self.text


class ShapeError(GraphcError, ValueError):
    """Shapes or axes that do not fit together."""


class DTypeError(GraphcError, TypeError):
    """A dtype that an operation does not take."""


class ArgumentError(GraphcError, ValueError):
    """An argument outside what a function accepts."""


class FeedError(GraphcError, ValueError):
    """A value given to a compiled function that does not fit its input."""


class FeedTypeError(FeedError, TypeError):
    """A value given to a compiled function that is no array of numbers."""


class UnknownNameError(GraphcError, LookupError, ValueError):
    """A name that nothing carries."""


class OutOfRangeError(GraphcError, IndexError):
    """An index outside the axis it selects from."""


class DifferentiationError(GraphcError, ValueError):
    """A derivative that does not exist or was asked for wrongly."""


class ModeError(GraphcError, RuntimeError):
    """An operation used in a mode (static, eager) where it has no meaning."""


class ParseError(GraphcError, ValueError):
    """Text that is not a printed graph."""


class VerifyError(GraphcError, ValueError):
    """A graph or kernel that breaks one of its laws."""


class ScheduleError(GraphcError, ValueError):
    """A step on a kernel that its structure does not allow."""


class CompileError(GraphcError, RuntimeError):
    """Code generation failed; a defect of the compiler, not of the program."""


class NumericError(GraphcError, ArithmeticError):
    """A NaN or infinity found where checks were asked for."""


class OutOfMemoryError(GraphcError, MemoryError):
    """A buffer that does not fit into memory; its size is named."""


class DeviceError(GraphcError, RuntimeError):
    """There is no GPU to use, or something failed on it."""


class MissingExtraError(GraphcError, ImportError):
    """An optional package that is not installed; the extra is named."""


class DataError(GraphcError, ValueError):
    """A data file that is damaged, of the wrong kind, or cannot be had."""


class NotSupportedError(GraphcError, NotImplementedError):
    """Something a backend cannot do, with what to do instead."""
