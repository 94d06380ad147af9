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

from rayos_model.contract.markers import PANIC
from rayos_model.contract.strict import require_file
from rayos_model.errors import BadInput
from rayos_model.hardware.failures import BootHang, ConsoleFlood
from rayos_model.hardware.qemu import PROGRAM, Qemu
from rayos_model.hardware.session import QemuSession

_TICK_S: Final = 0.1
_GRACE_S: Final = 0.5
"""Time to read on after the final marker: guests print a little more."""
_CONSOLE_BYTES: Final = 256 << 20
_HEAD_BYTES: Final = 1 << 16
_MARKER: Final = re.compile(r"\bRAYOS_[A-Z]")
_END: Final = re.compile(
    r"\bRAYOS_(?:SOAK:COMPLETE|STRESS:COMPLETE|FAILURE:TEST_COMPLETE|INTEGRATION:SCENARIO_COMPLETE):"
)


@dataclass(frozen=True, slots=True)
class BootImage:
    """A file that QEMU can boot: path, kind (`"ISO"`, `"disk"`, `"kernel"`) and SHA-256."""

    path: Path
    kind: str
    sha256: str

    @classmethod
    def at(cls, path: Path) -> BootImage:
        """Examines a file. Raises `BadInput` when it cannot be read or is not bootable."""
        require_file(path)
        try:
            with path.open("rb") as file:
                kind = _kind_of(path, file.read(_HEAD_BYTES))
                file.seek(0)
                return cls(path, kind, hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            raise BadInput(f"{path}: cannot read the image: {error.strerror or error}") from None

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
    """The kind of an image that begins with `data`."""
    if data[0x8001:0x8006] == b"CD001":
        return "ISO"
    if data[:4] == b"\x7fELF" or data[0x202:0x206] == b"HdrS":
        return "kernel"
    if data[510:512] == b"\x55\xaa":
        return "disk"
    raise BadInput(f"{path}: expected an ISO, an ELF or Linux kernel, or a disk with a boot sector")


@dataclass(frozen=True, slots=True)
class Boot:
    """The result of a boot: console lines, how it ended, and the wall time.

    `ending` is `"complete"` (a final marker), `"panic"`, `"reset"` (also when switched off) or `"timeout"`.
    """

    lines: list[str]
    ending: str
    wall_s: float


async def boot(qemu: Qemu, image: BootImage, memory_mb: int, timeout_s: float) -> Boot:
    """Boots an image and reads its console until the final marker or a panic, at most for `timeout_s` of wall time.

    Raises `BootHang` when it prints neither a marker nor a panic in that time, `ConsoleFlood`, and `QemuFailed` from
    the session.
    """
    started = time.monotonic()
    lines: list[str] = []
    command = [str(qemu.path), *image.command(memory_mb)[1:]]
    # An absolute path has no protocol prefix such as nbd:, and a doubled comma begins no further option.
    place = str(image.path.resolve())
    places = {"<image>": place if image.kind == "kernel" else place.replace(",", ",,")}
    async with QemuSession(command, b"", places) as session:
        await session.resume()
        until, ending = started + timeout_s, ""
        while time.monotonic() < until:
            event = await session.next_event(_TICK_S)
            new = session.console_lines()
            lines += new
            if session.console_bytes() > _CONSOLE_BYTES:
                raise ConsoleFlood(f"the image floods its console: more than {_CONSOLE_BYTES >> 20} MiB")
            if not ending and (ending := _ending(new)):
                until = min(until, time.monotonic() + _GRACE_S)
            if event is not None and event[0] in ("SHUTDOWN", "GUEST_PANICKED"):
                ending = ending or ("panic" if event[0] == "GUEST_PANICKED" else "reset")
                break
        new = session.console_lines(to_the_end=True)
        lines += new
    if ending in ("", "reset"):
        ending = _ending(new) or ending
    wall_s = time.monotonic() - started
    if ending != "panic" and not any(map(_MARKER.search, lines)):
        raise BootHang(f"{image.path}: no RAYOS_ line on the serial console within {wall_s:.0f} s{_last(lines)}")
    return Boot(lines, ending or "timeout", wall_s)


def _ending(lines: list[str]) -> str:
    """How a console that goes on with these lines ends; empty if it does not."""
    if any(map(PANIC.search, lines)):
        return "panic"
    return "complete" if any(map(_END.search, lines)) else ""


def _last(lines: list[str]) -> str:
    printed = [line for line in lines if line.strip()]
    return f"; last line: {printed[-1][:120]!r}" if printed else "; nothing on the console"
