"""`rayos trace`: writes runs as one timeline for Perfetto."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rayos_model.cli.options import writable
from rayos_model.cli.terminal import console
from rayos_model.run.run import Run


def trace(
    paths: Annotated[list[Path], typer.Argument(metavar="RUN", help="Folders of runs.")],
    perfetto: Annotated[
        Path,
        typer.Option(metavar="FILE", callback=writable, help="The file to write; open it at ui.perfetto.dev."),
    ],
) -> None:
    """Write runs as one timeline for ui.perfetto.dev, each run from its start at time 0.

    Each run is a process and each of its threads a track; frame rate, CPU and memory are counters. The slices on a
    track are the segments of the thread's work; they exist only in runs made with `rayos run --trace-points`.
    """
    from rayos_model.report.perfetto import write_perfetto

    runs = [Run.load(path) for path in paths]
    count = write_perfetto(runs, perfetto)
    screen = console()
    screen.print(f"{count:,} slices of {len(runs)} runs: {perfetto}", soft_wrap=True)
    if not count:
        screen.print(
            "No slices: to see the work of threads, make the runs with `rayos run … --trace-points`.", markup=False
        )
