"""`rayos compare`: a run against a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rayos_model.cli.options import JsonOption
from rayos_model.cli.terminal import console, print_json
from rayos_model.errors import BadInput
from rayos_model.run.run import Run


def compare(
    paths: Annotated[list[Path], typer.Argument(metavar="[BASELINE] CURRENT", help="Directories of runs.")],
    html: Annotated[Path | None, typer.Option(metavar="F", help="Write a self-contained page here as well.")] = None,
    calibrated: Annotated[
        bool, typer.Option("--calibration", help="Compare the run's operations with the calibrated costs instead.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say which metrics of a run regressed against a baseline, beyond noise; and which operations explain it.

    With one run, the baseline is what `rayos run … --save-baseline` kept for its scenario, system and platform.
    Operations are compared where both runs were made with `--trace-points`. With `--calibration` those of one run are
    compared with what the model spends on them; this informs and judges nothing.

    Exit status 0 when nothing regressed, 1 when something did, 2 when the runs are not of one scenario.
    """
    from rayos_model.comparison import compare_runs
    from rayos_model.comparison.baseline import load_baseline

    if len(paths) > 2:
        raise BadInput(f"expected a baseline and a current run, got {len(paths)} directories")
    current = Run.load(paths[-1])
    if calibrated:
        _compare_with_calibration(current, as_json)
        return
    baseline = Run.load(paths[0]) if len(paths) == 2 else load_baseline(current)
    comparison = compare_runs(baseline, current)
    document = comparison.to_dict()
    if as_json:
        print_json(document)
    else:
        from rayos_model.report import tables

        screen = console()
        screen.print(tables.changes(document))
        for line in tables.explanations(document["operations"]):
            screen.print(line)
    if html is not None:
        from rayos_model.report.html import comparison_page, write_page

        write_page(html, comparison_page([baseline, current], document))
    raise typer.Exit(0 if comparison.ok else 1)


def _compare_with_calibration(run: Run, as_json: bool) -> None:
    from rayos_model.analysis.hot_paths import has_points
    from rayos_model.calibration import load_calibration
    from rayos_model.comparison import attribute_to_calibration
    from rayos_model.report import tables

    if not has_points(run):
        raise BadInput(f"{run.path}: has no points; make the run with --trace-points")
    operations = [one.to_dict() for one in attribute_to_calibration(load_calibration(run.platform), run)]
    if as_json:
        print_json({"run": str(run.path), "platform": run.platform, "operations": operations})
        return
    for line in tables.explanations(operations) or ["every operation costs what calibration says"]:
        console().print(line)
