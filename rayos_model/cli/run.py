"""`rayos run`: runs one scenario on one system, or boots a foreign image."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from rayos_model import backends
from rayos_model.cli.options import SCENARIO_HELP, DurationOption, JsonOption, PlatformOption, SeedOption
from rayos_model.cli.progress import showing
from rayos_model.cli.terminal import console, print_json
from rayos_model.errors import BadInput
from rayos_model.run.run import Run
from rayos_model.run.system import execute, limited
from rayos_model.scenario import files


def run(
    scenario_name: Annotated[str | None, typer.Argument(metavar="SCENARIO", help=SCENARIO_HELP)] = None,
    on: Annotated[Literal["model", "kernel"] | None, typer.Option(help="The system to run on.")] = None,
    platform: PlatformOption = "icount",
    duration: DurationOption = None,
    seed: SeedOption = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder to keep the run in; default: a new one below runs/.")
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Boot this kernel, ISO or disk image instead of running a scenario, and check its marker log.",
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=1,
            help="Wall-clock limit. Default: 60 with --image, which must print its final marker within it; otherwise "
            "none on the model, 1 h on the kernel.",
        ),
    ] = None,
    trace_points: Annotated[
        bool,
        typer.Option(
            "--trace-points", help="Trace every control-flow point, for timelines, flame graphs and `rayos explain`."
        ),
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Let QEMU record the kernel run, for `rayos replay`.")
    ] = False,
    save_baseline: Annotated[
        bool, typer.Option("--save-baseline", help="Also keep a copy as the baseline for `rayos compare`.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run a scenario on the model or on the kernel, judge it by its criteria, and keep the run.

    With --image, boot any system that prints the markers on its serial console, and check what it printed.

    Exit status: 0 every criterion holds · 1 one fails.
    """
    if image is not None:
        if scenario_name is not None or on is not None or duration is not None or seed is not None:
            raise BadInput("--image runs the content of the image; leave out SCENARIO, --on, --duration and --seed")
        from rayos_model.hardware.foreign import run_image

        result = run_image(image, out, timeout)
    elif scenario_name is None or on is None:
        raise BadInput("expected SCENARIO and --on model or --on kernel, or --image FILE; see rayos run --help")
    else:
        if record and on != "kernel":
            raise BadInput("--record: only a kernel run can be recorded; expected --on kernel")
        what = files.load(scenario_name).with_overrides(duration_s=duration, seed=seed)
        with showing() as progress:
            result = execute(
                backends.system(on, platform, trace_points=trace_points, record=record),
                what,
                out,
                limited(progress(f"{what.name} on {on}"), timeout),
            )
    if out is not None and result.path != out:
        print(f"note: another run has taken {out} meanwhile; this one is {result.path}", file=sys.stderr)
    if save_baseline:
        from rayos_model.comparison import baseline

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
    """The timeline rules that a run breaks, each with the events around the violation."""
    if not run.scenario.constraints:
        return []
    from rayos_model.contract import markers
    from rayos_model.verdict.timeline import KINDS, check, timeline

    moments = timeline(markers.parse(run.markers()), run.trace(*KINDS))
    return [str(violation) for violation in check(run.scenario.constraints, moments)]
