"""Finds a usable QEMU, or reports why there is none. Starts nothing but `qemu --version`."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rayos_model.hardware.failures import INSTALL_QEMU, QemuFailed, QemuMissing, QemuTooOld
from rayos_model.hardware.process import first_output

QEMU_VARIABLE: Final = "RAYOS_QEMU"
PROGRAM: Final = "qemu-system-x86_64"
OLDEST: Final = (7, 2)
"""The oldest version on which everything was tested."""


@dataclass(frozen=True)
class Qemu:
    """A QEMU binary that exists and is new enough."""

    path: Path
    version: str


def find_qemu() -> Qemu:
    """The QEMU in RAYOS_QEMU, by default the one on PATH.

    Raises `QemuMissing` when there is none, `QemuTooOld` when it is older than 7.2, `QemuFailed` when it does not
    report its version.
    """
    wanted = os.environ.get(QEMU_VARIABLE) or PROGRAM
    found = shutil.which(wanted)
    if found is None:
        where = f"{QEMU_VARIABLE} names {wanted}, which is no program" if wanted != PROGRAM else f"no {PROGRAM} on PATH"
        raise QemuMissing(f"QEMU is missing: {where}; {INSTALL_QEMU}")
    try:
        status, printed = first_output([found, "--version"], still_s=3.0, total_s=20.0)
    except OSError as error:  # also a TimeoutError
        raise QemuFailed(f"QEMU does not run: {found} --version: {_one_line(error)}; {INSTALL_QEMU}") from error
    match = re.search(r"version (\d+)\.(\d+)(?:\.\d+)*", printed)
    if status != 0 or match is None:
        raise QemuFailed(f"QEMU does not report its version: {found} --version ended with {status}; {INSTALL_QEMU}")
    version = match.group(0).removeprefix("version ")
    if (int(match.group(1)), int(match.group(2))) < OLDEST:
        raise QemuTooOld(f"QEMU {version} at {found} is too old; {INSTALL_QEMU}")
    return Qemu(Path(found), version)


def _one_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
