"""The kernel as a system: runs a scenario on the real kernel in QEMU. Must not know the model."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from rayos_model.contract.abi import Detection, Provocation
from rayos_model.contract.trace_record import Records
from rayos_model.errors import PlatformFailure
from rayos_model.hardware.disk import prepare, verify
from rayos_model.hardware.disk_format import DurableLog
from rayos_model.hardware.execution import Execution, execute, probe, run_blocking
from rayos_model.hardware.failures import KernelBuildFailed
from rayos_model.hardware.platforms import DEFAULT_PLATFORM, devices_of, platform_named
from rayos_model.hardware.qemu import find_qemu
from rayos_model.hardware.recording import RECORDING, check_recordable
from rayos_model.hardware.rendezvous import Limits
from rayos_model.run.system import Progress, ProgressFn
from rayos_model.run.writer import RunWriter
from rayos_model.scenario.compile import compile_image
from rayos_model.scenario.scenario import Scenario
from rayos_model.scenario.tables import NS
from rayos_model.toolchain import kernel_build

_SNAPSHOT: Final = re.compile(r"RAYOS_SOAK:METRICS_SNAPSHOT:\d+:\d+:\d+:(\d+)")
_FIXED_WALL_S: Final = 300.0
_WALL_PER_VIRTUAL: Final = 20.0
"""Limit of wall time per virtual second; a fully loaded one takes 0.6 s on the slowest host measured."""
_LAST_LINES: Final = 20


class KernelSystem:
    """Runs scenarios on the kernel, executed by one of `PLATFORMS`.

    `trace_points`: trace every control-flow point, not only measurements; `abi.TRACE_WIRE` also traces the bytes on the
    wire. `provoke`: plant a fault that one of the detectors must find. `detectors_off`: disable detectors, to prove
    that a test that relies on them can fail. `limits`: replaces the default wall times after which a guest counts as
    hung. `disk`: the disk image of an earlier run; by default a scenario with a disk starts with an empty one.
    `defines`: macros to build the kernel with, as `NAME=VALUE`. `record`: let QEMU record the run, for a replay.
    """

    def __init__(
        self,
        platform: str = DEFAULT_PLATFORM,
        trace_points: int = False,
        provoke: Provocation = Provocation.NONE,
        limits: Limits | None = None,
        disk: Path | None = None,
        defines: Sequence[str] = (),
        detectors_off: Collection[Detection] = (),
        record: bool = False,
    ) -> None:
        """Raises `BadInput` for an unknown platform."""
        self.platform = platform_named(platform)
        self.trace_points = trace_points
        self.provoke = provoke
        self.limits = limits
        self.detectors_off = detectors_off
        self.disk = disk
        self.defines = defines
        self.record = record

    @property
    def name(self) -> str:
        return "kernel"

    def run(self, scenario: Scenario, writer: RunWriter, progress: ProgressFn) -> None:
        """Runs a scenario to its end and passes everything to the writer.

        Raises a `PlatformFailure` (see `failures`): QEMU is missing, too old or dead; the kernel does not build; the
        platform is unusable; the guest hangs, panics, resets or loses trace records; the run takes too long. Its notes
        contain the last lines of the console. Ctrl-C ends QEMU and raises `KeyboardInterrupt`.
        """
        if self.record:
            check_recordable(scenario, self.platform.name)
        qemu = find_qemu()
        progress(Progress(0, scenario.duration_ns, phase="building the kernel"))
        kernel = build_kernel(self.defines)
        if self.platform.probed:
            progress(Progress(0, scenario.duration_ns, phase=f"trying {self.platform.name}"))
            probe(qemu, Path(kernel.path), self.platform)
        image = compile_image(scenario, self.trace_points, self.provoke, self.detectors_off, recorded=self.record)
        machine = scenario.machine
        disk = prepare(scenario, self.disk, writer)
        execution = Execution(
            *(qemu, Path(kernel.path), self.platform, image, machine.vcpus, machine.memory_mb),
            *(devices_of(scenario), disk),
            recording=writer.file(RECORDING) if self.record else None,
        )
        limits = self.limits or Limits(total_s=_FIXED_WALL_S + _WALL_PER_VIRTUAL * scenario.duration_s)
        writer.provenance(
            platform=self.platform.name,
            kernel_sha256=kernel.sha256,
            qemu_version=qemu.version,
            qemu_arguments=execution.command,
            trace_points=self.trace_points,
            provoke=self.provoke.name.lower(),
            detectors_off=[detector.name.lower() for detector in self.detectors_off],
            **({"kernel_defines": list(self.defines)} if self.defines else {}),
        )
        sink = _ToWriter(writer, scenario, progress)
        progress(Progress(0, scenario.duration_ns, phase="booting"))
        try:
            outcome = run_blocking(lambda: execute(execution, sink, limits))
        except PlatformFailure as failure:
            failure.add_note("the console's last lines:\n" + "\n".join(sink.last_lines))
            raise
        writer.provenance(wall_s=round(outcome.wall_s, 3))
        if disk is not None:
            progress(Progress(scenario.duration_ns, scenario.duration_ns, sink.fps, "verifying the disk"))
            verify(disk, scenario, sink.durable, writer, given=disk == self.disk)
        if outcome.screenshot is not None:
            writer.screenshot(outcome.screenshot)
        progress(Progress(scenario.duration_ns, scenario.duration_ns, sink.fps, "done"))


class _ToWriter:
    """The sink of an execution: writes lines and records to the run and turns snapshots into progress."""

    def __init__(self, writer: RunWriter, scenario: Scenario, progress: ProgressFn) -> None:
        self._writer = writer
        self._progress = progress
        self._duration_ns = scenario.duration_ns
        self._seconds = 0
        self.fps = 0.0
        self.durable = DurableLog()
        self.last_lines: deque[str] = deque(maxlen=_LAST_LINES)

    def lines(self, lines: list[str]) -> None:
        before = self._seconds
        for line in lines:
            self._writer.marker(line)
            self.durable.line(line)
            if match := _SNAPSHOT.search(line):
                self._seconds += 1
                self.fps = float(match.group(1))
        self.last_lines.extend(lines[-_LAST_LINES:])
        if self._seconds > before:
            self._progress(Progress(min(self._seconds * NS, self._duration_ns), self._duration_ns, self.fps))

    def records(self, records: Records) -> None:
        self._writer.trace(records)


def build_kernel(defines: Sequence[str] = ()) -> kernel_build.KernelBinary:
    """The kernel of this package, built if it is not cached. Raises `KernelBuildFailed` with the first error."""
    try:
        return kernel_build.build_kernel(defines=defines)
    except kernel_build.KernelBuildError as error:
        first = next((line for line in error.output.splitlines() if "error:" in line), "")
        failure = KernelBuildFailed(f"{error}{': ' if first else ''}{first}")
        failure.add_note(error.output)
        raise failure from error
