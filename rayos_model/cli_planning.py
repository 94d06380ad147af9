"""Commands that ask the model what would be: `sweep`. Must not compute anything itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from rayos_model import scenario
from rayos_model.errors import BadInput
from rayos_model.progress import counting

SHOWN: Final = ("commit_to_present.p50", "commit_to_present.p99", "frame_rate.mean", "cpu.mean", "memory.peak")

ScenarioArgument = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A shipped name, or the path of a TOML file.")
]
PlatformOption = Annotated[str, typer.Option(metavar="P", help="Whose calibration the model uses.")]
DurationOption = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Run this long instead of the scenario's duration.")
]
SeedOption = Annotated[int | None, typer.Option(metavar="N", help="Another seed for all random draws.")]
JobsOption = Annotated[int | None, typer.Option(metavar="N", help="Processes; default: one a core.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the command `rayos`."""
    example = "Example: `rayos sweep soak-16 --set clients=16,64,128 --set display.refresh_hz=60,120 --duration 20`"
    app.command(epilog=example)(sweep)


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
    dask: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Compute on a Dask cluster: tcp://host:8786.")
    ] = None,
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
    from rayos_model.cli import _console
    from rayos_model.sweep import default_target, design, parse_setting, summary
    from rayos_model.sweep import sweep as run
    from rayos_model.units import METRIC_UNITS

    names = metrics or SHOWN
    unknown = [name for name in names if name not in METRIC_UNITS]
    if unknown:
        raise BadInput(f"--metric {unknown[0]}: unknown metric; docs/metrics.md lists them")
    what = scenario.load(scenario_name).with_overrides(duration_s=duration, seed=seed)
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
    console = _console()
    shown = Table(title=f"{what.name}: means over {replications} replications", title_justify="left")
    means = summary(table, names)
    for column in means.columns:
        head = column.replace(".", ".\n", 1) if column in METRIC_UNITS else column
        shown.add_column(f"{head} {METRIC_UNITS.get(column, '')}".rstrip(), justify="right", overflow="fold")
    for row in means.itertuples(index=False):
        shown.add_row(*(f"{cell:,.6g}" if isinstance(cell, float) else str(cell) for cell in row))
    console.print(shown)
    console.print(f"table: {target}", soft_wrap=True)
