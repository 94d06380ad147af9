"""The host's half of the rendezvous in docs/explanation/rendezvous.md, and a watchdog for guests that no longer
reach one.

Must not know what lines and records mean, except `RAYOS_BOOT` and `RAYOS_PANIC:`.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from rayos_model.contract import abi, macros, trace_record
from rayos_model.errors import PlatformFailure
from rayos_model.hardware.failures import (
    BootHang,
    ConsoleFlood,
    GuestHang,
    GuestPanic,
    GuestReset,
    QemuFailed,
    RunTimeout,
    TraceFailure,
)
from rayos_model.hardware.refusals import DiskRefusals
from rayos_model.hardware.session import QemuSession

_TICK_S: Final = 0.05
_AFTER_PANIC_S: Final = 5.0
"""A guest pauses right after printing its panic; this is the time to wait for one too broken to pause."""
_HEADER_PLACE: Final = (abi.TRACE_HEADER_PHYS, abi.TRACE_HEADER.size)
_KEYS: Final = {30: "a"}
"""Linux key code → QEMU's name of the key."""
_PANIC_LINE: Final = re.compile(r"RAYOS_PANIC:(.*)")


class Sink(Protocol):
    """The receiver of the guest's output, in order, while the guest runs."""

    def lines(self, lines: list[str]) -> None: ...

    def records(self, records: trace_record.Records) -> None: ...


@dataclass(frozen=True)
class Limits:
    """Limits beyond which a guest has failed: wall times (boot, silence, whole run) and console output."""

    boot_s: float = 20.0
    silence_s: float = 30.0
    total_s: float = 3600.0
    console_bytes: int = 256 << 20


@dataclass(frozen=True)
class TraceHeader:
    """`struct trace_header` of kernel/abi.h."""

    ring_phys: int
    ring_records: int
    head: int
    framebuffer: tuple[int, int, int]
    state: abi.RunState
    epoch_tsc: int
    request: abi.HostRequest = abi.HostRequest.NOTHING
    request_x: int = 0
    request_y: int = 0


async def drive(
    session: QemuSession, sink: Sink, limits: Limits, *, replays: bool = False, debugged: bool = False
) -> TraceHeader:
    """Runs the guest to its end and passes all its output to `sink`; returns the final trace header.

    In a replay (`replays`) the input that the guest requests comes from the recording. A `debugged` guest is started
    and stopped by the debugger.

    Raises `BootHang`, `GuestHang`, `GuestPanic`, `GuestReset`, `TraceFailure`, `RunTimeout`, `ConsoleFlood`, and
    `QemuFailed` from the session. All output before the failure has then reached the sink.
    """
    watch = _Watch(session, limits)
    refusals = DiskRefusals(session)
    drained = 0
    called = False

    def listen(*, to_the_end: bool = False) -> None:
        lines = session.console_lines(to_the_end=to_the_end)
        if lines:
            watch.heard(lines)
            sink.lines(lines)
            watch.progress()

    try:
        if not debugged:
            await session.resume()
        while True:
            _heed_cancellation()
            await watch.check()
            event = await session.next_event(_TICK_S)
            if event is None:
                listen()
            elif event[0] == "SHUTDOWN":
                listen(to_the_end=True)
                raise _shutdown(event[1], watch)
            elif event[0] == "GUEST_PANICKED":  # the event of a write to pvpanic; STOP follows it
                called = True
            else:
                listen()
                if debugged and not called:
                    continue
                if not called:
                    raise QemuFailed(f"QEMU stopped the guest by itself: {await session.status()}")
                called = False
                try:
                    header = parse_header(await session.read_memory(*_HEADER_PLACE))
                except TraceFailure as error:
                    raise (watch.panic() if watch.panic_reason is not None else error) from error
                records = await _read_records(session, header, drained)
                drained = header.head
                if header.state is abi.RunState.RUNNING:
                    await _carry_out_first(session, refusals, header)
                    await session.resume()
                    if not replays:
                        await _carry_out(session, header)
                sink.records(records)
                watch.progress()
                if header.state is abi.RunState.PANIC:
                    raise watch.panic()
                if header.state in (abi.RunState.DONE, abi.RunState.POWER_CUT):
                    listen(to_the_end=True)
                    return header
    except PlatformFailure:
        listen(to_the_end=True)
        raise


async def leave_behind(session: QemuSession) -> None:
    """Resumes a guest at its end until it stops once more, before QEMU quits.

    QEMU records its own end and may replay it slightly too early; then only this extra stretch is cut off.
    """
    await session.resume()
    while (event := await session.next_event(_AFTER_PANIC_S)) is not None and event[0] != "STOP":
        continue


def _heed_cancellation() -> None:
    """Raises a cancellation that a library swallowed, as `wait_for` may before Python 3.12."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class _Watch:
    """The watchdog: decides that a guest hangs. Time that the host spends on its own work does not count."""

    def __init__(self, session: QemuSession, limits: Limits) -> None:
        self._session = session
        self._limits = limits
        self._started = self._progressed = time.monotonic()
        self._booted = False
        self._head: int | None = None
        self._last_line = ""
        self.panic_reason: str | None = None

    def heard(self, lines: list[str]) -> None:
        for line in lines:
            if not self._booted and "RAYOS_BOOT" in line:
                self._booted = True
            if self.panic_reason is None and (match := _PANIC_LINE.search(line)):
                self.panic_reason = match.group(1).strip()
        if lines:
            self._last_line = lines[-1]

    def progress(self) -> None:
        self._progressed = time.monotonic()
        self._head = None

    def panic(self) -> GuestPanic:
        reason = self.panic_reason or "no reason on the console"
        return GuestPanic(f"the guest kernel panicked: {reason}", reason)

    async def check(self) -> None:
        """Raises a failure if a limit is exceeded."""
        now, limits = time.monotonic(), self._limits
        if self._session.console_bytes() > limits.console_bytes:
            raise ConsoleFlood(
                f"the guest floods its console: more than {limits.console_bytes >> 20} MiB{self.last_words()}"
            )
        silent = now - self._progressed
        if self.panic_reason is not None and silent > min(_AFTER_PANIC_S, limits.silence_s):
            raise self.panic()
        if not self._booted and now - self._started > limits.boot_s:
            raise BootHang(
                f"the guest has not booted (no RAYOS_BOOT within {limits.boot_s:g} s): "
                f"{await self._session.processors()}{self.last_words()}"
            )
        if now - self._started > limits.total_s:
            raise RunTimeout(f"the run took longer than the {limits.total_s:g} s of wall time allowed")
        # Lines are rare in some scenarios, records in none: the trace head is read half-way through a silence too.
        if self._head is None and silent > limits.silence_s / 2:
            self._head = await self._trace_head()
        if silent > limits.silence_s:
            if await self._trace_head() != self._head:
                self.progress()
                return
            raise GuestHang(
                f"the guest hangs (no line and no trace record for {limits.silence_s:g} s): "
                f"{await self._session.processors()}{self.last_words()}"
            )

    async def _trace_head(self) -> int:
        """Number of records so far; 0 before the trace exists."""
        try:
            return parse_header(await self._session.read_memory(*_HEADER_PLACE)).head
        except TraceFailure:
            return 0

    def last_words(self) -> str:
        return f"; last line: {self._last_line[:120]!r}" if self._last_line else "; nothing on the console"


def parse_header(memory: NDArray[np.uint8]) -> TraceHeader:
    """The header in a copy of its memory. Raises `TraceFailure` when it cannot be trusted or records were lost."""
    fields = macros.as_dict(abi.TRACE_HEADER, abi.TRACE_HEADER_FIELDS, memory.tobytes())
    place = f"the trace header at {abi.TRACE_HEADER_PHYS:#x}"
    if fields["magic"] != abi.TRACE_MAGIC:
        raise TraceFailure(
            f"the guest paused without {place}: it is not this package's kernel, or has overwritten its memory"
        )
    if fields["abi_version"] != abi.ABI_VERSION or fields["record_bytes"] != trace_record.TRACE_DTYPE.itemsize:
        raise TraceFailure(
            f"{place} is of ABI {fields['abi_version']} with records of {fields['record_bytes']} bytes, this package "
            f"of ABI {abi.ABI_VERSION} with {trace_record.TRACE_DTYPE.itemsize}: rebuild the kernel"
        )
    capacity = fields["ring_records"]
    if capacity == 0 or capacity & (capacity - 1) or fields["state"] not in list(abi.RunState):
        raise TraceFailure(f"{place} is not valid (capacity {capacity}, state {fields['state']})")
    if fields["lost"]:
        raise TraceFailure(f"the guest lost {fields['lost']} trace records: the run is void; enlarge the ring")
    return TraceHeader(
        ring_phys=fields["ring_phys"],
        ring_records=capacity,
        head=fields["head"],
        framebuffer=(fields["framebuffer_phys"], fields["framebuffer_width"], fields["framebuffer_height"]),
        state=abi.RunState(fields["state"]),
        epoch_tsc=fields["epoch_tsc"],
        request=abi.HostRequest(fields["request"]),
        request_x=fields["request_x"],
        request_y=fields["request_y"],
    )


async def _carry_out_first(session: QemuSession, refusals: DiskRefusals, header: TraceHeader) -> None:
    """Carries out a request of the guest that must be complete before it resumes."""
    match header.request:
        case abi.HostRequest.LINK:
            await session.set_link(f"net{header.request_x}", up=bool(header.request_y))
        case abi.HostRequest.DISK:
            await refusals.change(abi.DiskRefusal(header.request_x), header.request_y)


async def _carry_out(session: QemuSession, header: TraceHeader) -> None:
    """Carries out a request for input, after the guest has resumed: QEMU takes input only while the guest runs."""
    x, y = header.request_x, header.request_y
    match header.request:
        case abi.HostRequest.MOTION:
            await session.send_input(
                {"type": "abs", "data": {"axis": "x", "value": x}}, {"type": "abs", "data": {"axis": "y", "value": y}}
            )
        case abi.HostRequest.KEY:
            key = {"type": "qcode", "data": _KEYS[x]}
            await session.send_input({"type": "key", "data": {"down": bool(y), "key": key}})


async def _read_records(session: QemuSession, header: TraceHeader, drained: int) -> trace_record.Records:
    """Records [drained, head). `drained` is the host's count; the kernel updates its own only after the pause."""
    count = header.head - drained
    if not 0 <= count <= header.ring_records:
        raise TraceFailure(
            f"the trace ring of {header.ring_records} records was overrun: {drained} drained, head {header.head}"
        )
    size = trace_record.TRACE_DTYPE.itemsize
    first = drained % header.ring_records
    before_end = min(count, header.ring_records - first)
    parts = [
        (await session.read_memory(header.ring_phys + start * size, length * size)).view(trace_record.TRACE_DTYPE)
        for start, length in ((first, before_end), (0, count - before_end))
        if length
    ]
    return np.concatenate(parts) if parts else np.empty(0, trace_record.TRACE_DTYPE)


def _shutdown(data: dict[str, Any], watch: _Watch) -> GuestPanic | GuestReset:
    if watch.panic_reason is not None:
        return watch.panic()
    return GuestReset(
        f"the guest reset itself ({data.get('reason', 'no reason given')}): a triple fault{watch.last_words()}"
    )
