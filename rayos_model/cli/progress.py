"""Progress on standard error: a bar on a terminal, a line every ten seconds elsewhere. Never on standard output."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from rayos_model.run.system import Progress, ProgressFn

_LINE_EVERY_S: Final = 10.0


@contextmanager
def showing() -> Iterator[Callable[[str], ProgressFn]]:
    """Yields a function from a label to the callback that shows the progress of one run inside the `with`."""
    if not sys.stderr.isatty():
        yield _Lines
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[facts]}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield lambda label: _OnTerminal(bar, bar.add_task(label, total=None, facts=""))


@contextmanager
def counting(label: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Yields a callback that shows the number of finished pieces of work: `done(finished, total)`."""
    if not sys.stderr.isatty():
        last = time.monotonic()

        def line(finished: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last >= _LINE_EVERY_S:
                last = time.monotonic()
                print(f"{label}: {finished} of {total} {unit}", file=sys.stderr, flush=True)

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
    with Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda finished, total: bar.update(task, completed=finished, total=total)


class _Speed:
    """Virtual seconds per second of wall time since the first progress of a phase."""

    def __init__(self) -> None:
        self._phase: str | None = None
        self._since = 0.0
        self._virtual_ns = 0

    def text(self, progress: Progress) -> str:
        now = time.monotonic()
        if progress.phase != self._phase or progress.virtual_ns < self._virtual_ns:
            self._phase, self._since = progress.phase, now
        self._virtual_ns = progress.virtual_ns
        elapsed = now - self._since
        speed = f", {progress.virtual_ns / 1e9 / elapsed:,.0f}× real time" if elapsed > 0.5 else ""
        return (
            f"{progress.phase}: {progress.virtual_ns / 1e9:,.0f} of {progress.duration_ns / 1e9:,.0f} virtual s"
            f"{speed}, {progress.fps:.0f} fps"
        )


class _OnTerminal:
    def __init__(self, bar: Bar, task: TaskID) -> None:
        self._bar = bar
        self._task = task
        self._speed = _Speed()

    def __call__(self, progress: Progress) -> None:
        done, total = progress.virtual_ns / 1e9, progress.duration_ns / 1e9
        self._bar.update(self._task, completed=done, total=total, facts=self._speed.text(progress))


class _Lines:
    def __init__(self, label: str) -> None:
        self._label = label
        self._speed = _Speed()
        self._last = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        text = self._speed.text(progress)
        now = time.monotonic()
        if now - self._last >= _LINE_EVERY_S:
            self._last = now
            print(f"{self._label}: {text}", file=sys.stderr, flush=True)
