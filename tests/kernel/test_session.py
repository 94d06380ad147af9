"""Every failure of a guest or of QEMU is found, named in one line, and leaves nothing behind.

The guest is guest.c, which misbehaves on order; test_runs.py runs the real kernel.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from rayos_model.contract import abi, trace_record
from rayos_model.errors import BadInput, PlatformFailure
from rayos_model.hardware import failures
from rayos_model.hardware.execution import Execution, execute, run_blocking
from rayos_model.hardware.platforms import command_line, platform_named
from rayos_model.hardware.process import AnonymousFile, kill, spawn
from rayos_model.hardware.qemu import find_qemu
from rayos_model.hardware.rendezvous import Limits, drive
from rayos_model.hardware.session import QemuSession
from tests.support.paths import KERNEL, ROOT

HERE = Path(__file__).parent
SHORT = Limits(boot_s=1.0, silence_s=1.0, total_s=30.0)
"""Wall times for guests that are silent by design; those that work print and pause within milliseconds."""

LINKER_SCRIPT = """
ENTRY(start)
PHDRS { text PT_LOAD; note PT_NOTE; }
SECTIONS {
  . = 0x100000;
  .text : { *(.text*) *(.rodata*) *(.data*) } :text
  .note : { *(.note.pvh) } :text :note
  .bss : { *(.bss*) *(COMMON) } :text
  /DISCARD/ : { *(.comment) *(.eh_frame*) }
}
"""

Guest = Callable[[str], Execution]


@pytest.fixture(scope="session")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """Builds the guest for a mode, and what executes it."""
    qemu = find_qemu()
    folder = tmp_path_factory.mktemp("guest")
    script = folder / "guest.ld"
    script.write_text(LINKER_SCRIPT)

    def build(mode: str) -> Execution:
        binary = folder / f"{mode}.elf"
        if not binary.exists():
            compiler = [sys.executable, "-m", "ziglang", "cc", "-target", "x86-freestanding-none"]
            options = ["-ffreestanding", "-nostdlib", "-static", "-fno-sanitize=all", "-O1", "-mno-sse", "-mno-mmx"]
            places = [f"-DMODE={mode}", f"-I{KERNEL}", f"-Wl,-T,{script}", "-o", str(binary)]
            subprocess.run([*compiler, *options, str(HERE / "guest.c"), *places], check=True)
        return Execution(qemu, binary, platform_named("icount"), b"no scenario", vcpus=1, memory_mb=64)

    return build


@dataclass
class Kept:
    """A sink that keeps everything."""

    seen: list[str] = field(default_factory=list)
    chunks: list[trace_record.Records] = field(default_factory=list)

    def lines(self, lines: list[str]) -> None:
        self.seen.extend(lines)

    def records(self, records: trace_record.Records) -> None:
        self.chunks.append(records)


def attempt(execution: Execution, limits: Limits = SHORT) -> Kept:
    sink = Kept()
    run_blocking(lambda: execute(execution, sink, limits))
    return sink


def descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def temporary_files() -> set[Path]:
    folders = (Path(tempfile.gettempdir()), Path("/dev/shm"))
    return {path for folder in folders for path in folder.glob("*rayos*")}


def gone(pid: int, within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":  # dead; whoever has adopted it has not collected it yet
            return True
        time.sleep(0.01)
    return False


def test_every_record_is_drained_once_and_in_order_though_the_ring_wraps(guest: Guest) -> None:
    sink = attempt(guest("RING"))
    records = np.concatenate(sink.chunks)
    assert len(records) == 100 * 700
    assert (records["time_ns"] == np.arange(len(records)) * 1000).all()
    assert (records["arg"] == ~np.arange(len(records), dtype=np.uint64)).all()
    assert sink.seen == ["RAYOS_BOOT", "RAYOS_SOAK:COMPLETE:pass"]


def test_a_flood_of_lines_arrives_whole(guest: Guest) -> None:
    sink = attempt(guest("FLOOD"))
    assert len(sink.seen) == 30_002
    assert set(sink.seen[1:-1]) == {"0123456789" * 4}


def test_endless_printing_is_stopped(guest: Guest) -> None:
    with pytest.raises(failures.ConsoleFlood, match="floods its console"):
        attempt(guest("FLOOD"), Limits(boot_s=5, silence_s=5, total_s=30, console_bytes=100_000))


def test_boot_hang_is_found(guest: Guest) -> None:
    with pytest.raises(failures.BootHang, match=r"no RAYOS_BOOT within 1 s.*vCPU 0 halted at 0x100.*nothing on the"):
        attempt(guest("BOOT_HANG"))


@pytest.mark.parametrize(("mode", "state"), [("SILENT", "halted"), ("SPIN", "running")])
def test_a_guest_that_goes_silent_is_found(guest: Guest, mode: str, state: str) -> None:
    with pytest.raises(failures.GuestHang, match=rf"no line .* for 1 s.*vCPU 0 {state}.*last line: 'RAYOS_BOOT'"):
        attempt(guest(mode))


def test_a_silent_guest_that_keeps_records_is_merely_slow(guest: Guest) -> None:
    # It ends by the total, not by the silence, a fraction of it and yet longer than a busy host keeps QEMU waiting.
    with pytest.raises(failures.RunTimeout, match="longer than the 6 s"):
        attempt(guest("SLOW"), Limits(boot_s=5, silence_s=1.5, total_s=6))


def test_a_panic_is_reported_with_its_reason_and_what_came_before_it(guest: Guest) -> None:
    sink = Kept()
    with pytest.raises(failures.GuestPanic, match="panicked: heap:red zone of a surface") as caught:
        run_blocking(lambda: execute(guest("PANIC"), sink, SHORT))
    assert caught.value.reason == "heap:red zone of a surface"
    assert caught.value.exit_code == 3
    assert sum(len(chunk) for chunk in sink.chunks) == 70_000
    assert sink.seen[-1] == "RAYOS_PANIC:heap:red zone of a surface"


def test_a_panic_before_the_trace_exists_is_a_panic(guest: Guest) -> None:
    with pytest.raises(failures.GuestPanic, match="panicked: early"):
        attempt(guest("EARLY_PANIC"))


def test_a_panic_that_cannot_pause_is_a_panic(guest: Guest) -> None:
    with pytest.raises(failures.GuestPanic, match="panicked: mute"):
        attempt(guest("MUTE_PANIC"))


def test_a_panic_without_a_reason_is_still_a_panic(guest: Guest) -> None:
    with pytest.raises(failures.GuestPanic, match="no reason on the console"):
        attempt(guest("UNCAUSED_PANIC"))


def test_a_triple_fault_is_named(guest: Guest) -> None:
    with pytest.raises(failures.GuestReset, match="triple fault"):
        attempt(guest("RESET"))


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("GARBAGE", "not this package's kernel"),
        ("OTHER_ABI", f"of ABI {abi.ABI_VERSION} .* rebuild"),
        ("LOST", "lost 3 trace records"),
        ("OVERRUN", "overrun"),
    ],
)
def test_a_trace_that_cannot_be_trusted_voids_the_run(guest: Guest, mode: str, message: str) -> None:
    with pytest.raises(failures.TraceFailure, match=message):
        attempt(guest(mode))


def test_qemu_killed_from_outside_is_named_and_leaves_nothing(guest: Guest) -> None:
    execution, before = guest("SPIN"), descriptors()

    async def scene() -> None:
        command = [str(execution.qemu.path), *execution.command[1:]]
        async with QemuSession(command, b"", {"<kernel>": str(execution.kernel)}) as session:
            assert session.pid is not None
            asyncio.get_running_loop().call_later(0.2, os.kill, session.pid, signal.SIGKILL)
            await drive(session, Kept(), Limits())

    with pytest.raises(failures.QemuFailed, match=r"QEMU died.*killed by SIGKILL"):
        run_blocking(scene)
    assert descriptors() == before


def test_a_qemu_that_refuses_its_arguments_says_why(guest: Guest) -> None:
    command = command_line(platform_named("icount"), vcpus=1, memory_mb=64)
    command[command.index("ramfb")] = "no-such-device"

    async def scene() -> None:
        async with QemuSession(command, b"", {"<kernel>": str(guest("RING").kernel)}):
            pass

    with pytest.raises(failures.QemuFailed, match=r"does not start \(exit status 1\): .*no-such-device"):
        run_blocking(scene)


@pytest.mark.parametrize("mode", ["RING", "PANIC", "SPIN"])
def test_nothing_outlives_a_session(guest: Guest, mode: str) -> None:
    execution, pids = guest(mode), []
    before, files = descriptors(), temporary_files()

    async def scene() -> None:
        command = [str(execution.qemu.path), *execution.command[1:]]
        async with QemuSession(command, b"", {"<kernel>": str(execution.kernel)}) as session:
            pids.append(session.pid)
            await drive(session, Kept(), SHORT)

    with suppress(PlatformFailure):
        run_blocking(scene)
    assert not Path(f"/proc/{pids[0]}").exists()
    assert descriptors() == before
    assert temporary_files() == files


SCRIPT = """
import asyncio, sys
from pathlib import Path
from rayos_model.hardware.execution import run_blocking
from rayos_model.hardware.platforms import command_line, platform_named
from rayos_model.hardware.rendezvous import Limits, drive
from rayos_model.hardware.session import QemuSession

class Nowhere:
    def lines(self, lines): pass
    def records(self, records): pass

async def scene():
    command = command_line(platform_named("icount"), vcpus=1, memory_mb=64)
    async with QemuSession(command, b"", {"<kernel>": sys.argv[1]}) as session:
        print(session.pid, flush=True)
        await drive(session, Nowhere(), Limits())

def run():
    try:
        run_blocking(scene)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        raise

async def notebook():
    run()

NOTEBOOK and asyncio.run(notebook()) or run()
"""


@pytest.mark.parametrize("notebook", [False, True], ids=["script", "notebook"])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_qemu_survives_its_user(guest: Guest, sent: signal.Signals, notebook: bool) -> None:
    script = textwrap.dedent(SCRIPT).replace("NOTEBOOK", str(notebook))
    user = subprocess.Popen(
        [sys.executable, "-c", script, str(guest("SPIN").kernel)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert user.stdout is not None
        pid = int(user.stdout.readline())
        time.sleep(0.2)
        user.send_signal(sent)
        output, errors = user.communicate(timeout=20)
    finally:
        user.kill()
    assert user.returncode == -sent
    assert gone(pid)
    if sent == signal.SIGINT:
        assert output == "interrupted\n"
        assert "KeyboardInterrupt" in errors


def test_without_setpriv_no_qemu_survives_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    script = (
        "import os, sys\nsys.path.insert(0, sys.argv[1])\n"
        "from rayos_model.hardware.process import spawn\n"
        "print(spawn(['/bin/sleep', '60'], [], 2).pid, flush=True)\nos.kill(os.getpid(), 9)"
    )
    user = subprocess.run([sys.executable, "-c", script, str(ROOT)], capture_output=True, text=True, check=False)
    assert user.returncode == -signal.SIGKILL, user.stderr
    assert gone(int(user.stdout))


def test_a_child_reads_and_writes_a_file_without_a_name() -> None:
    with Path(os.devnull).open("wb") as nowhere:
        source, target = AnonymousFile("source", b"content"), AnonymousFile("target")
        command = ["sh", "-c", 'cat "$0" > "$1"', source.child_path, target.child_path]
        child = spawn(command, [source.descriptor, target.descriptor], nowhere.fileno())
        assert child.wait(10) == 0
    assert target.read() == b"content"
    source.close()
    target.close()
    kill(child)  # already collected: nothing happens


def test_a_missing_qemu_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYOS_QEMU", "/nowhere/qemu")
    with pytest.raises(failures.QemuMissing, match=r"/nowhere/qemu.*apt-get install qemu-system-x86"):
        find_qemu()
    monkeypatch.delenv("RAYOS_QEMU")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(failures.QemuMissing, match=r"no qemu-system-x86_64 on PATH.*apt-get install"):
        find_qemu()


@pytest.mark.parametrize(
    ("script", "failure", "message"),
    [
        ("echo 'QEMU emulator version 6.2.0 (Debian 1:6.2)'", failures.QemuTooOld, "QEMU 6.2.0 .* too old"),
        ("echo 'hello'", failures.QemuFailed, "does not report its version"),
        ("exit 1", failures.QemuFailed, "ended with 1"),
    ],
)
def test_a_qemu_that_will_not_do_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, failure: type[PlatformFailure], message: str
) -> None:
    program = tmp_path / "qemu"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("RAYOS_QEMU", str(program))
    with pytest.raises(failure, match=message):
        find_qemu()


def test_an_unknown_platform_is_bad_input() -> None:
    with pytest.raises(BadInput, match="expected one of icount, tcg, kvm"):
        platform_named("xen")


def test_a_recorded_command_line_names_no_path() -> None:
    assert not [
        argument
        for argument in command_line(platform_named("icount"), vcpus=1, memory_mb=64)
        if "/" in argument.replace("opt/rayos/scenario", "")
    ]
