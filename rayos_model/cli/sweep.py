"""`rayos sweep`: the model at many points of its parameter space."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from rayos_model.cli.options import DaskOption, DurationOption, JobsOption, PlatformOption, ScenarioArgument, SeedOption
from rayos_model.cli.progress import counting
from rayos_model.cli.terminal import console
from rayos_model.errors import BadInput
from rayos_model.scenario import files

SHOWN: Final = ("commit_to_present.p50", "commit_to_present.p99", "frame_rate.mean", "cpu.mean", "memory.peak")


def sweep(
    scenario_name: ScenarioArgument,
    settings: Annotated[
        list[str],
        typer.Option("--set", metavar="KEY=V,V,…", help="Values of a dotted key, or a range KEY=LOW..HIGH for --lhs."),
    ],
    lhs: Annotated[
        int | None, typer.Option(metavar="N", help="Take N points of a Latin hypercube in all ranges.")
    ] = None,
    replications: Annotated[int, typer.Option(metavar="N", help="Runs a point, seeds counted up.")] = 1,
    duration: DurationOption = None,
    seed: SeedOption = None,
    jobs: JobsOption = None,
    dask: DaskOption = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The table, Parquet; default: below runs/, by design.")
    ] = None,
    metrics: Annotated[
        list[str] | None, typer.Option("--metric", metavar="M", help="Print these metrics; default: a few.")
    ] = None,
    platform: PlatformOption = "icount",
) -> None:
    """Run the model at many points: grids of values, Latin hypercubes of ranges, or both.

    Keys are those of a scenario file: `machine.quantum_us`, `clients.0.rate_hz`, `clients.*.damage` (all groups), and
    `clients` for the number of clients in all. Every finished point is kept beside FILE: run the same command again
    after an interruption, and only the rest is computed.
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
