"""Every way the hardware side can fail: one class and one line of text each. Knows nothing of QEMU's workings."""

from __future__ import annotations

from rayos_model.errors import PlatformFailure

INSTALL_QEMU = "install QEMU 7.2 or newer (apt-get install qemu-system-x86), or name the binary in RAYOS_QEMU"


class QemuMissing(PlatformFailure):
    """No QEMU where it was looked for."""


class QemuTooOld(PlatformFailure):
    """QEMU is there, but older than the oldest version that works."""


class QemuFailed(PlatformFailure):
    """QEMU does not start, has ended by itself, or does not answer."""


class KernelBuildFailed(PlatformFailure):
    """The kernel does not compile on this machine."""


class PlatformUnusable(PlatformFailure):
    """The platform asked for exists by name, but not on this machine."""


class BootHang(PlatformFailure):
    """The guest did not say `RAYOS_BOOT` in time."""


class GuestHang(PlatformFailure):
    """The guest had booted and then neither wrote a line nor kept a trace record for too long."""


class GuestPanic(PlatformFailure):
    """The guest kernel stopped itself. `reason` is what it printed after `RAYOS_PANIC:`."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class GuestReset(PlatformFailure):
    """The guest reset or powered off its machine: on this machine only a triple fault does that."""


class TraceFailure(PlatformFailure):
    """The trace ring cannot be trusted: no header, another ABI, or records lost."""


class ConsoleFlood(PlatformFailure):
    """The guest printed more than any run does."""


class RunTimeout(PlatformFailure):
    """The whole run took longer, in wall time, than it was given."""
