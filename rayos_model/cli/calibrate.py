"""`rayos calibrate`: fits the model's parameters to kernel runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rayos_model.cli.options import PlatformOption
from rayos_model.cli.progress import showing
from rayos_model.cli.terminal import console
from rayos_model.run.system import execute
from rayos_model.scenario import files
from rayos_model.toolchain.temporary import temporary_folder


def calibrate(
    platform: PlatformOption = "icount",
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for parameters and recorded runs; default: calibration/PLATFORM."),
    ] = None,
) -> None:
    """Fit the model's parameters to kernel runs of the calibration scenarios. Takes minutes and needs QEMU.

    Then run the validation scenarios on the kernel and keep their results beside the parameters, for
    `rayos crosscheck --recorded`. The validation runs do not enter the fit.
    """
    from rayos_model.calibration import record
    from rayos_model.calibration.calibrate import calibrate as fit
    from rayos_model.calibration.store import calibration_root
    from rayos_model.hardware import KernelSystem

    target = out or calibration_root() / platform
    with showing() as progress, temporary_folder("validation") as scratch:
        kernel = KernelSystem(platform, trace_points=True)
        parameters = fit(kernel, platform, target, progress, noisy=not kernel.platform.deterministic)
        for name in files.shipped("validation"):
            what = files.load_shipped(name)
            record(execute(KernelSystem(platform), what, Path(scratch, name), progress(name)), target)
    console().print(f"{len(parameters.segments)} segment costs fitted: {target}", soft_wrap=True)
