"""`rayos sweep`: runs the model at many points of a scenario's parameter space."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from rayos_model.cli.options import (
    DaskOption,
    DurationOption,
    JobsOption,
    PlatformOption,
    ScenarioArgument,
    SeedOption,
    writable,
)
from rayos_model.cli.progress import counting
from rayos_model.cli.terminal import console
from rayos_model.errors import BadInput
from rayos_model.scenario import files

SHOWN: Final = ("commit_to_present.p50", "commit_to_present.p99", "frame_rate.mean", "cpu.mean", "memory.peak")


def sweep(
    scenario_name: ScenarioArgument,
    settings: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="KEY=V,V,…",
            help="Values of a scenario key, or a range KEY=LOW..HIGH to sample with --lhs; may be repeated.",
        ),
    ],
    lhs: Annotated[
        int | None, typer.Option(metavar="N", help="Sample all ranges with N points of a Latin hypercube.")
    ] = None,
    replications: Annotated[int, typer.Option(metavar="N", help="Runs of each point, with seeds S, S+1, …")] = 1,
    duration: DurationOption = None,
    seed: SeedOption = None,
    jobs: JobsOption = None,
    dask: DaskOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            callback=writable,
            help="The resulting table, Parquet; default: below runs/, named after the design.",
        ),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metric", metavar="M", help="Print this metric, such as cpu.mean; may be repeated. Default: a selection."
        ),
    ] = None,
    platform: PlatformOption = "icount",
) -> None:
    """Run the model at many points of a scenario's parameter space: grids of values, Latin hypercubes, or both.

    Keys are those of a scenario file: `machine.quantum_us`, `clients.0.rate_hz` (first group), `clients.*.damage` (all
    groups); `clients` is the total number of clients. Finished points are kept beside FILE: after an interruption the
    same command computes only the rest.
    """
    from rayos_model.calibration import load_calibration
    from rayos_model.contract.metric_units import METRIC_UNITS
    from rayos_model.experiments.design import design, parse_setting
    from rayos_model.experiments.sweep import default_target, summary
    from rayos_model.experiments.sweep import sweep as run

    names = metrics or SHOWN
    unknown = [name for name in names if name not in METRIC_UNITS]
    if unknown:
        raise BadInput(f"--metric {unknown[0]}: unknown metric; docs/reference/metrics.md lists them")
    what = files.load(scenario_name).with_overrides(duration_s=duration, seed=seed)
    chosen = dict(map(parse_setting, settings))
    target = out or default_target(what, design(chosen, lhs, what.seed))
    with counting(what.name, "points") as done:
        table = run(
            *(what, chosen),
            samples=lhs,
            replications=replications,
            parameters=load_calibration(platform),
            jobs=jobs,
            dask=dask,
            out=target,
            done=done,
        )
    screen = console()
    shown = Table(title=f"{what.name}: means over {replications} replications", title_justify="left")
    means = summary(table, names)
    for column in means.columns:
        head = column.replace(".", ".\n", 1) if column in METRIC_UNITS else column
        shown.add_column(f"{head} {METRIC_UNITS.get(column, '')}".rstrip(), justify="right", overflow="fold")
    for row in means.itertuples(index=False):
        shown.add_row(*(f"{cell:,.6g}" if isinstance(cell, float) else str(cell) for cell in row))
    screen.print(shown)
    screen.print(f"table: {target}", soft_wrap=True)
