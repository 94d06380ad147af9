"""`rayos trace`: runs as one timeline for Perfetto."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rayos_model.cli.terminal import console
from rayos_model.run.run import Run


def trace(
    paths: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Directories that `rayos run` made.")],
    perfetto: Annotated[Path, typer.Option(metavar="F", help="The file to write; opens in ui.perfetto.dev.")],
) -> None:
    """Write runs as one timeline: a process a run, a track a thread, frame rate, CPU and memory as counters.

    Slices, one a segment of a thread's work, need runs made with `rayos run --trace-points`.
    """
    from rayos_model.report.perfetto import write_perfetto

    runs = [Run.load(path) for path in paths]
    count = write_perfetto(runs, perfetto)
    screen = console()
    screen.print(f"{count:,} slices of {len(runs)} runs: {perfetto}", soft_wrap=True)
    if not count:
        screen.print("No slices: make the runs with `rayos run … --trace-points`.", markup=False)
