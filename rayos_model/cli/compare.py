"""`rayos compare`: compares a run with a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rayos_model.cli.options import HtmlOption, JsonOption
from rayos_model.cli.terminal import console, print_json
from rayos_model.errors import BadInput
from rayos_model.run.run import Run


def compare(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="[BASELINE] CURRENT",
            help="Folders of runs; BASELINE defaults to the one kept with --save-baseline.",
        ),
    ],
    html: HtmlOption = None,
    calibrated: Annotated[
        bool,
        typer.Option(
            "--calibration", help="Compare the CPU cost of each operation of one run with the calibrated cost."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find the metrics that regressed against a baseline by more than noise, and the operations that explain it.

    Given one run, the baseline is the run that `rayos run … --save-baseline` kept for the same scenario, system and
    platform. CPU costs of operations are compared if both runs were made with `--trace-points`. With `--calibration`
    the costs in one run are compared with those the model uses; this reports differences and passes no verdict.

    Exit status: 0 nothing regressed · 1 a metric regressed · 2 the runs are not of the same scenario.
    """
    from rayos_model.comparison import compare_runs
    from rayos_model.comparison.baseline import load_baseline

    if len(paths) > 2:
        raise BadInput(f"expected one or two folders, [BASELINE] CURRENT, got {len(paths)}")
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
        raise BadInput(f"{run.path}: the run has no control-flow points; make it with --trace-points")
    operations = [one.to_dict() for one in attribute_to_calibration(load_calibration(run.platform), run)]
    if as_json:
        print_json({"run": str(run.path), "platform": run.platform, "operations": operations})
        return
    for line in tables.explanations(operations) or ["no operation differs from its calibrated cost"]:
        console().print(line)
