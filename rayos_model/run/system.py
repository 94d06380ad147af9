"""What a system is, and the one way to run a scenario on one. Must not know how any system works inside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rayos_model.run.run import Run
from rayos_model.run.writer import RunWriter
from rayos_model.scenario.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: virtual ns of `duration_ns`, page flips of the last second, what it is doing."""

    virtual_ns: int
    duration_ns: int
    fps: float = 0.0
    phase: str = "running"


ProgressFn = Callable[[Progress], None]


class System(Protocol):
    """Runs scenarios. `name` is `"model"` or `"kernel"`."""

    @property
    def name(self) -> str: ...

    def run(self, scenario: Scenario, writer: RunWriter, progress: ProgressFn) -> None:
        """Run a scenario to its end, feeding the writer. Raises `PlatformFailure` when the platform fails."""


def no_progress(progress: Progress) -> None:
    """Show nothing."""


def execute(
    system: System, scenario: Scenario, out: str | Path | None = None, progress: ProgressFn | None = None
) -> Run:
    """Run a scenario on a system and write the run to `out` (default: a new directory below `runs/`).

    Raises `BadInput` when `out` exists, `PlatformFailure` when the platform fails, `StorageFailure` when the disk does.
    """
    with RunWriter(scenario, system.name, out) as writer:
        system.run(scenario, writer, progress or no_progress)
    assert writer.run is not None
    return writer.run
