"""Commands that look back: `compare` and `history`. Must not compute anything itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rayos_model.errors import BadInput
from rayos_model.run import Run
from rayos_model.terminal import console, print_json


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the command `rayos`."""
    app.command(epilog="Example: `rayos compare runs/before runs/after --html changes.html`")(compare)


def compare(
    paths: Annotated[list[Path], typer.Argument(metavar="[BASELINE] CURRENT", help="Directories of runs.")],
    html: Annotated[Path | None, typer.Option(metavar="F", help="Write a self-contained page here as well.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")
    ] = False,
) -> None:
    """Say which metrics of a run regressed against a baseline, beyond noise; and which operations explain it.

    With one run, the baseline is what `rayos run … --save-baseline` kept for its scenario, system and platform.
    Operations are compared where both runs were made with `--points`.

    Exit status 0 when nothing regressed, 1 when something did, 2 when the runs are not of one scenario.
    """
    from rayos_model.baseline import load_baseline
    from rayos_model.comparison import compare_runs

    if len(paths) > 2:
        raise BadInput(f"expected a baseline and a current run, got {len(paths)} directories")
    current = Run.load(paths[-1])
    baseline = Run.load(paths[0]) if len(paths) == 2 else load_baseline(current)
    comparison = compare_runs(baseline, current)
    document = comparison.to_dict()
    if as_json:
        print_json(document)
    else:
        from rayos_model.report import tables

        screen = console()
        screen.print(tables.changes(document))
        for line in tables.explanations(document):
            screen.print(line)
    if html is not None:
        from rayos_model.report.html import comparison_page, write_page

        write_page(html, comparison_page([baseline, current], document))
    raise typer.Exit(0 if comparison.ok else 1)
