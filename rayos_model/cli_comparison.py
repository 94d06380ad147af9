"""Commands that look back: `compare` and `history`. Must not compute anything itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from rayos_model.errors import BadInput
from rayos_model.run import Run
from rayos_model.terminal import console, print_json

DEFAULT_HISTORY: Final = Path("runs", "history.parquet")
HistoryOption = Annotated[Path, typer.Option(metavar="DIR", help="Where the results of all cross-checks are kept.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the command `rayos`."""
    app.command(epilog="Example: `rayos compare runs/before runs/after --html changes.html`")(compare)
    app.command(epilog="Example: `rayos history --metric commit_to_present.p99 --plot trend.png`")(history)


def compare(
    paths: Annotated[list[Path], typer.Argument(metavar="[BASELINE] CURRENT", help="Directories of runs.")],
    html: Annotated[Path | None, typer.Option(metavar="F", help="Write a self-contained page here as well.")] = None,
    calibrated: Annotated[
        bool, typer.Option("--calibration", help="Compare the run's operations with the calibrated costs instead.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")
    ] = False,
) -> None:
    """Say which metrics of a run regressed against a baseline, beyond noise; and which operations explain it.

    With one run, the baseline is what `rayos run … --save-baseline` kept for its scenario, system and platform.
    Operations are compared where both runs were made with `--points`. With `--calibration` those of one run are
    compared with what the model spends on them; this informs and judges nothing.

    Exit status 0 when nothing regressed, 1 when something did, 2 when the runs are not of one scenario.
    """
    from rayos_model.baseline import load_baseline
    from rayos_model.comparison import compare_runs

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
    from rayos_model.calibration import load_calibration
    from rayos_model.comparison import attribute_to_calibration
    from rayos_model.hot_paths import has_points
    from rayos_model.report import tables

    if not has_points(run):
        raise BadInput(f"{run.path}: has no points; make the run with --points")
    operations = [one.to_dict() for one in attribute_to_calibration(load_calibration(run.platform), run)]
    if as_json:
        print_json({"run": str(run.path), "platform": run.platform, "operations": operations})
        return
    for line in tables.explanations(operations) or ["every operation costs what calibration says"]:
        console().print(line)


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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")
    ] = False,
) -> None:
    """Show how the errors of the model's predictions developed from cross-check to cross-check."""
    from rayos_model import history as results_of
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


def report_calibration(platform: str, html: Path | None) -> None:
    """`rayos report --calibration`: diagnostics of a calibration, on the terminal and as a page."""
    from rayos_model.progress import showing
    from rayos_model.report import calibration as pages
    from rayos_model.report import tables
    from rayos_model.report.html import write_page
    from rayos_model.systems import Progress

    with showing() as progress:
        show = progress("sensitivity")
        known = pages.diagnose(platform, lambda done, of: show(Progress(done, of, phase="varying parameters")))
    screen = console()
    screen.print(tables.confounded([one.to_dict() for one in known.identifiability if not one.ok]))
    screen.print(tables.sensitivities(known.sensitivity))
    if html is not None:
        write_page(html, pages.page(known))
        screen.print(f"page: {html}", soft_wrap=True)
