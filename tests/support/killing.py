"""For tests of what outlives a machine: executions on an image that stays, and power that goes in the middle of one."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from rayos_model.contract.abi import Provocation, RunState
from rayos_model.contract.trace_record import Records
from rayos_model.errors import PlatformFailure
from rayos_model.hardware.disk_format import DurableLog
from rayos_model.hardware.execution import Execution
from rayos_model.hardware.platforms import DISK_DEVICES, platform_named
from rayos_model.hardware.qemu import find_qemu
from rayos_model.hardware.rendezvous import Limits, drive
from rayos_model.hardware.session import QemuSession
from rayos_model.hardware.system import build_kernel
from rayos_model.scenario.compile import compile_image
from rayos_model.scenario.scenario import Scenario


class Heard:
    """A sink that keeps what the console says."""

    def __init__(self) -> None:
        self.durable = DurableLog()
        self.said: list[str] = []

    def lines(self, lines: list[str]) -> None:
        self.said += lines
        for line in lines:
            self.durable.line(line)

    def records(self, records: Records) -> None: ...


def execution_of(
    what: Scenario, image: Path, power_cut_ns: int = 0, provoke: Provocation = Provocation.NONE
) -> Execution:
    machine = what.machine
    kernel = Path(build_kernel().path)
    return Execution(
        *(find_qemu(), kernel, platform_named("icount")),
        compile_image(what, provoke=provoke, power_cut_ns=power_cut_ns),
        *(machine.vcpus, machine.memory_mb),
        devices=DISK_DEVICES,
        disk=image,
    )


def session_of(execution: Execution) -> QemuSession:
    places = {"<kernel>": str(execution.kernel), "<disk>": str(execution.disk)}
    return QemuSession([str(execution.qemu.path), *execution.command[1:]], execution.image, places)


async def cut_short(execution: Execution) -> DurableLog:
    """Runs until the power goes, at the instant that the image says; whose flush was acknowledged by then."""
    heard = Heard()
    async with session_of(execution) as session:
        header = await drive(session, heard, Limits())
    assert header.state is RunState.POWER_CUT
    return heard.durable


async def killed(execution: Execution, askers: int, after_s: float) -> DurableLog:
    """Runs until QEMU is killed, `after_s` of wall time after so many clients had their flush acknowledged; by whom."""
    heard = Heard()
    async with session_of(execution) as session:
        driving = asyncio.create_task(drive(session, heard, Limits()))
        while len(heard.durable.puts) < askers and not driving.done():
            await asyncio.sleep(0.001)
        await asyncio.sleep(after_s)
        assert session.pid is not None
        assert not driving.done(), "killed in mid-run"
        os.kill(session.pid, signal.SIGKILL)
        with pytest.raises(PlatformFailure):
            await driving
    return heard.durable
