"""`rayos history`: how prediction errors developed over cross-checks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rayos_model.cli.options import DEFAULT_HISTORY, JsonOption
from rayos_model.cli.terminal import console, print_json


def history(
    metrics: Annotated[
        list[str] | None, typer.Option("--metric", metavar="M", help="This metric only; may be repeated.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="F", help="Draw the trend; .png, .svg or .pdf by its ending.")
    ] = None,
    folder: Annotated[Path, typer.Option("--history", metavar="DIR", help="Where the results are kept.")] = (
        DEFAULT_HISTORY
    ),
    as_json: JsonOption = False,
) -> None:
    """Show how the errors of the model's predictions developed from cross-check to cross-check."""
    from rayos_model.comparison import history as results_of
    from rayos_model.report import plots, tables

    everything, damaged = results_of.load(folder)
    results = results_of.chosen(everything, metrics or [])
    for file in damaged:
        print(f"rayos: {file}: damaged, left out", file=sys.stderr)
    trends = results_of.trends(results)
    if plot is not None:
        plots.save(plots.history(results), plot)
    if as_json:
        print_json({"history": str(folder), "trends": trends.to_dict("records"), "damaged": list(map(str, damaged))})
    else:
        console().print(tables.trends(trends))
