"""The command `replay`. Must not compute anything itself."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rayos_model.run import Run
from rayos_model.terminal import console


def register(app: typer.Typer) -> None:
    """Add the command of this module to the command `rayos`."""
    app.command(epilog="Example: `rayos replay runs/mine --gdb /tmp/mine.gdb`")(replay)


def replay(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="The directory of a run made with --record.")],
    gdb: Annotated[
        Path | None, typer.Option(metavar="SOCKET", help="Wait there, at a new Unix socket, for gdb to start it.")
    ] = None,
) -> None:
    """Execute a recorded run again, instruction by instruction, also under a debugger.

    Exit status 0 when marker log and trace are the run's to the bit, 1 when they are not.
    """
    from rayos_model.hardware import build
    from rayos_model.hardware.recording import replay as replayed
    from rayos_model.hardware.system import build_kernel

    run = Run.load(path)
    defines = [str(define) for define in run.provenance.get("kernel_defines", ())]
    kernel = build_kernel(defines)
    if gdb is not None:
        symbols = build.build_kernel(defines=defines, symbols=True).path
        directories = " ".join(str(build.kernel_sources() / part) for part in build.SOURCE_FOLDERS)
        console().print("Waiting for a debugger. In another terminal:", highlight=False)
        command = f"gdb {symbols} -iex 'set directories {directories}' -ex 'target remote {gdb}'"
        console().print(command, soft_wrap=True, highlight=False, markup=False)
        sys.stdout.flush()
    result = replayed(run, kernel.path, kernel.sha256, gdb)
    for difference in result.differences:
        console().print(difference)
    if not result.differences:
        console().print(f"the same to the bit: {len(result.said)} lines, {len(result.trace)} trace records")
    raise typer.Exit(1 if result.differences else 0)
