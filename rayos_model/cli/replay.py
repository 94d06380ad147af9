"""`rayos replay`: executes a recorded run again and compares it bit for bit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rayos_model.cli.terminal import console
from rayos_model.run.run import Run


def replay(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a kernel run made with --record.")],
    gdb: Annotated[
        Path | None,
        typer.Option(
            metavar="SOCKET", help="Create a Unix socket here and wait for gdb to connect and start the guest."
        ),
    ] = None,
) -> None:
    """Execute a recorded kernel run again, instruction by instruction, optionally under gdb.

    Exit status: 0 marker log and trace equal those of the run bit for bit · 1 they differ.
    """
    from rayos_model.hardware.recording import check_recorded
    from rayos_model.hardware.recording import replay as replayed
    from rayos_model.hardware.system import build_kernel
    from rayos_model.toolchain import kernel_build

    run = Run.load(path)
    check_recorded(run)
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
        console().print(f"identical: {len(result.console)} lines, {len(result.trace)} trace records")
    raise typer.Exit(1 if result.differences else 0)
