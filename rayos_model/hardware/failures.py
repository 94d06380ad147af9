"""The failures of the hardware side, one class each; the message of each is one line."""

from __future__ import annotations

from rayos_model.errors import PlatformFailure

INSTALL_QEMU = "install QEMU 7.2 or newer (apt-get install qemu-system-x86), or name the binary in RAYOS_QEMU"


class QemuMissing(PlatformFailure):
    """QEMU is not installed, or not at the path in RAYOS_QEMU."""


class QemuTooOld(PlatformFailure):
    """QEMU is older than the oldest version that works."""


class QemuFailed(PlatformFailure):
    """QEMU does not start, has exited, or does not answer."""


class KernelBuildFailed(PlatformFailure):
    """The kernel does not compile on this machine."""


class PlatformUnusable(PlatformFailure):
    """The requested platform does not work on this machine."""


class BootHang(PlatformFailure):
    """The guest did not print `RAYOS_BOOT` in time."""


class GuestHang(PlatformFailure):
    """The guest booted, and then wrote neither a line nor a trace record for too long."""


class GuestPanic(PlatformFailure):
    """The guest kernel panicked. `reason` is the text after `RAYOS_PANIC:`."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class GuestReset(PlatformFailure):
    """The guest reset or powered off the machine; on `microvm` only a triple fault does that."""


class TraceFailure(PlatformFailure):
    """The trace ring is not valid: no header, another ABI version, or lost records."""


class ConsoleFlood(PlatformFailure):
    """The guest printed far more than any run does."""


class RunTimeout(PlatformFailure):
    """The whole run exceeded its limit of wall time."""
