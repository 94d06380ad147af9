"""`rayos replay`: execute a recorded run again, to the bit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rayos_model.cli.terminal import console
from rayos_model.run.run import Run


def replay(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="The directory of a run made with --record.")],
    gdb: Annotated[
        Path | None, typer.Option(metavar="SOCKET", help="Wait there, at a new Unix socket, for gdb to start it.")
    ] = None,
) -> None:
    """Execute a recorded run again, instruction by instruction, also under a debugger.

    Exit status 0 when marker log and trace are the run's to the bit, 1 when they are not.
    """
    from rayos_model.hardware.recording import replay as replayed
    from rayos_model.hardware.system import build_kernel
    from rayos_model.toolchain import kernel_build

    run = Run.load(path)
    defines = [str(define) for define in run.provenance.get("kernel_defines", ())]
    kernel = build_kernel(defines)
    if gdb is not None:
        symbols = kernel_build.build_kernel(defines=defines, symbols=True).path
        directories = " ".join(str(kernel_build.kernel_sources() / part) for part in kernel_build.SOURCE_FOLDERS)
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
