"""`rayos run`: one scenario on one system, or a bootable image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from rayos_model import backends
from rayos_model.cli.options import DurationOption, JsonOption, PlatformOption
from rayos_model.cli.progress import showing
from rayos_model.cli.terminal import console, print_json
from rayos_model.comparison import baseline
from rayos_model.errors import BadInput
from rayos_model.run.run import Run
from rayos_model.run.system import execute
from rayos_model.scenario import files


def run(
    scenario_name: Annotated[
        str | None, typer.Argument(metavar="SCENARIO", help="A shipped name, or the path of a TOML file.")
    ] = None,
    on: Annotated[Literal["model", "kernel"] | None, typer.Option(help="The system to run it on.")] = None,
    platform: PlatformOption = "icount",
    duration: DurationOption = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Another seed for all random draws.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where to; default: a new one below runs/.")] = None,
    image: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Boot this kernel, ISO or disk instead, and keep its marker log."),
    ] = None,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, help="Wall time an image has to say that it is complete.")
    ] = 60.0,
    trace_points: Annotated[
        bool,
        typer.Option("--trace-points", help="Keep every control-flow point: for timelines, hot paths and attribution."),
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Have QEMU record the run on the kernel, for `rayos replay`.")
    ] = False,
    save_baseline: Annotated[
        bool, typer.Option("--save-baseline", help="Keep a copy as what `rayos compare RUN` compares with.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a scenario on the model or on the kernel, judge it and keep the run.

    With --image, boot any image that prints the markers on its serial console instead, and check what it printed.
    Exit status 0 when every criterion holds, 1 when one fails.
    """
    if image is not None:
        if scenario_name is not None or on is not None or duration is not None or seed is not None:
            raise BadInput("--image boots what is in the image; leave out SCENARIO, --on, --duration and --seed")
        from rayos_model.hardware.foreign import run_image

        result = run_image(image, out, timeout)
    elif scenario_name is None or on is None:
        raise BadInput("expected SCENARIO and --on model or --on kernel, or --image FILE; see rayos run --help")
    else:
        if record and on != "kernel":
            raise BadInput("--record records the kernel in QEMU; expected --on kernel")
        what = files.load(scenario_name).with_overrides(duration_s=duration, seed=seed)
        with showing() as progress:
            result = execute(
                backends.system(on, platform, trace_points=trace_points, record=record),
                what,
                out,
                progress(f"{what.name} on {on}"),
            )
    if save_baseline:
        baseline.save(result)
    if as_json:
        print_json(result.to_dict())
    else:
        from rayos_model.report.tables import metrics, verdicts

        screen = console()
        screen.print(metrics([result]))
        screen.print(verdicts(result))
        for violation in _violations(result):
            screen.print(violation, soft_wrap=True)
        screen.print(f"run: {result.path}", soft_wrap=True)
    raise typer.Exit(0 if result.passed else 1)


def _violations(run: Run) -> list[str]:
    """The rules a run breaks, each with the moments around the breach."""
    if not run.scenario.constraints:
        return []
    from rayos_model.contract import markers
    from rayos_model.verdict.timeline import KINDS, check, timeline

    moments = timeline(markers.parse(run.markers()), run.trace(*KINDS))
    return [str(violation) for violation in check(run.scenario.constraints, moments)]
