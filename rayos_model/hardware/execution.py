"""The execution of one scenario image, from power-on to its end. Knows no scenario, no markers and no run."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from rayos_model.contract import trace_record as abi
from rayos_model.errors import PlatformFailure
from rayos_model.hardware import debugger as debugging
from rayos_model.hardware.failures import PlatformUnusable, QemuFailed
from rayos_model.hardware.platforms import Platform, command_line, recording
from rayos_model.hardware.qemu import Qemu
from rayos_model.hardware.rendezvous import Limits, Sink, TraceHeader, drive, leave_behind
from rayos_model.hardware.session import QemuSession
from rayos_model.scenario.compile import compile_image
from rayos_model.scenario.scenario import Scenario
from rayos_model.scenario.tables import ClientGroup

PROBE_S: Final = 5.0
"""Maximum wall time of the probe's one virtual second; a slower platform is of no use for real runs."""
_PROBE: Final = Scenario(name="probe", duration_s=1.0, clients=(ClientGroup(count=1, workload="rendering"),))

T = TypeVar("T")


@dataclass(frozen=True)
class Execution:
    """What to execute: image and kernel, on which QEMU, platform and machine."""

    qemu: Qemu
    kernel: Path
    platform: Platform
    image: bytes
    vcpus: int
    memory_mb: int
    devices: tuple[str, ...] = ()
    disk: Path | None = None
    """The disk's image; None: the machine has no disk."""
    recording: Path | None = None
    """The file that QEMU records to or replays from; None: neither."""
    replays: bool = False

    @property
    def command(self) -> list[str]:
        """QEMU's command line, with placeholders for paths."""
        platform = self.platform
        if self.recording is not None:
            platform = recording(platform, "replay" if self.replays else "record")
        return command_line(platform, vcpus=self.vcpus, memory_mb=self.memory_mb, devices=self.devices)


@dataclass(frozen=True)
class Outcome:
    """The result of a completed execution, apart from lines and records."""

    header: TraceHeader
    screenshot: bytes | None
    """PNG; None when the guest has no screen or the screenshot failed."""
    wall_s: float


async def execute(
    execution: Execution, sink: Sink, limits: Limits, debugger: debugging.Debugger | None = None
) -> Outcome:
    """Boots the kernel, passes its output to `sink` until the scenario ends, and takes a screenshot.

    With a `debugger`, the debugger starts the guest, and resumes it wherever it has stopped it. Raises what `drive`
    raises.
    """
    started = time.monotonic()
    command = [str(execution.qemu.path), *execution.command[1:]]
    places = {
        "<kernel>": str(execution.kernel),
        "<disk>": str(execution.disk),
        "<recording>": str(execution.recording).replace(",", ",,"),
    }
    inherited = []
    if debugger is not None:
        command += debugging.ARGUMENTS
        places["<gdb>"] = str(debugger.stub.fileno())
        inherited.append(debugger.stub.fileno())
    async with QemuSession(command, execution.image, places, inherited) as session:
        header = await drive(session, sink, limits, replays=execution.replays, debugged=debugger is not None)
        screenshot: bytes | None = None
        if all(header.framebuffer):
            with suppress(QemuFailed):  # the run itself is complete
                screenshot = await session.screenshot(header.framebuffer)
        if execution.recording is not None and not execution.replays:
            await leave_behind(session)
    return Outcome(header, screenshot, time.monotonic() - started)


def run_blocking(task: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs `task` to its end from synchronous code, also inside a notebook, where an event loop already runs.

    Ctrl-C cancels the task, waits for its clean-up, and then raises `KeyboardInterrupt`.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(task())
    return _run_in_thread(task)


def _run_in_thread(task: Callable[[], Coroutine[Any, Any, T]]) -> T:
    results: list[T] = []
    errors: list[BaseException] = []
    started = threading.Event()
    cancel: list[Callable[[], object]] = []

    async def supervised() -> None:
        loop, current = asyncio.get_running_loop(), asyncio.current_task()
        assert current is not None
        cancel.append(lambda: loop.call_soon_threadsafe(current.cancel))
        started.set()
        results.append(await task())

    def body() -> None:
        try:
            asyncio.run(supervised())
        except BaseException as error:  # re-raised in the caller's thread
            errors.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=body, name="rayos-qemu")
    interrupts = threading.current_thread() is threading.main_thread()
    if interrupts:  # the handler of the running loop would wait for the loop
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        started.wait()
        with suppress(RuntimeError, IndexError):  # the task has just ended
            cancel[0]()
        thread.join()
        raise
    finally:
        if interrupts:
            signal.signal(signal.SIGINT, before)
    if errors:
        raise errors[0]
    return results[0]


class _Nowhere:
    """A sink that discards everything."""

    def lines(self, lines: list[str]) -> None: ...

    def records(self, records: abi.Records) -> None: ...


@cache
def probe(qemu: Qemu, kernel: Path, platform: Platform) -> float:
    """Wall time, in seconds, of one virtual second of a small scenario.

    Raises `PlatformUnusable` when it fails or takes longer than `PROBE_S`.
    """
    machine = _PROBE.machine
    execution = Execution(qemu, kernel, platform, compile_image(_PROBE), machine.vcpus, machine.memory_mb)

    async def attempt() -> Outcome:
        async with asyncio.timeout(PROBE_S):
            return await execute(execution, _Nowhere(), Limits())

    try:
        return run_blocking(attempt).wall_s
    except TimeoutError:
        raise PlatformUnusable(
            f"platform {platform.name} is too slow here: one second of a small scenario was not done in "
            f"{PROBE_S:g} s; use --platform icount"
        ) from None
    except PlatformFailure as error:
        raise PlatformUnusable(
            f"platform {platform.name} does not work here: {error}; use --platform icount"
        ) from error
