"""The interface of a system, and the only way to run a scenario on one. Must not know how systems work inside."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rayos_model.errors import PlatformFailure
from rayos_model.run.run import Run
from rayos_model.run.writer import RunWriter
from rayos_model.scenario.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run: virtual time, duration, page flips in the last second, and current activity."""

    virtual_ns: int
    duration_ns: int
    fps: float = 0.0
    phase: str = "running"


ProgressFn = Callable[[Progress], None]


class System(Protocol):
    """What runs scenarios. `name` is `"model"` or `"kernel"`."""

    @property
    def name(self) -> str: ...

    def run(self, scenario: Scenario, writer: RunWriter, progress: ProgressFn) -> None:
        """Runs a scenario to its end and passes markers, trace and provenance to the writer.

        Raises `BadInput` for a scenario it cannot run, `PlatformFailure` when the platform fails.
        """


def no_progress(progress: Progress) -> None:
    """Shows nothing."""


def limited(progress: ProgressFn, timeout_s: float | None) -> ProgressFn:
    """`progress` that raises `PlatformFailure` once `timeout_s` of wall time have passed; None: never."""
    if timeout_s is None:
        return progress
    end_s = time.monotonic() + timeout_s

    def show(done: Progress) -> None:
        if time.monotonic() > end_s:
            at = f"at {done.virtual_ns / 1e9:.0f} of {done.duration_ns / 1e9:.0f} virtual s"
            raise PlatformFailure(f"given up after {timeout_s:g} s of wall time, {at}; --timeout sets the limit")
        progress(done)

    return show


def execute(
    system: System, scenario: Scenario, out: str | Path | None = None, progress: ProgressFn | None = None
) -> Run:
    """Runs a scenario on a system and writes the run to `out` (default: a new folder below `runs/`).

    Raises `BadInput` when `out` exists, `PlatformFailure` when the platform fails, `StorageFailure` when the run cannot
    be written.
    """
    with RunWriter(scenario, system.name, out) as writer:
        system.run(scenario, writer, progress or no_progress)
    assert writer.run is not None
    return writer.run
