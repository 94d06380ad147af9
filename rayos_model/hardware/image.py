"""Foreign bootable images: a kernel, an ISO or a disk that prints the markers. Must not know which kernel it contains.

The image needs to print marker lines on its serial console; it has no trace and reads no scenario.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rayos_model.errors import BadInput
from rayos_model.hardware.failures import BootHang, ConsoleFlood, GuestPanic, GuestReset
from rayos_model.hardware.qemu import PROGRAM, Qemu
from rayos_model.hardware.session import QemuSession

DEFAULT_TIMEOUT_S: Final = 60.0
_TICK_S: Final = 0.1
_GRACE_S: Final = 0.5
"""Time to read on after the final marker: guests print a little more."""
_CONSOLE_BYTES: Final = 64 << 20
_MARKER: Final = re.compile(r"\bRAYOS_[A-Z]")
_END: Final = re.compile(
    r"\bRAYOS_(?:SOAK:COMPLETE|STRESS:COMPLETE|FAILURE:TEST_COMPLETE|INTEGRATION:SCENARIO_COMPLETE):"
)
_PANIC: Final = re.compile(r"\bRAYOS_PANIC:?(.*)")


@dataclass(frozen=True, slots=True)
class BootImage:
    """A file that QEMU can boot: path, kind (`"ISO"`, `"disk"`, `"kernel"`) and SHA-256."""

    path: Path
    kind: str
    sha256: str

    @classmethod
    def at(cls, path: Path) -> BootImage:
        """Examines a file. Raises `BadInput` when it cannot be read or is not bootable."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadInput(f"{path}: cannot read the image: {error.strerror or error}") from None
        return cls(path, _kind_of(path, data), hashlib.sha256(data).hexdigest())

    def command(self, memory_mb: int) -> list[str]:
        """QEMU's command line, with the placeholders `<image>`, `<console>` and `<qmp>`."""
        drives = {
            "ISO": ("-drive", "file=<image>,media=cdrom,format=raw,readonly=on", "-boot", "d"),
            "disk": ("-drive", "file=<image>,if=ide,format=raw,snapshot=on", "-boot", "c"),
            "kernel": ("-kernel", "<image>"),
        }
        return [
            PROGRAM,
            *("-M", "pc", "-accel", "tcg", "-m", str(memory_mb)),
            *("-nodefaults", "-no-user-config", "-display", "none", "-vga", "std"),
            *drives[self.kind],
            *("-action", "panic=pause,reboot=shutdown,shutdown=pause"),
            *("-chardev", "file,id=console,path=<console>", "-serial", "chardev:console"),
            *("-chardev", "socket,id=qmp,fd=<qmp>", "-mon", "chardev=qmp,mode=control"),
        ]


def _kind_of(path: Path, data: bytes) -> str:
    if data[0x8001:0x8006] == b"CD001":
        return "ISO"
    if data[:4] == b"\x7fELF" or data[0x202:0x206] == b"HdrS":
        return "kernel"
    if data[510:512] == b"\x55\xaa":
        return "disk"
    raise BadInput(f"{path}: expected an ISO, an ELF or Linux kernel, or a disk with a boot sector")


@dataclass(frozen=True, slots=True)
class Boot:
    """The result of a boot: console lines, whether a final marker was printed, and the wall time."""

    lines: list[str]
    complete: bool
    wall_s: float


async def boot(qemu: Qemu, image: BootImage, memory_mb: int, timeout_s: float) -> Boot:
    """Boots an image and reads its console until the final marker, at most for `timeout_s` of wall time.

    Raises `BootHang` when no marker is printed in that time, `GuestPanic` after `RAYOS_PANIC`, `GuestReset` when the
    machine resets before the final marker, `ConsoleFlood`, and `QemuFailed` from the session.
    """
    started = time.monotonic()
    lines: list[str] = []
    command = [str(qemu.path), *image.command(memory_mb)[1:]]
    async with QemuSession(command, b"", {"<image>": str(image.path)}) as session:
        await session.resume()
        until, complete = started + timeout_s, False
        while time.monotonic() < until:
            event = await session.next_event(_TICK_S)
            lines += session.console_lines()
            if session.console_bytes() > _CONSOLE_BYTES:
                raise ConsoleFlood(f"the image floods its console: more than {_CONSOLE_BYTES >> 20} MiB")
            if not complete and any(map(_END.search, lines)):
                complete, until = True, min(until, time.monotonic() + _GRACE_S)
            if event is not None and event[0] in ("SHUTDOWN", "GUEST_PANICKED"):
                break
        lines += session.console_lines(to_the_end=True)
    wall_s = time.monotonic() - started
    if panic := next((match for line in lines if (match := _PANIC.search(line))), None):
        raise GuestPanic(f"the image's kernel panicked: {panic[1].strip() or 'no reason given'}", panic[1].strip())
    complete = complete or any(map(_END.search, lines))
    if not any(map(_MARKER.search, lines)):
        raise BootHang(f"{image.path}: no RAYOS_ line on the serial console within {wall_s:.0f} s{_last(lines)}")
    if not complete and wall_s < timeout_s:
        raise GuestReset(f"{image.path}: the machine reset or switched itself off before the end{_last(lines)}")
    return Boot(lines, complete, wall_s)


def _last(lines: list[str]) -> str:
    printed = [line for line in lines if line.strip()]
    return f"; last line: {printed[-1][:120]!r}" if printed else "; nothing on the console"
