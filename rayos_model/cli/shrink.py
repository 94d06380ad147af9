"""`rayos shrink`: reduces a failing scenario while it still fails the same way."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from rayos_model import backends
from rayos_model.cli.options import PlatformOption, ScenarioArgument, writable
from rayos_model.errors import BadInput
from rayos_model.scenario import files
from rayos_model.scenario.scenario import Scenario
from rayos_model.toolchain.atomic import written_aside


def shrink(
    scenario_name: ScenarioArgument,
    on: Annotated[Literal["model", "kernel"], typer.Option(help="The system the scenario fails on.")],
    platform: PlatformOption = "icount",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", callback=writable, help="The smaller scenario; default: NAME-shrunk.toml here."),
    ] = None,
    attempts: Annotated[int, typer.Option(metavar="N", min=2, help="Maximum number of runs.")] = 200,
) -> None:
    """Reduce a failing scenario: fewer clients, shorter, fewer events and faults, while it still fails the same way.

    Writes the smallest scenario found, with its seed, so that `rayos run` on it reproduces the failure.
    """
    from rayos_model.experiments.shrink import failures_of
    from rayos_model.experiments.shrink import shrink as smallest
    from rayos_model.scenario.builder import to_toml

    what = files.load(scenario_name)
    target = out or Path(f"{what.name}-shrunk.toml")
    if target.exists():
        raise BadInput(f"{target}: exists already; choose another --out or remove it")
    system = backends.system(on, platform)

    def show(smaller: Scenario, runs: int) -> None:
        print(f"{runs} runs: {smaller.client_count} clients, {smaller.duration_s:g} s", file=sys.stderr)

    found = smallest(what, lambda one: failures_of(system, one), attempts, show)
    with written_aside(target, "the scenario") as aside:
        aside.write_text(f"# fails on the {on} by {found.failure}\n" + to_toml(found.scenario), encoding="utf-8")
    print(f"fails by {found.failure} with {found.scenario.client_count} clients in {found.scenario.duration_s:g} s")
    print(f"scenario: {target}")
