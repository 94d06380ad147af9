"""Replay of runs recorded by QEMU, optionally under a debugger. Must not know the model.

Runs on `icount` are reproducible without a recording, but a debugger that stops the guest shifts its clock. In a replay
the clock comes from the recording.
"""

from __future__ import annotations

import itertools
import math
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from rayos_model.contract.abi import Detection, Provocation
from rayos_model.contract.trace_record import TRACE_DTYPE, Records
from rayos_model.errors import BadInput
from rayos_model.hardware.debugger import Debugger
from rayos_model.hardware.execution import Execution, execute, run_blocking
from rayos_model.hardware.platforms import devices_of, platform_named
from rayos_model.hardware.qemu import find_qemu
from rayos_model.hardware.rendezvous import Limits
from rayos_model.run.run import Run
from rayos_model.scenario.compile import compile_image
from rayos_model.scenario.scenario import Scenario

E = TypeVar("E", bound=IntEnum)

RECORDING: Final = "recording.bin"
"""The file of a run with QEMU's recording."""
_UNHURRIED: Final = Limits(boot_s=math.inf, silence_s=math.inf, total_s=math.inf)


def check_recordable(scenario: Scenario, platform: str) -> None:
    """Raises `BadInput` for what QEMU cannot record: other platforms, several vCPUs, a disk
    (docs/how-to/record-and-replay.md)."""
    if platform != "icount":
        raise BadInput(f"platform {platform} cannot be recorded: expected icount")
    if scenario.machine.vcpus > 1:
        raise BadInput(f"{scenario.name}: machine.vcpus: QEMU records one vCPU only, got {scenario.machine.vcpus}")
    if scenario.machine.disk_mb:
        raise BadInput(f"{scenario.name}: machine.disk_mb: a run with a disk cannot be recorded: it would hang")


@dataclass
class Replay:
    """The output of a replay (it is the sink of the execution), compared with the run."""

    run: Run
    console: list[str] = field(default_factory=list)
    _records: list[Records] = field(default_factory=list)

    def lines(self, lines: list[str]) -> None:
        self.console += lines

    def records(self, records: Records) -> None:
        self._records.append(records)

    @property
    def trace(self) -> Records:
        """The trace of the replay."""
        return np.concatenate([np.empty(0, TRACE_DTYPE), *self._records])

    @property
    def differences(self) -> list[str]:
        """One line for each of marker log and trace that differs from the run; empty when both are identical."""
        found, before, trace = [], self.run.markers().splitlines(), self.run.trace()
        if self.console != before:
            equal = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(self.console, before, strict=False))
            found.append(f"the marker log differs from line {len(list(equal)) + 1} on")
        if self.trace.tobytes() != trace.tobytes():
            found.append(f"the trace differs: {len(self.trace)} records, in the run {len(trace)}")
        return found


def check_recorded(run: Run) -> None:
    """Raises `BadInput` for a run that was not recorded, or that cannot have been."""
    if not (run.path / RECORDING).is_file():
        raise BadInput(f"{run.path}: not recorded; record it with rayos run {run.scenario.name} --on kernel --record")
    check_recordable(run.scenario, run.platform)


def _member(kind: type[E], run: Run, key: str, name: object) -> E:
    try:
        return kind[str(name).upper()]
    except KeyError:
        known = ", ".join(one.name.lower() for one in kind)
        raise BadInput(f"{run.path}: provenance.{key}: expected one of {known}, got {name!r}") from None


def replay(run: Run, kernel: Path, kernel_sha256: str, gdb: Path | None = None) -> Replay:
    """Replays a recorded run to its end; with `gdb` under control of a debugger that connects to that socket.

    Raises `BadInput` when the run was not recorded, or recorded with another kernel or QEMU; `PlatformFailure` as for
    any run.
    """
    check_recorded(run)
    recording, qemu = run.path / RECORDING, find_qemu()
    for what, is_now in (("kernel_sha256", kernel_sha256), ("qemu_version", qemu.version)):
        if run.provenance.get(what) != is_now:
            raise BadInput(f"{run.path}: recorded with {what} {run.provenance.get(what)}; now it is {is_now}")
    machine = run.scenario.machine
    image = compile_image(
        run.scenario,
        int(run.provenance.get("trace_points", False)),
        _member(Provocation, run, "provoke", run.provenance.get("provoke", "none")),
        [_member(Detection, run, "detectors_off", name) for name in run.provenance.get("detectors_off", ())],
        recorded=True,
    )
    execution = Execution(
        *(qemu, kernel, platform_named("icount"), image, machine.vcpus, machine.memory_mb, devices_of(run.scenario)),
        recording=recording,
    )
    result = Replay(run)

    async def replayed() -> None:
        async with AsyncExitStack() as stack:
            debugger = await stack.enter_async_context(Debugger(gdb)) if gdb is not None else None
            await execute(replace(execution, replays=True), result, Limits() if gdb is None else _UNHURRIED, debugger)

    run_blocking(replayed)
    return result
