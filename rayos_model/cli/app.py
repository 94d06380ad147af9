"""The command `rayos`: its subcommands, and how an error becomes one line and an exit status."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import tempfile
import traceback
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
from rayos_model.errors import PlatformFailure, RayosError, StorageFailure, printable
from rayos_model.toolchain.cache import default_cache

_UNEXPECTED: Final = 70
"""As sysexits.h has it: an internal error, which no input should cause."""
_INTERRUPTED: Final = 130
_OUTPUT_CLOSED: Final = 141
"""As if by SIGPIPE: the reader of standard output has gone."""
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

_received: Final[list[signal.Signals]] = []
"""What ends this process, if it is not Ctrl-C."""

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

Exit status: 0 passed · 1 a criterion failed · 2 bad input · 3 the platform failed ·
70 an internal error · 130 interrupted, 143 terminated · 141 the reader of the output has gone.
""",
)
for _command, _example in _COMMANDS:
    app.command(epilog=f"Example: `{_example}`")(_command)
app.add_typer(scenarios_app, name="scenarios")
app.add_typer(markers_app, name="markers")


def main() -> None:
    """Entry point: runs a command; errors become one line on standard error and an exit status, never a traceback."""
    _prepare_streams()
    _heed_termination()
    try:
        status = _run()
        sys.stdout.flush()
        if status == _INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(status)
    except typer.TyperException as error:
        message = printable(" ".join(error.format_message().split()).replace("Value error, ", ""))
        _fail(message or "a command is missing; see rayos --help", error.exit_code)
    except RayosError as error:
        notes = [*getattr(error, "__notes__", ())] if isinstance(error, PlatformFailure) else []
        _fail("\n".join([str(error), *notes]), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        number = _received[0] if _received else signal.SIGINT
        what = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
        _fail(f"{what}; nothing incomplete is left, and finished points of a sweep are kept", 128 + number)
    except BrokenPipeError:
        _abandon_output()
        sys.exit(_OUTPUT_CLOSED)
    except Exception as error:
        if isinstance(error, OSError) and error.filename is None:  # every other one is a failure named by its file
            _abandon_output()
            _fail(f"standard output: {error.strerror or error}", StorageFailure.exit_code)
        _fail(_report_unexpected(error), _UNEXPECTED)


def _run() -> int:
    try:
        return app(standalone_mode=False) or 0
    except SystemExit:  # so Typer ends where the reader of the output has gone, and nowhere else
        raise BrokenPipeError from None


def _heed_termination() -> None:
    """SIGTERM and SIGHUP end a command as Ctrl-C does, with all clean-up; a second one ends it immediately."""

    def end(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        _received.append(signal.Signals(number))
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # `nohup` ignores SIGHUP
            signal.signal(number, end)


def _prepare_streams() -> None:
    """Makes standard output and error usable on any console, and where they are closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _abandon_output() -> None:
    """What is still buffered goes nowhere, so that the interpreter does not fail at exit once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report_unexpected(error: Exception) -> str:
    """Keeps the traceback of an error that nobody expected; the line that says where."""
    what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    try:
        folder = default_cache() / "tracebacks"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".txt", delete=False, encoding="utf-8") as file:
            file.write(f"rayos-model {__version__}: {sys.argv[1:]!r}\n")
            traceback.print_exception(error, file=file)
    except OSError:
        return f"unexpected error, please report it: {what}"
    return f"unexpected error, please report it with the traceback in {file.name}: {what}"


def _fail(text: str, status: int) -> NoReturn:
    with contextlib.suppress(OSError):
        print(f"rayos: {text}", file=sys.stderr, flush=True)
    sys.exit(status)


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(f"rayos-model {__version__}")
        raise typer.Exit
