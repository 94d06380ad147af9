"""Commands that ask what would be and why: `sweep`, `plan`, `explain`, `trace`. Must not compute anything itself."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer
from rich.table import Table

from rayos_model import scenario
from rayos_model.errors import BadInput
from rayos_model.progress import counting
from rayos_model.terminal import console, print_json

if TYPE_CHECKING:
    from rayos_model.sweep import Range

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
DaskOption = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Compute on a Dask cluster: tcp://host:8786.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the command `rayos`."""
    example = "Example: `rayos sweep soak-16 --set clients=16,64,128 --set display.refresh_hz=60,120 --duration 20`"
    app.command(epilog=example)(sweep)
    example = "Example: `rayos plan soak-16 --vary clients --slo 'commit_to_present.p99<100ms' --confirm`"
    app.command(epilog=example)(plan)
    example = "Example: `rayos trace runs/demo-model-… runs/demo-kernel-… --perfetto demo.pftrace`"
    app.command(epilog=example)(trace)
    app.command(epilog="Example: `rayos explain soak-64 --duration 20 --tornado --html why.html`")(explain)


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


def plan(
    scenario_name: ScenarioArgument,
    vary: Annotated[
        list[str],
        typer.Option(metavar="KEY", help="The key to search, or KEY=LOW..HIGH; further ones as KEY=V,V,…"),
    ],
    slo: Annotated[
        list[str] | None,
        typer.Option(metavar="'M<V'", help="An objective; default: the scenario's criteria. May be repeated."),
    ] = None,
    smallest: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="Of this varied key the smallest is wanted.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=V", help="Change the scenario before anything else.")
    ] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Run the kernel at the answer and just past it.")] = False,
    duration: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Least length of a run; default: 10 s past warm-up, at least 20."),
    ] = None,
    seed: SeedOption = None,
    replications: Annotated[int, typer.Option(metavar="N", help="Most runs of one alternative.")] = 8,
    confidence: Annotated[float, typer.Option(metavar="C", help="Confidence of each verdict.")] = 0.95,
    jobs: JobsOption = None,
    dask: DaskOption = None,
    plot: Annotated[Path | None, typer.Option(metavar="F", help="Write a figure: .png, .svg, .pdf or .html.")] = None,
    platform: PlatformOption = "icount",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")
    ] = False,
) -> None:
    """Find the largest value of a key at which all objectives hold, on the model, and confirm it on the kernel.

    Each alternative is replicated with the same random numbers until its verdict is certain, in runs that go on until 3
    s past the start of the last client, however short --duration is. Memory must suffice for all clients as well. With
    several --vary the first is searched for every combination of the others' values, and the Pareto front is marked.
    Exit status 0 when there is an answer (and the kernel confirms it: meets it, and fails within 10 % past it).
    """
    from rayos_model.calibration import load_calibration
    from rayos_model.cli import _system
    from rayos_model.keys import varied
    from rayos_model.plan import plan as search
    from rayos_model.progress import showing
    from rayos_model.report import plans
    from rayos_model.sweep import Range, parse_setting

    what = scenario.load(scenario_name).with_overrides(seed=seed)
    for key, values in map(parse_setting, settings or ()):
        if isinstance(values, Range) or len(values) != 1:
            raise BadInput(f"--set {key}: expected one value; what is to be varied goes to --vary")
        what = varied(what, {key: values[0]})
    first, bounds, others = _knobs(vary)
    if plot is not None and plot.suffix not in (".png", ".svg", ".pdf", ".html"):
        raise BadInput(f"--plot {plot}: expected a name that ends in .png, .svg, .pdf or .html")
    with showing() as progress:
        result = search(
            *(what, first, slo or ()),
            smallest=smallest or (),
            bounds=bounds,
            others=others,
            confirm=_system("kernel", platform) if confirm else None,
            duration_s=duration,
            most_replications=replications,
            confidence=confidence,
            parameters=load_calibration(platform),
            jobs=jobs,
            dask=dask,
            done=lambda text: print(text, file=sys.stderr, flush=True),
            progress=progress,
        )
    if plot is not None:
        plans.write(result, plot)
    if as_json:
        print_json(result.to_dict())
    else:
        screen = console()
        for answer in result.answers:
            screen.print(plans.headline(result, answer), soft_wrap=True)
            screen.print(plans.alternatives(result, answer))
            if answer.confirmed is not None:
                screen.print(f"kernel: {'confirmed' if answer.confirmed else 'NOT CONFIRMED'}")
        if len(result.answers) > 1:
            screen.print(plans.front_table(result))
    raise typer.Exit(0 if result.ok else 1)


def trace(
    paths: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Directories that `rayos run` made.")],
    perfetto: Annotated[Path, typer.Option(metavar="F", help="The file to write; opens in ui.perfetto.dev.")],
) -> None:
    """Write runs as one timeline: a process a run, a track a thread, frame rate, CPU and memory as counters.

    Slices, one a segment of a thread's work, need runs made with `rayos run --points`.
    """
    from rayos_model.run import Run
    from rayos_model.timeline import write_perfetto

    runs = [Run.load(path) for path in paths]
    count = write_perfetto(runs, perfetto)
    screen = console()
    screen.print(f"{count:,} slices of {len(runs)} runs: {perfetto}", soft_wrap=True)
    if not count:
        screen.print("No slices: make the runs with `rayos run … --points`.", markup=False)


def explain(
    what: Annotated[str, typer.Argument(metavar="SCENARIO|RUN", help="A scenario, or a run made with --points.")],
    on: Annotated[Literal["model", "kernel"], typer.Option(help="The system to run a scenario on.")] = "model",
    duration: Annotated[float, typer.Option(metavar="SECONDS", help="Length of the run of a scenario.")] = 20.0,
    tornado: Annotated[
        bool, typer.Option("--tornado", help="Also vary each parameter, on the model: what matters?")
    ] = False,
    share: Annotated[float, typer.Option(metavar="S", help="By how much.")] = 0.1,
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
    from rayos_model.analysis.sensitivity import METRICS
    from rayos_model.analysis.sensitivity import tornado as vary
    from rayos_model.calibration import load_calibration
    from rayos_model.cli import _system
    from rayos_model.progress import showing
    from rayos_model.report import explain as shown
    from rayos_model.run import PROVENANCE, Run
    from rayos_model.systems import execute

    with tempfile.TemporaryDirectory(prefix="rayos-explain-") as scratch:
        if Path(what, PROVENANCE).is_file():
            run = Run.load(what)
        else:
            scenario_run = scenario.load(what).with_overrides(duration_s=duration)
            with showing() as progress:
                watch = progress(f"{scenario_run.name} on {on}")
                run = execute(_system(on, platform, True), scenario_run, Path(scratch, "run"), watch)
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
            table = vary(run.scenario, share=share, jobs=jobs, parameters=load_calibration(platform), done=done)
        screen.print(shown.tornado_table(table, share))
        for metric in METRICS:
            if (table["swing"][table["metric"] == metric] >= shown.LEAST_SWING).any():
                figures[f"What {metric} depends on"] = shown.tornado_figure(table, metric)
    if html is not None:
        shown.write(html, run.label, figures)
        screen.print(f"page: {html}", soft_wrap=True)


def _knobs(vary: list[str]) -> tuple[str, Range | None, dict[str, list[Any]]]:
    """The key to search with its bounds, and the values of all others."""
    from rayos_model.sweep import Range, parse_setting

    first, bounds = vary[0], None
    if "=" in first:
        first, values = parse_setting(first)
        if not isinstance(values, Range):
            raise BadInput(f"--vary {vary[0]}: expected KEY or KEY=LOW..HIGH for the first key")
        bounds = values
    others: dict[str, list[Any]] = {}
    for key, values in map(parse_setting, vary[1:]):
        if isinstance(values, Range):
            raise BadInput(f"--vary {key}: expected values KEY=V,V,… for all keys but the first")
        others[key] = values
    return first, bounds, others
