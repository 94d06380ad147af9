"""The command `rayos`: its subcommands, and how an error becomes one line and an exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Final, NoReturn

import typer

from rayos_model import __version__
from rayos_model.cli.calibrate import calibrate
from rayos_model.cli.compare import compare
from rayos_model.cli.crosscheck import crosscheck
from rayos_model.cli.demo import demo
from rayos_model.cli.doctor import doctor
from rayos_model.cli.explain import explain
from rayos_model.cli.history import history
from rayos_model.cli.markers import markers_app
from rayos_model.cli.plan import plan
from rayos_model.cli.replay import replay
from rayos_model.cli.report import report
from rayos_model.cli.run import run
from rayos_model.cli.scenarios import scenarios_app
from rayos_model.cli.shrink import shrink
from rayos_model.cli.sweep import sweep
from rayos_model.cli.trace import trace
from rayos_model.errors import PlatformFailure, RayosError

_INTERRUPTED: Final = 130
_COMMANDS: Final[tuple[tuple[Callable[..., None], str], ...]] = (
    (doctor, "rayos doctor"),
    (demo, "rayos demo"),
    (run, "rayos run soak-16 --on kernel --duration 60 --out runs/mine"),
    (crosscheck, "rayos crosscheck validation/mixed-4 validation/mixed-16 --json"),
    (calibrate, "rayos calibrate --platform tcg"),
    (shrink, "rayos shrink failing.toml --on kernel --out smallest.toml"),
    (report, "rayos report runs/demo-* --html report.html"),
    (compare, "rayos compare runs/before runs/after --html changes.html"),
    (history, "rayos history --metric commit_to_present.p99 --plot trend.png"),
    (sweep, "rayos sweep soak-16 --set clients=16,64,128 --set display.refresh_hz=60,120 --duration 20"),
    (plan, "rayos plan soak-16 --vary clients --slo 'commit_to_present.p99<100ms' --confirm"),
    (trace, "rayos trace runs/model runs/kernel --perfetto demo.pftrace"),
    (explain, "rayos explain soak-64 --duration 20 --tornado --html why.html"),
    (replay, "rayos replay runs/mine --gdb mine.gdb"),
)
"""The subcommands in the order of `rayos --help`, each with an example."""

app = typer.Typer(
    name="rayos",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="""Test the RayOS Wayland server under load: on a simulation model, on a real kernel in QEMU, or on both.

A *scenario* says which clients run, under which load and faults, and what must hold. A *run* is the folder with the
measurements of one scenario on one system, the model or the kernel.

Start with `rayos doctor` (is everything installed?), then `rayos demo`, then `rayos scenarios`.

Exit status: 0 passed · 1 a criterion failed · 2 bad input · 3 the platform failed · 130 interrupted.
""",
)
for _command, _example in _COMMANDS:
    app.command(epilog=f"Example: `{_example}`")(_command)
app.add_typer(scenarios_app, name="scenarios")
app.add_typer(markers_app, name="markers")


def main() -> None:
    """Entry point: an expected error becomes one line on standard error and an exit status, never a traceback."""
    try:
        status = app(standalone_mode=False) or 0
        if status == _INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(status)
    except typer.TyperException as error:
        message = " ".join(error.format_message().split()).replace("Value error, ", "")
        _fail(message or "a command is missing; see rayos --help", error.exit_code)
    except RayosError as error:
        notes = [*getattr(error, "__notes__", ())] if isinstance(error, PlatformFailure) else []
        _fail("\n".join([str(error), *notes]), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted; no incomplete run is left, and finished points of a sweep or plan are kept", _INTERRUPTED)


def _fail(text: str, status: int) -> NoReturn:
    print(f"rayos: {text}", file=sys.stderr)
    sys.exit(status)


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(f"rayos-model {__version__}")
        raise typer.Exit
