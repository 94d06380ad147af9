"""`rayos report`: shows runs side by side, or the quality of a calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rayos_model.cli.options import HtmlOption
from rayos_model.cli.progress import showing
from rayos_model.cli.terminal import console
from rayos_model.errors import BadInput
from rayos_model.run.run import Run


def report(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="RUN", help="Folders of runs.")] = None,
    html: HtmlOption = None,
    calibration: Annotated[
        str | None, typer.Option(metavar="PLATFORM", help="Report on the calibration of this platform instead of runs.")
    ] = None,
) -> None:
    """Show runs side by side: verdicts and metrics; figures too in the HTML page.

    For kernel runs also lock hold and wait times. For runs made with `--trace-points` also CPU time by operation, in
    the page as a flame graph.

    With `--calibration`: the precision of the model's parameters, the parameters that the calibration runs cannot tell
    apart, and the parameters on which each prediction depends most.
    """
    if calibration is not None:
        report_calibration(calibration, html)
        return
    if not paths:
        raise BadInput("no run given: name folders of runs, or use --calibration PLATFORM")
    from rayos_model.analysis.contention import contention
    from rayos_model.analysis.hot_paths import has_points, hot_paths
    from rayos_model.report.tables import contention as contention_table
    from rayos_model.report.tables import hot_paths as hot_path_table
    from rayos_model.report.tables import metrics, verdicts

    runs = [Run.load(path) for path in paths]
    screen = console()
    for one in runs:
        screen.print(verdicts(one))
    screen.print(metrics(runs))
    for one in filter(has_points, runs):
        screen.print(hot_path_table(hot_paths(one), one.label))
    for one, waits in ((one, contention(one)) for one in runs):
        if len(waits):
            screen.print(contention_table(waits, one.label))
    if html is not None:
        from rayos_model.report.html import runs_page, write_page

        write_page(html, runs_page(runs))
        screen.print(f"page: {html}", soft_wrap=True)


def report_calibration(platform: str, html: Path | None) -> None:
    """Prints the diagnostics of a calibration, and writes them as a page."""
    from rayos_model.experiments import calibration_quality
    from rayos_model.report import calibration, tables
    from rayos_model.report.html import write_page
    from rayos_model.run.system import Progress

    with showing() as progress:
        show = progress("sensitivity")
        known = calibration_quality.diagnose(
            platform, lambda done, of: show(Progress(done, of, phase="varying parameters"))
        )
    screen = console()
    screen.print(tables.confounded([one.to_dict() for one in known.identifiability if not one.ok]))
    screen.print(tables.sensitivities(known.sensitivity))
    if html is not None:
        write_page(html, calibration.page(known))
        screen.print(f"page: {html}", soft_wrap=True)
