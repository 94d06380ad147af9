"""`rayos history`: shows prediction errors over time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rayos_model.cli.options import DEFAULT_HISTORY, JsonOption, writable
from rayos_model.cli.terminal import console, print_json


def history(
    metrics: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="M", help="Show only this metric, such as frame_rate.mean; may be repeated."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", callback=writable, help="Also draw the trend; .png, .svg or .pdf by the file name."
        ),
    ] = None,
    folder: Annotated[
        Path, typer.Option("--history", metavar="DIR", help="Folder that collects the results of all cross-checks.")
    ] = (DEFAULT_HISTORY),
    as_json: JsonOption = False,
) -> None:
    """Show the errors of the model's predictions over time, from one cross-check to the next.

    Every `rayos crosscheck` adds its results. A series is one metric of one scenario, duration and platform.
    """
    from rayos_model.comparison import history as results_of
    from rayos_model.report import plots, tables

    everything, damaged = results_of.load(folder)
    results = results_of.chosen(everything, metrics or [])
    for file in damaged:
        print(f"rayos: {file}: damaged, ignored", file=sys.stderr)
    trends = results_of.trends(results)
    if plot is not None:
        plots.save(plots.history(results), plot)
    if as_json:
        print_json({"history": str(folder), "trends": trends.to_dict("records"), "damaged": list(map(str, damaged))})
    else:
        console().print(tables.trends(trends))
