"""A run that QEMU has recorded, host devices and all, replays to the bit, also when a debugger stops it on the way."""

from __future__ import annotations

import socket
import struct
import threading
import time
from pathlib import Path
from typing import Any, Self

import pytest

from rayos_model.errors import BadInput
from rayos_model.hardware import KernelSystem
from rayos_model.hardware.debugger import Filter
from rayos_model.hardware.recording import Replay, replay
from rayos_model.hardware.system import build_kernel
from rayos_model.run.run import Run
from rayos_model.run.system import execute
from rayos_model.scenario.scenario import Scenario, from_dict
from rayos_model.toolchain import kernel_build

CLIENTS = [{"count": 2, "workload": "rendering"}, {"count": 2, "workload": "input"}]
PARTITION = {"kind": "network_partition", "at_s": 1, "duration_s": 0.5}


def scenario(**keys: Any) -> Scenario:
    return from_dict({"name": "recorded", "duration_s": 2, "clients": CLIENTS, **keys})


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """With keys and motions that the host puts into the devices."""
    out = tmp_path_factory.mktemp("typed") / "run"
    return execute(KernelSystem(record=True), scenario(input={"source": "device"}), out)


def replayed(run: Run, gdb: Path | None = None) -> Replay:
    kernel = build_kernel()
    return replay(run, kernel.path, kernel.sha256, gdb)


def test_what_the_host_put_into_input_devices_is_replayed(typed: Run) -> None:
    assert typed.metrics["input_round_trip.count"] > 5
    result = replayed(typed)
    assert result.differences == []
    assert len(result.trace) > 1000


def test_a_link_that_the_host_has_cut_is_cut_at_the_same_instant(tmp_path: Path) -> None:
    cut = scenario(kind="failure", duration_s=8, network={}, faults=[PARTITION], clients=CLIENTS[:1])
    run = execute(KernelSystem(record=True), cut, tmp_path / "run")
    assert run.metrics["recovery.time.max"] > 0
    assert replayed(run).differences == []


class Gdb:
    """As much of a debugger as it takes to stop at a function, and go on."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(60)
        deadline = time.monotonic() + 60
        while self._socket.connect_ex(str(self.place)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        self._received = b""
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, packet: bytes) -> bytes:
        """Sends a packet; the payload of the one that answers it."""
        self._socket.sendall(b"$%b#%02x" % (packet, sum(packet) % 256))
        while True:
            start, end = self._received.find(b"$"), self._received.find(b"#")
            if 0 <= start < end <= len(self._received) - 3:
                payload, self._received = self._received[start + 1 : end], self._received[end + 3 :]
                self._socket.sendall(b"+")
                return payload
            self._received += self._socket.recv(4096)


def address_of(function: str) -> int:
    """Of a function of the kernel; from the symbol table of the ELF with symbols."""
    elf = kernel_build.build_kernel(symbols=True).path.read_bytes()
    (sections_at,) = struct.unpack_from("<Q", elf, 40)
    size, count = struct.unpack_from("<HH", elf, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", elf, sections_at + size * i) for i in range(count)]
    symbols = next(section for section in sections if section[1] == 2)
    names = sections[symbols[6]][4]
    for at in range(symbols[4], symbols[4] + symbols[5], 24):
        name, value = struct.unpack_from("<I4xQ", elf, at)
        if elf[names + name :].split(b"\0", 1)[0] == function.encode():
            return int(value)
    raise AssertionError(f"no function {function}")


def test_a_replay_that_a_debugger_stops_is_still_the_same_to_the_bit(typed: Run, tmp_path: Path) -> None:
    place, results = tmp_path / "gdb", list[Replay]()
    running = threading.Thread(target=lambda: results.append(replayed(typed, place)))
    running.start()
    with Gdb(place) as gdb:
        breakpoint_ = b"0,%x,1" % address_of("input_ask")
        assert gdb.ask(b"?").startswith(b"T")
        assert gdb.ask(b"Z" + breakpoint_) == b"OK"
        for _ in range(3):
            assert gdb.ask(b"c").startswith(b"T05"), "stopped by the breakpoint, not where the machine meets the host"
            assert gdb.ask(b"z" + breakpoint_) == b"OK"
            assert gdb.ask(b"s").startswith(b"T05")
            assert gdb.ask(b"Z" + breakpoint_) == b"OK"
        assert gdb.ask(b"z" + breakpoint_) == b"OK"
        assert gdb.ask(b"D") == b"OK"
        running.join(120)
    (result,) = results
    assert result.differences == []
    assert not place.exists()


def test_reports_of_a_meeting_are_dropped_in_whatever_pieces_they_come() -> None:
    stream = b"+$OK#9a$T8fthread:01;#00+$T05thread:01;#07$T8f#00"
    for size in range(1, len(stream)):
        sieve = Filter()
        parts = [sieve.feed(stream[at : at + size]) for at in range(0, len(stream), size)]
        assert b"".join(part for part, _ in parts) == b"+$OK#9a+$T05thread:01;#07"
        assert sum(dropped for _, dropped in parts) == 2


def loaded(elf: bytes) -> list[bytes]:
    """What of an ELF file goes into memory."""
    (at,) = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    headers = [struct.unpack_from("<IIQQQQQQ", elf, at + size * i) for i in range(count)]
    return [elf[header[2] : header[2] + header[5]] for header in headers if header[0] == 1]


def test_the_kernel_with_symbols_is_the_same_code() -> None:
    plain, symbols = (
        kernel_build.build_kernel().path.read_bytes(),
        kernel_build.build_kernel(symbols=True).path.read_bytes(),
    )
    assert loaded(symbols) == loaded(plain)
    assert b"input_ask" in symbols
    assert b"input_ask" not in plain


@pytest.mark.parametrize(
    ("machine", "platform", "why"),
    [({"disk_mb": 16}, "icount", "disk"), ({"vcpus": 2}, "icount", "one vCPU"), ({}, "tcg", "icount")],
)
def test_what_qemu_cannot_record_is_refused(machine: dict[str, int], platform: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=why):
        execute(KernelSystem(platform, record=True), scenario(machine=machine), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_only_a_recorded_run_of_this_kernel_is_replayed(typed: Run, tmp_path: Path) -> None:
    kernel = build_kernel()
    with pytest.raises(BadInput, match="kernel_sha256"):
        replay(typed, kernel.path, "0" * 64)
    plain = execute(KernelSystem(), scenario(), tmp_path / "plain")
    with pytest.raises(BadInput, match="--record"):
        replayed(plain)
