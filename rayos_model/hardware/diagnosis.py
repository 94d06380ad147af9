"""Checks of the installation, with advice on what is missing. Changes nothing but the build cache."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rayos_model.errors import PlatformFailure
from rayos_model.hardware.execution import probe
from rayos_model.hardware.failures import INSTALL_QEMU
from rayos_model.hardware.platforms import DEFAULT_PLATFORM, PLATFORMS, Platform
from rayos_model.hardware.qemu import Qemu, find_qemu
from rayos_model.hardware.system import build_kernel
from rayos_model.run.writer import host_cpu
from rayos_model.toolchain import model_build
from rayos_model.toolchain.kernel_build import KernelBinary


@dataclass(frozen=True)
class Check:
    """One check. The default platform works when all `required` checks are ok."""

    name: str
    ok: bool
    detail: str
    advice: str = ""
    required: bool = True

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form."""
        return asdict(self)


def doctor() -> list[Check]:
    """All checks, each after those it depends on. Takes up to about ten seconds; raises nothing."""
    checks = [Check("host", True, f"{os.cpu_count()} × {host_cpu()}", required=False), _check_model()]
    qemu: Qemu | None = None
    kernel: KernelBinary | None = None
    try:
        qemu = find_qemu()
        checks.append(Check("QEMU", True, f"{qemu.version} at {qemu.path}"))
    except PlatformFailure as failure:
        checks.append(Check("QEMU", False, str(failure), INSTALL_QEMU))
    try:
        kernel = build_kernel()
        checks.append(Check("kernel", True, f"built, sha256 {kernel.sha256[:16]}…"))
    except PlatformFailure as failure:
        checks.append(Check("kernel", False, str(failure), "pip install ziglang installs the compiler"))
    checks.extend(_check_platform(platform, qemu, kernel) for platform in PLATFORMS.values())
    return checks


def _check_model() -> Check:
    if model_build.available():
        return Check("model", True, "compiled to machine code", required=False)
    advice = "python -m rayos_model.toolchain.model_build compiles it"
    return Check("model", False, "interpreted: same results, slower", advice, required=False)


def _check_platform(platform: Platform, qemu: Qemu | None, kernel: KernelBinary | None) -> Check:
    name, required = f"platform {platform.name}", platform.name == DEFAULT_PLATFORM
    if qemu is None or kernel is None:
        return Check(name, False, "cannot be tried without QEMU and the kernel", required=required)
    if platform.name == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
        there = Path("/dev/kvm").exists()
        return Check(
            name,
            False,
            "no permission to open /dev/kvm" if there else "this machine has no /dev/kvm",
            "add yourself to the group kvm" if there else "not needed: icount is the default",
            required=False,
        )
    try:
        wall_s = probe(qemu, Path(kernel.path), platform)
    except PlatformFailure as failure:
        return Check(name, False, str(failure), "" if required else "not needed: icount is the default", required)
    return Check(
        name, True, f"{platform.description}; a second of a small scenario took {wall_s:.2f} s", required=required
    )
