"""`rayos explain`: shows where CPU time and latency go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from rayos_model import backends
from rayos_model.cli.options import HtmlOption, JobsOption, PlatformOption
from rayos_model.cli.progress import counting, showing
from rayos_model.cli.terminal import console
from rayos_model.scenario import files
from rayos_model.toolchain.temporary import temporary_folder

_ENOUGH_S: Final = 20.0
"""Default length of a run, if it is not that of the scenario: enough frames for the tails of the tables."""


def explain(
    what: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO|RUN", help="A scenario to run, or the folder of a run made with --trace-points."
        ),
    ],
    on: Annotated[Literal["model", "kernel"], typer.Option(help="The system to run the scenario on.")] = "model",
    duration: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Virtual seconds to run the scenario; default: 20, more where its last event needs that, at most its "
            "own duration.",
        ),
    ] = None,
    tornado: Annotated[
        bool,
        typer.Option("--tornado", help="Also change each parameter up and down on the model, to rank their influence."),
    ] = False,
    delta: Annotated[
        float, typer.Option(metavar="D", help="With --tornado: relative change of each parameter; 0.1 is ± 10 %.")
    ] = 0.1,
    jobs: JobsOption = None,
    html: HtmlOption = None,
    platform: PlatformOption = "icount",
) -> None:
    """Show where time goes: CPU use by thread and operation, the parts of each frame's latency, analytic bounds.

    Commit-to-present is split into queueing for the compositor, service by it, the wait for the repaint point, the
    composition pass, preemption during it, and the wait for the vblank. The analytic bounds are values that queueing
    theory gives for the same quantities.
    """
    from rayos_model.analysis import bottleneck
    from rayos_model.analysis.bounds import bounds
    from rayos_model.calibration import load_calibration
    from rayos_model.experiments.tornado import METRICS
    from rayos_model.experiments.tornado import tornado as vary
    from rayos_model.report import explain as shown
    from rayos_model.run.run import PROVENANCE, Run
    from rayos_model.run.system import execute

    with temporary_folder("explain") as scratch:
        if Path(what, PROVENANCE).is_file():
            run = Run.load(what)
        else:
            scenario = files.load(what)
            enough_s = max(_ENOUGH_S, scenario.settled_s, scenario.last_event_s + 1)
            shorter_s = min(scenario.duration_s, enough_s) if duration is None else duration
            scenario_run = scenario.with_overrides(duration_s=shorter_s)
            with showing() as progress:
                system = backends.system(on, platform, trace_points=True)
                watch = progress(f"{scenario_run.name} on {on}")
                run = execute(system, scenario_run, Path(scratch, "run"), watch)
        used, split, laws = bottleneck.utilisation(run), bottleneck.latency_split(run), bounds(run)
    screen = console()
    figures = {"CPU use": shown.utilisation_figure(used)}
    screen.print(run.label)
    screen.print(shown.utilisation_table(used))
    if len(split):
        bands = bottleneck.split_by_band(split)
        screen.print(shown.split_table(bands))
        figures["Where commit-to-present goes"] = shown.split_figure({run.system: bands})
    screen.print(shown.bounds_table(laws))
    if tornado:
        with counting(run.scenario.name, "points") as done:
            table = vary(run.scenario, delta=delta, jobs=jobs, parameters=load_calibration(platform), done=done)
        screen.print(shown.tornado_table(table, delta))
        for metric in METRICS:
            if (table["swing"][table["metric"] == metric] >= shown.MIN_SWING).any():
                figures[f"What {metric} depends on"] = shown.tornado_figure(table, metric)
    if html is not None:
        shown.write(html, run.label, figures)
        screen.print(f"page: {html}", soft_wrap=True)
