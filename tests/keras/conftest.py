"""A table at the end of `make test-keras`: how many of Keras's own tests pass, per file."""

from __future__ import annotations

from collections import Counter, defaultdict

KINDS = ("passed", "failed", "xfailed", "skipped")


def pytest_configure(config) -> None:
    config.addinivalue_line("markers", "requires_trainable_backend: a mark of Keras's own tests")


def pytest_terminal_summary(terminalreporter) -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for kind in KINDS:
        for report in terminalreporter.stats.get(kind, ()):
            file, found, _ = report.nodeid.partition("[")[2].partition("::")
            if found and "keras" in report.keywords:
                counts[file][kind] += 1
    if counts:
        terminalreporter.section("Keras's own tests")
    for file, row in sorted(counts.items()):
        words = (f"{row[k]} {'left out' if k == 'xfailed' else k}" for k in KINDS if row[k])
        terminalreporter.write_line(f"{file:50} {', '.join(words)}")
