"""`rayos plan`: finds the largest value of a scenario key that meets all objectives."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rayos_model import backends
from rayos_model.cli.progress import showing
from rayos_model.cli.terminal import console, print_json
from rayos_model.errors import BadInput
from rayos_model.scenario import files

if TYPE_CHECKING:
    from rayos_model.experiments.design import Range
from rayos_model.cli.options import (
    DaskOption,
    JobsOption,
    JsonOption,
    PlatformOption,
    ScenarioArgument,
    SeedOption,
    writable,
)


def plan(
    scenario_name: ScenarioArgument,
    vary: Annotated[
        list[str],
        typer.Option(
            metavar="KEY",
            help="The scenario key to search, as KEY or KEY=LOW..HIGH. Given again, KEY=V,V,…: search for each of "
            "these values.",
        ),
    ],
    slo: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'METRIC<LIMIT'",
            help="An objective, such as 'commit_to_present.p99<100ms'; may be repeated. Default: the scenario's "
            "criteria.",
        ),
    ] = None,
    smallest: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="Look for the smallest value of this varied key, not the largest."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=V", help="Change a key of the scenario first; may be repeated."),
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Also run the kernel at the answer and just past it.")
    ] = False,
    duration: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Virtual seconds of each run, at least; default: until 10 s after warm-up, at least 20.",
        ),
    ] = None,
    seed: SeedOption = None,
    replications: Annotated[
        int, typer.Option(metavar="N", help="Maximum runs of each value tried, with different seeds.")
    ] = 8,
    confidence: Annotated[
        float, typer.Option(metavar="C", help="Confidence of each verdict, between 0.5 and 1.")
    ] = 0.95,
    jobs: JobsOption = None,
    dask: DaskOption = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", callback=writable, help="Also write a figure (.png, .svg, .pdf) or a page (.html)."
        ),
    ] = None,
    platform: PlatformOption = "icount",
    as_json: JsonOption = False,
) -> None:
    """Find the largest value of a scenario key at which all objectives hold, and optionally confirm it on the kernel.

    The model is run at values found by doubling and bisection, each with several seeds until the verdict is certain. A
    run lasts at least until 3 s after the last client has started, even if --duration is shorter. Memory must suffice
    for all clients. With several --vary, the first key is searched for every combination of values of the others, and
    answers on the Pareto front are marked.

    Exit status: 0 an answer was found and, with --confirm, the kernel meets the objectives there and fails within 10 %
    past it · 1 otherwise.
    """
    from rayos_model.calibration import load_calibration
    from rayos_model.experiments.design import Range, parse_setting
    from rayos_model.experiments.plan import plan as search
    from rayos_model.report import plans
    from rayos_model.scenario.keys import with_changes

    what = files.load(scenario_name).with_overrides(seed=seed)
    for key, values in map(parse_setting, settings or ()):
        if isinstance(values, Range) or len(values) != 1:
            raise BadInput(f"--set {key}: expected one value; use --vary for a key that varies")
        what = with_changes(what, {key: values[0]})
    first, bounds, others = _varied_keys(vary)
    if plot is not None and plot.suffix not in (".png", ".svg", ".pdf", ".html"):
        raise BadInput(f"--plot {plot}: expected a file name that ends in .png, .svg, .pdf or .html")
    with showing() as progress:
        result = search(
            *(what, first, slo or ()),
            smallest=smallest or (),
            bounds=bounds,
            others=others,
            confirm=backends.system("kernel", platform) if confirm else None,
            duration_s=duration,
            max_replications=replications,
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


def _varied_keys(vary: list[str]) -> tuple[str, Range | None, dict[str, list[Any]]]:
    """The key to search, its bounds, and the values of the other keys."""
    from rayos_model.experiments.design import Range, parse_setting

    first, bounds = vary[0], None
    if "=" in first:
        first, values = parse_setting(first)
        if not isinstance(values, Range):
            raise BadInput(f"--vary {vary[0]}: expected KEY or KEY=LOW..HIGH for the first key")
        bounds = values
    others: dict[str, list[Any]] = {}
    for key, values in map(parse_setting, vary[1:]):
        if isinstance(values, Range):
            raise BadInput(f"--vary {key}: expected KEY=V,V,… for every key but the first")
        others[key] = values
    return first, bounds, others
