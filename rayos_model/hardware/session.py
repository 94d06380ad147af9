"""A session with one QEMU process: command channel, console, guest memory, screen. Knows no scenario and no trace."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import signal
import socket
import subprocess
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from qemu.qmp import EventListener, QMPClient
from qemu.qmp.error import QMPError
from qemu.qmp.protocol import ConnectError
from qemu.qmp.qmp_client import ExecuteError

from rayos_model.hardware.failures import QemuFailed
from rayos_model.hardware.process import AnonymousFile, Stillness, kill, spawn

T = TypeVar("T")

EVENTS: Final = ("GUEST_PANICKED", "STOP", "SHUTDOWN")
ANSWER_S: Final = 60.0
"""Timeout of a command, which normally takes milliseconds."""
STILL_S: Final = 3.0
"""Time after which a QEMU that does nothing will not answer any more: a stopped one, or another program."""
_LOOK_S: Final = 0.2
_QUIT_S: Final = 2.0
_CONSOLE_CHUNK: Final = 4 << 20

# Without a handler, the library would print the disconnection of a dead QEMU beside our one line.
logging.getLogger("qemu.qmp").addHandler(logging.NullHandler())


class QemuSession:
    """An async context manager: QEMU runs inside the block, with the guest paused at first, and has exited after it.

    `command` is QEMU's command line with placeholders, which are replaced: `<scenario>` by a file with the scenario
    image, `<console>` by the file the console writes to, `<qmp>` by the descriptor of the command channel, and those in
    `places` by their values. QEMU inherits the descriptors `inherited`.
    Console and memory dumps are anonymous files: the guest never waits for a reader, and nothing is left behind,
    however this process ends.

    Entering raises `QemuFailed` when QEMU cannot be started or exits immediately. Every method raises `QemuFailed` when
    QEMU has exited or does not answer.
    """

    def __init__(
        self, command: Sequence[str], image: bytes, places: Mapping[str, str], inherited: Sequence[int] = ()
    ) -> None:
        self._command = command
        self._inherited = inherited
        self._places = places
        self._image = image
        self._files: list[AnonymousFile] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._qmp = QMPClient("rayos")
        self._listener = EventListener(names=EVENTS)
        self._stopped: Stillness | None = None
        self._console_read = 0
        self._partial_line = b""

    @property
    def pid(self) -> int | None:
        """QEMU's process id; None before it was started."""
        return self._process.pid if self._process else None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._quit()
        finally:
            self.close()

    def close(self) -> None:
        """Kills QEMU if it still runs and closes all files. For use where nothing can be awaited any more."""
        if self._process:
            kill(self._process)
        if self._socket:
            self._socket.close()
        for file in self._files:
            file.close()
        self._files = []

    async def _start(self) -> None:
        try:
            self._console, self._dump, self._errors = (self._file(name) for name in ("console", "dump", "errors"))
            scenario = self._file("scenario", self._image)
            self._socket, theirs = socket.socketpair()
            with theirs:
                places = {
                    **self._places,
                    "<scenario>": scenario.child_path,
                    "<console>": self._console.child_path,
                    "<qmp>": str(theirs.fileno()),
                }
                command = [*(_fill(argument, places) for argument in self._command), "-S"]
                descriptors = [theirs.fileno(), *(file.descriptor for file in self._files), *self._inherited]
                self._process = spawn(command, descriptors, self._errors.descriptor)
                self._stopped = Stillness(self._process.pid, STILL_S, stopped=True)
        except OSError as error:
            raise QemuFailed(f"QEMU cannot be started: {error}") from error
        self._qmp.register_listener(self._listener)
        try:
            await self._answered(self._qmp.connect(self._socket))
        except TimeoutError as error:
            raise QemuFailed(f"QEMU does not start: {error}") from error
        except ConnectError as error:
            raise await self._failure("QEMU does not start") from error

    def _file(self, label: str, content: bytes = b"") -> AnonymousFile:
        file = AnonymousFile(f"rayos-{label}", content)
        self._files.append(file)
        return file

    async def _quit(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            with suppress(QMPError, QemuFailed, OSError, EOFError, TimeoutError):
                async with asyncio.timeout(_QUIT_S):
                    await self._qmp.execute("quit")
                deadline = time.monotonic() + _QUIT_S
                while process.poll() is None and time.monotonic() < deadline:
                    await asyncio.sleep(0.002)
            kill(process)
        # The peer has exited: this only awaits the tasks of the connection.
        with suppress(QMPError, OSError, EOFError, TimeoutError):
            async with asyncio.timeout(_QUIT_S):
                await self._qmp.disconnect()

    async def execute(self, command: str, **arguments: object) -> Any:
        """Executes one QMP command and returns its answer. Raises `QemuFailed` when QEMU refuses it."""
        try:
            return await self._answered(self._qmp.execute(command, arguments or None))
        except ExecuteError as error:
            raise QemuFailed(f"QEMU refuses {command}: {error}") from error
        except TimeoutError as error:
            raise QemuFailed(f"QEMU does not answer {command}: {error}") from error
        except (QMPError, OSError, EOFError) as error:
            raise await self._failure(f"QEMU died before it answered {command}") from error

    async def _answered(self, answer: Coroutine[Any, Any, T]) -> T:
        """Awaits QEMU's answer. Raises `TimeoutError` after `ANSWER_S`, or when QEMU has been still for `STILL_S`."""
        assert self._process is not None
        stillness, task = Stillness(self._process.pid, STILL_S), asyncio.ensure_future(answer)
        end, reason = time.monotonic() + ANSWER_S, ""
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=_LOOK_S)
                if stillness.reached():
                    reason = f"it has done nothing for {STILL_S:.0f} s"
                elif time.monotonic() > end:
                    reason = f"not within {ANSWER_S:.0f} s"
                if reason and not task.done():
                    kill(self._process)  # ends the wait in an orderly way: the channel is closed
        except asyncio.CancelledError:
            task.cancel()
            with suppress(asyncio.CancelledError, QMPError, OSError, EOFError):
                await task
            raise
        if reason and task.exception() is not None:
            raise TimeoutError(reason)
        return task.result()

    async def resume(self) -> None:
        """Starts the guest, or resumes it after a pause."""
        await self.execute("cont")

    async def send_input(self, *events: dict[str, Any]) -> None:
        """Sends input events, in the form of QMP's `input-send-event`; the guest must be running."""
        await self.execute("input-send-event", events=list(events))

    async def set_link(self, netdev: str, *, up: bool) -> None:
        """Sets the link of a network device up or down."""
        await self.execute("set_link", name=netdev, up=up)

    async def next_event(self, timeout_s: float) -> tuple[str, dict[str, Any]] | None:
        """The next of `EVENTS` with its data; None after `timeout_s` without one."""
        if self._listener.empty():
            await self._check_alive()
        try:
            async with asyncio.timeout(timeout_s):
                message = await self._listener.get()
        except TimeoutError:
            return None
        data = message.get("data")
        return str(message["event"]), data if isinstance(data, dict) else {}

    async def _check_alive(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            raise await self._failure("QEMU died")
        if self._stopped is not None and self._stopped.reached():
            raise QemuFailed(f"QEMU has been stopped by a signal for {STILL_S:.0f} s")

    async def status(self) -> str:
        """Why the guest does not run: QEMU's status, and the first line on its standard error."""
        status = str((await self.execute("query-status"))["status"])
        printed = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return f"{status}: {printed[0]}" if printed else status

    def console_bytes(self) -> int:
        """Number of bytes the guest has written so far."""
        return self._console.size()

    def console_lines(self, *, to_the_end: bool = False) -> list[str]:
        """The lines written since the last call, without line ends; with `to_the_end`, also an unterminated one.

        The console is written synchronously: while the guest is paused, this returns all output before the pause.
        """
        lines: list[str] = []
        while chunk := self._console.read(self._console_read, _CONSOLE_CHUNK):
            self._console_read += len(chunk)
            *whole, self._partial_line = (self._partial_line + chunk).split(b"\n")
            lines.extend(line.rstrip(b"\r").decode("utf-8", "replace") for line in whole)
        if to_the_end and self._partial_line:
            lines.append(self._partial_line.rstrip(b"\r").decode("utf-8", "replace"))
            self._partial_line = b""
        return lines

    async def read_memory(self, physical: int, size: int) -> NDArray[np.uint8]:
        """A copy of guest memory. Guest time does not advance meanwhile."""
        self._dump.clear()
        await self.execute("pmemsave", val=physical, size=size, filename=self._dump.child_path)
        data = np.empty(size, np.uint8)
        if self._dump.read_into(data.data) != size:
            raise QemuFailed(f"QEMU saved less than {size} bytes of guest memory at {physical:#x}: is memory full?")
        return data

    async def screenshot(self, framebuffer: tuple[int, int, int]) -> bytes:
        """The content of the screen as PNG. `framebuffer` is its (physical address, width, height), XRGB8888.

        Taken from QEMU's display device or, if that has another size, from guest memory.
        """
        physical, width, height = framebuffer
        image: Image.Image | None = None
        with suppress(QemuFailed, OSError):
            self._dump.clear()
            await self.execute("screendump", filename=self._dump.child_path)
            with Image.open(io.BytesIO(self._dump.read())) as seen:
                image = seen.convert("RGB")
        if image is None or image.size != (width, height):
            await self._check_alive()
            pixels = (await self.read_memory(physical, width * height * 4)).reshape(height, width, 4)
            image = Image.fromarray(np.ascontiguousarray(pixels[..., 2::-1]), "RGB")
        png = io.BytesIO()
        image.save(png, "PNG", optimize=False)
        return png.getvalue()

    async def processors(self) -> str:
        """The state of each vCPU, for a diagnosis: `vCPU 0 halted at 0x100123, …`."""
        text = str(await self.execute("human-monitor-command", **{"command-line": "info registers -a"}))
        places = []
        for number, part in enumerate(re.split(r"CPU#\d+", text)[1:]):
            address = re.search(r"[RE]IP=([0-9a-f]+)", part)
            halted = "halted" if re.search(r"HLT=1", part) else "running"
            places.append(f"vCPU {number} {halted} at {int(address.group(1), 16) if address else 0:#x}")
        return ", ".join(places)

    async def _failure(self, what: str) -> QemuFailed:
        """`what` with its reason: QEMU's exit status and the last line on its standard error."""
        deadline = time.monotonic() + _QUIT_S
        while (status := self._process.poll() if self._process else None) is None and time.monotonic() < deadline:
            await asyncio.sleep(0.005)
        if status is None:
            ending = "it still runs but does not answer"
        elif status < 0:
            ending = f"killed by {signal.Signals(-status).name}"
        else:
            ending = f"exit status {status}"
        printed = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return QemuFailed(f"{what} ({ending}){': ' + printed[-1] if printed else ''}")


def _fill(argument: str, places: Mapping[str, str]) -> str:
    for place, value in places.items():
        argument = argument.replace(place, value)
    return argument
