"""The stress tests of disk and memory, by name, on the model and on the kernel; and the disk's survival of a kill.

Shortened unless RAYOS_FULL_SOAK=1 (`make soak`), which runs each for the duration its scenario states.
"""

from __future__ import annotations

import functools
import os
import random
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from rayos_model.calibration import load_calibration
from rayos_model.contract.abi import BLOCK_BYTES, TraceKind
from rayos_model.contract.trace_record import Records
from rayos_model.errors import BadInput
from rayos_model.hardware import KernelSystem
from rayos_model.hardware.disk_format import Store, format_image, read_store, verify_stress
from rayos_model.hardware.execution import execute, run_blocking
from rayos_model.hardware.rendezvous import Limits
from rayos_model.model import ModelSystem
from rayos_model.run.run import Run
from rayos_model.run.system import System
from rayos_model.run.system import execute as execute_on
from rayos_model.scenario import files, scenario
from rayos_model.scenario.scenario import Scenario
from tests.support.killing import Heard, execution_of, killed
from tests.support.repetition import repeated

FULL: Final = os.environ.get("RAYOS_FULL_SOAK") == "1"
SHORT_S: Final = 5.0
KILLS: Final = 100 if FULL else 3

pytestmark = pytest.mark.timeout(0 if FULL else 600)
both_systems = pytest.mark.parametrize("system_name", ["model", "kernel"])


def system_named(name: str) -> System:
    return ModelSystem(load_calibration()) if name == "model" else KernelSystem()


def stress(name: str, system_name: str, out: Path) -> Run:
    """Runs a shipped stress scenario; it must hold all its criteria, and have ended by itself."""
    what = files.load(name)
    run = execute_on(
        system_named(system_name), what if FULL else what.with_overrides(duration_s=SHORT_S), out / system_name
    )
    assert run.passed, [verdict for verdict in run.verdicts if not verdict.ok]
    assert run.markers().rstrip().endswith("RAYOS_SOAK:COMPLETE:pass")
    return run


@both_systems
def test_memory_pressure(system_name: str, tmp_path: Path) -> None:
    run = stress("stress-memory", system_name, tmp_path)
    total_kb = run.scenario.machine.memory_mb * 1024
    assert run.metrics["memory.peak"] >= 0.9 * total_kb
    assert run.metrics["memory.refused"] > 0, "asked beyond what there is"
    assert run.metrics["memory.leak"] == 0, "all of it came back"
    first_refusal = run.trace(TraceKind.M_REFUSED)["time_ns"][0]
    cache = run.trace(TraceKind.M_CACHE_PAGES)
    assert run.trace(TraceKind.M_RECLAIM)["time_ns"][0] < first_refusal, "the cache gives before anybody is refused"
    assert cache["arg"][-1] < (run.scenario.machine.cache_mb << 20) // 4096 // 4, (
        "and keeps little while memory is short"
    )


@both_systems
def test_disk_io_heavy(system_name: str, tmp_path: Path) -> None:
    run = stress("stress-disk", system_name, tmp_path)
    requests = run.trace(TraceKind.M_DISK_REQUEST)
    by_second = np.bincount((requests["time_ns"] // 1_000_000_000).astype(int))[: int(run.scenario.duration_s)]
    assert (by_second >= 10_000).all(), "sustained: in every second"
    assert _most_in_flight(requests) > 4, "several requests at a time"
    if system_name == "kernel":
        writes = np.count_nonzero(requests["subject"] & 3 == 1)
        blocks = (run.scenario.machine.disk_mb << 20) // 4096 - 1
        assert run.metrics["disk.verified"] == min(writes, blocks), "the host found every block written last, whole"


@both_systems
def test_combined_stress(system_name: str, tmp_path: Path) -> None:
    run = stress("stress-combined", system_name, tmp_path)
    assert run.metrics["disk.corrupt"] == 0
    assert run.metrics["memory.refused"] > 0


def _most_in_flight(requests: Records) -> int:
    """From the time each request was submitted to its delivery."""
    end = requests["time_ns"].astype(np.int64)
    begin = end - requests["arg"].astype(np.int64)
    order = np.argsort(np.concatenate([begin, end]), kind="stable")
    steps = np.concatenate([np.ones(len(begin), int), -np.ones(len(end), int)])[order]
    return int(np.cumsum(steps).max())


# ---- a disk outlives the machine -----------------------------------------------------------------


def small_disk(**changes: object) -> Scenario:
    return scenario.from_dict(
        {
            "name": "killed",
            "kind": "stress",
            "duration_s": 5,
            "seed": 77,
            "machine": {"memory_mb": 64, "disk_mb": 16},
            "clients": [{"workload": "idle"}],
            "load": {"disk_iops": 12000, "disk_depth": 4},
            **changes,
        }
    )


def test_no_acknowledged_write_is_lost_when_qemu_is_killed(tmp_path: Path) -> None:
    """Killed at random instants; the host's reader and the kernel's recovery find the same, and nothing is missing."""
    instants = random.Random(5)
    image = tmp_path / "disk.img"
    stressed, quiet = small_disk(duration_s=600), small_disk(duration_s=1, load={})
    for _ in range(KILLS):
        format_image(image, stressed.machine.disk_mb)
        execution = execution_of(stressed, image)
        after_s = instants.uniform(0.0, 1.0)
        durable = run_blocking(functools.partial(killed, execution, 1, after_s))
        found = read_store(image, stressed.seed)
        assert verify_stress(found, durable.puts) == []
        heard = Heard()
        run_blocking(functools.partial(execute, execution_of(quiet, image), heard, Limits()))
        recovered = next(line for line in heard.said if "RAYOS_DIAG:store:" in line)
        expected = f"{len(found.records)} records, {len(found.torn)} torn blocks, 0 unreadable, "
        assert recovered.endswith(f"{expected}generation {found.generation}")
        assert verify_stress(read_store(image, stressed.seed), durable.puts) == []


def test_a_run_with_a_disk_is_the_same_to_the_bit_each_time(tmp_path: Path) -> None:
    """Requests in flight, a cache with misses, reclaim: nothing of it depends on how long the host takes."""
    what = small_disk(duration_s=2, load={"disk_iops": 12000, "disk_depth": 4, "memory_fraction": 1.0})
    repeated(lambda out: execute_on(KernelSystem(), what, out), tmp_path)


@pytest.mark.parametrize("at", [0, 8, 30, 2000])
def test_the_reader_notices_a_changed_byte(tmp_path: Path, at: int) -> None:
    image = tmp_path / "disk.img"
    format_image(image, 1)
    good = bytearray(image.read_bytes())
    assert read_store(image).used == 0
    good[at] ^= 1
    image.write_bytes(good)
    with pytest.raises(BadInput, match="not a store"):
        read_store(image)


def test_no_damage_on_the_disk_escapes_the_host(tmp_path: Path) -> None:
    """A changed bit, a block in the wrong place, an acknowledged version that is gone: each is found, none invented."""
    what = small_disk(duration_s=1)
    image, heard, chance = tmp_path / "disk.img", Heard(), random.Random(3)
    format_image(image, what.machine.disk_mb)
    run_blocking(functools.partial(execute, execution_of(what, image), heard, Limits()))
    good = image.read_bytes()
    store = read_store(image, what.seed)
    assert not (store.torn or store.misplaced or store.wrong or verify_stress(store, heard.durable.puts))
    latest = [record.block for record in store.records.values()]

    def damaged(at: int, content: bytes) -> Store:
        image.write_bytes(good[:at] + content + good[at + len(content) :])
        return read_store(image, what.seed)

    def block(number: int) -> bytes:
        return good[number * BLOCK_BYTES : (number + 1) * BLOCK_BYTES]

    for _ in range(20):
        number, offset = chance.choice(latest), chance.randrange(8, BLOCK_BYTES)
        bit = bytes([good[number * BLOCK_BYTES + offset] ^ 1 << chance.randrange(8)])
        assert damaged(number * BLOCK_BYTES + offset, bit).torn == [number]
    first, second = latest[:2]
    assert damaged(first * BLOCK_BYTES, block(second)).misplaced == [first]
    gone = verify_stress(damaged(first * BLOCK_BYTES, bytes(BLOCK_BYTES)), heard.durable.puts)
    assert len(gone) == 1
    assert "was acknowledged" in gone[0]
    assert read_store(image, what.seed + 1).wrong, "content is compared, not only checksums"
