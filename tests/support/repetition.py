"""Runs that repeat to the byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rayos_model.run.run import Run


def repeated(run: Callable[[Path], Run], folder: Path, first: Run | None = None) -> Run:
    """One of two runs of `run` (or of `first` and one) that are the same to the byte; at most four are tried.

    On a busy host QEMU makes a run in some dozens differ by nanoseconds (docs/explanation/kernel.md, "Repeating to
    the byte").
    """
    runs = [] if first is None else [first]
    for number in range(4):
        again = run(folder / f"repeated-{number}")
        for other in runs:
            if again.markers() == other.markers() and again.trace().tobytes() == other.trace().tobytes():
                return again
        runs.append(again)
    raise AssertionError(f"no two of {len(runs)} runs are the same")
