"""`rayos explain`: where CPU time and latency go."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Literal

import typer

from rayos_model import backends
from rayos_model.cli.options import JobsOption, PlatformOption
from rayos_model.cli.progress import counting, showing
from rayos_model.cli.terminal import console
from rayos_model.scenario import files


def explain(
    what: Annotated[str, typer.Argument(metavar="SCENARIO|RUN", help="A scenario, or a run made with --trace-points.")],
    on: Annotated[Literal["model", "kernel"], typer.Option(help="The system to run a scenario on.")] = "model",
    duration: Annotated[float, typer.Option(metavar="SECONDS", help="Length of the run of a scenario.")] = 20.0,
    tornado: Annotated[
        bool, typer.Option("--tornado", help="Also vary each parameter, on the model: what matters?")
    ] = False,
    delta: Annotated[
        float, typer.Option(metavar="D", help="With --tornado: vary each parameter by this share of it, up and down.")
    ] = 0.1,
    jobs: JobsOption = None,
    html: Annotated[Path | None, typer.Option(metavar="F", help="Write a page with figures here as well.")] = None,
    platform: PlatformOption = "icount",
) -> None:
    """Say where time goes: who uses the processor, what each frame's latency consists of, and what laws say.

    The parts of commit-to-present are queueing for the compositor, its service, the wait for the repaint point, the
    pass, its preemption, and the wait for the vblank.
    """
    from rayos_model.analysis import bottleneck
    from rayos_model.analysis.bounds import bounds
    from rayos_model.calibration import load_calibration
    from rayos_model.experiments.tornado import METRICS
    from rayos_model.experiments.tornado import tornado as vary
    from rayos_model.report import explain as shown
    from rayos_model.run.run import PROVENANCE, Run
    from rayos_model.run.system import execute

    with tempfile.TemporaryDirectory(prefix="rayos-explain-") as scratch:
        if Path(what, PROVENANCE).is_file():
            run = Run.load(what)
        else:
            scenario_run = files.load(what).with_overrides(duration_s=duration)
            with showing() as progress:
                system = backends.system(on, platform, trace_points=True)
                watch = progress(f"{scenario_run.name} on {on}")
                run = execute(system, scenario_run, Path(scratch, "run"), watch)
        used, split, laws = bottleneck.utilisation(run), bottleneck.latency_split(run), bounds(run)
    screen = console()
    figures = {"Who uses the processor": shown.utilisation_figure(used)}
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
            if (table["swing"][table["metric"] == metric] >= shown.LEAST_SWING).any():
                figures[f"What {metric} depends on"] = shown.tornado_figure(table, metric)
    if html is not None:
        shown.write(html, run.label, figures)
        screen.print(f"page: {html}", soft_wrap=True)
