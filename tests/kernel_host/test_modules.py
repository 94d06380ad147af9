"""The kernel's pure modules, built for the host with undefined behaviour trapping, and run.

Built with the pinned zig compiler always, and with gcc's address sanitizer where there is a gcc that has it.
"""

from __future__ import annotations

import platform
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from rayos_model.contract import abi
from rayos_model.metrics.histogram import LatencyHistogram
from tests.support.host_programs import COMPILERS, PROGRAMS, build_module_program, usable

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="the kernel's modules are x86-64 C over Linux mmap",
)


@pytest.fixture(scope="session", params=COMPILERS)
def programs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp(f"kernel-host-{request.param}")
    if not usable(request.param, folder):
        pytest.skip("no gcc with C23 and address sanitizer here")
    for name in PROGRAMS:
        build_module_program(name, folder / name, request.param)
    return {name: folder / name for name in PROGRAMS}


def run(program: Path, *arguments: object) -> str:
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def image(**changes: int) -> bytes:
    """A good image of one group and one table, with settings or group fields changed."""
    settings = {
        "seed": 1,
        "duration_ns": 10**9,
        "quantum_ns": 10**7,
        "repaint_window_ns": 7 * 10**6,
        "ping_interval_ns": 10**9,
        "hang_timeout_ns": 3 * 10**9,
        "respawn_ns": 10**8,
        "scrub_interval_ns": 10**8,
        "lock_timeout_ns": 10**9,
        "warmup_ns": 0,
        "power_cut_ns": 0,
        "kind": abi.ScenarioKind.FAILURE,
        "vcpus": 1,
        "memory_mb": 128,
        "width": 640,
        "height": 480,
        "refresh_millihertz": 60000,
        "trace_points": 0,
        "compositor_priority": 20,
        "socket_bytes": 65536,
        "provoke": 0,
        "client_memory_kb": 0,
        "client_surfaces": 0,
        "client_pools": 0,
        "detectors_off": 0,
        "input_source": 0,
        "jitter_seed": 0,
        "ipi_delay_seed": 0,
        "recorded": 0,
    }
    group = {
        "period_ns": 16666666,
        "start_ns": 0,
        "stagger_ns": 0,
        "lifetime_ns": 0,
        "first_client": 0,
        "count": 3,
        "workload": 1,
        "priority": 10,
        "surface_width": 64,
        "surface_height": 64,
        "damage_ppm": 1000000,
        "think_table": 0,
        "gap_table": 0,
        "transfer_bytes": 0,
    }
    load = dict.fromkeys(abi.IMAGE_LOAD_FIELDS[:-1], 0)
    disk = {"latency_ns": 80_000, "bytes_per_s": 10**9, "mb": 16, "channels": 4, "cache_pages": 256}
    network = {"heartbeat_ns": 0, "net_timeout_ns": 0, "net_latency_ns": 0}
    fault = {
        "fault_start_ns": 0,
        "fault_end_ns": 10**9,
        "fault_period_ns": 10**8,
        "fault_duration_ns": 0,
        "fault_count": 7,
        "fault_kind": abi.FaultKind.CLIENT_CRASH,
        "fault_variant": abi.VARIANT_ANY,
        "fault_first_client": 1,
        "fault_client_count": 2,
    }
    for name, value in changes.items():
        next(part for part in (settings, load, disk, network, group, fault) if name in part)[name] = value
    body = abi.IMAGE_SETTINGS.pack(*settings.values(), b"test")
    body += abi.IMAGE_LOAD.pack(*load.values(), struct.pack("<2I", 0, 1_000_000))
    body += abi.IMAGE_DISK.pack(*disk.values(), 0)
    body += abi.IMAGE_NETWORK.pack(*network.values())
    body += abi.IMAGE_GROUP.pack(*group.values(), 0)
    body += abi.IMAGE_FAULT.pack(*fault.values(), 0)
    body += struct.pack(f"<{abi.QUANTILES}Q", *range(abi.QUANTILES))
    length = abi.IMAGE_HEADER.size + len(body)
    return abi.IMAGE_HEADER.pack(abi.IMAGE_MAGIC, abi.ABI_VERSION, length, zlib.crc32(body), 1, 1, 1, 0, 0) + body


def verdict(programs: dict[str, Path], folder: Path, data: bytes, *arguments: object) -> str:
    path = folder / "image"
    path.write_bytes(data)
    return run(programs["scenario"], path, *arguments).strip()


def test_pages_and_heap_account_for_every_byte_and_find_damage(programs: dict[str, Path]) -> None:
    run(programs["memory"])


def test_a_blit_changes_exactly_its_pixels(programs: dict[str, Path]) -> None:
    run(programs["blit"])


def test_the_ring_keeps_order_and_meets_the_host_when_full(programs: dict[str, Path]) -> None:
    run(programs["trace"])


def test_the_kernels_histogram_reads_as_ours(programs: dict[str, Path]) -> None:
    values = [0, 1, 255, 256, 257, 1000, 1001, 65_535, 10**6, 123_456_789, 10**9, 10**12, *range(300, 90_000, 977)]
    ours = LatencyHistogram()
    ours.add(values)
    for ppm in (1, 10_000, 500_000, 950_000, 990_000, 999_000, 1_000_000):
        (theirs,) = run(programs["histogram"], ppm, *values).split()
        assert int(theirs) == pytest.approx(ours.quantile(ppm / 1e6), abs=1), ppm


def test_the_kernel_draws_what_mechanism_md_says(programs: dict[str, Path]) -> None:
    word = (1 << 64) - 1
    for seed, client, generation, stream in [(1, 0, 0, 0), (2**63 + 5, 1023, 9, 1), (77, 3, 4095, 0)]:
        increment = (((client + generation * 4096) * 4 + stream) << 1) | 1
        state = 0

        def step(increment: int = increment) -> int:
            nonlocal state
            old, state = state, (state * 6364136223846793005 + increment) & word
            shifted, turn = ((old >> 18 ^ old) >> 27) & 0xFFFFFFFF, old >> 59
            return (shifted >> turn | shifted << (-turn & 31)) & 0xFFFFFFFF

        step()
        state = (state + seed) & word
        step()
        table = [i * i * 1000 for i in range(1025)]
        expected = []
        for _ in range(200):
            draw = step()
            i, f = draw >> 22, draw & 0x3FFFFF
            expected.append(table[i] + ((table[i + 1] - table[i]) * f >> 22))
        drawn = run(programs["random"], seed, client, generation, stream, 200)
        assert [int(line) for line in drawn.split()] == expected


@pytest.mark.parametrize("seed", range(1, 9))
def test_mutexes_exclude_and_never_lock_up(programs: dict[str, Path], seed: int) -> None:
    done, deadlocks = run(programs["mutex"], seed).split()
    assert done == "done"
    assert int(deadlocks) > 0
    assert run(programs["mutex"], seed, "blind").strip() == "stuck", "without its detector it does lock up"


def test_a_socket_outlives_neither_of_its_ends_too_long(programs: dict[str, Path]) -> None:
    assert run(programs["socket"]).strip() == "ok"


def test_a_good_image_is_accepted(programs: dict[str, Path], tmp_path: Path) -> None:
    assert verdict(programs, tmp_path, image()) == "ok"


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("duration_ns", 0, "duration_ns"),
        ("quantum_ns", 1, "quantum_ns"),
        ("repaint_window_ns", 17 * 10**6, "repaint_window_ns"),
        ("warmup_ns", 10**9, "warmup_ns"),
        ("kind", 6, "kind"),
        ("kind", 1, "fault:kind of scenario"),
        ("vcpus", 0, "vcpus"),
        ("memory_mb", 8, "memory_mb"),
        ("width", 0, "width"),
        ("trace_points", 3, "trace_points"),
        ("compositor_priority", 32, "compositor_priority"),
        ("socket_bytes", 4095, "socket_bytes"),
        ("provoke", 12, "provoke"),
        ("input_source", 2, "input_source"),
        ("step_count", 17, "load:step_count"),
        ("step_count", 1, "load:step_ns"),
        ("cpu_threads", 257, "load:cpu_threads"),
        ("cpu_priority", 32, "load:cpu_priority"),
        ("memory_ppm", 1_000_001, "load:memory_ppm"),
        ("disk_iops", 10_000_001, "load:disk_iops"),
        ("disk_depth", 65, "load:disk_depth"),
        ("disk_iops", 1, "load:disk_depth"),
        ("mb", 4097, "disk:mb"),
        ("latency_ns", 1_000_000_001, "disk:latency_ns"),
        ("bytes_per_s", 0, "disk:bytes_per_s"),
        ("channels", 0, "disk:channels"),
        ("cache_pages", 63, "disk:cache_pages"),
        ("count", 0, "group:clients"),
        ("count", 1025, "group:clients"),
        ("first_client", 1, "group:clients"),
        ("workload", 10, "group:workload"),
        ("priority", 32, "group:priority"),
        ("surface_width", 641, "group:surface_width"),
        ("surface_height", 0, "group:surface_height"),
        ("damage_ppm", 1000001, "group:damage_ppm"),
        ("transfer_bytes", 4097, "group:transfer_bytes"),
        ("think_table", 1, "group:think_table"),
        ("scrub_interval_ns", 1, "scrub_interval_ns"),
        ("detectors_off", 1 << 12, "detectors_off"),
        ("fault_kind", 0, "fault:kind"),
        ("fault_kind", 11, "fault:kind"),
        ("fault_kind", 8, "fault:no network"),
        ("heartbeat_ns", 1, "network:heartbeat_ns"),
        ("heartbeat_ns", 10**8, "network:timeout_ns"),
        ("fault_variant", 3, "fault:variant"),
        ("fault_first_client", 3, "fault:clients"),
        ("fault_client_count", 3, "fault:clients"),
        ("fault_client_count", 0, "fault:clients"),
        ("fault_period_ns", 1, "fault:period_ns"),
    ],
)
def test_a_bad_field_is_named(programs: dict[str, Path], tmp_path: Path, field: str, value: int, why: str) -> None:
    assert verdict(programs, tmp_path, image(**{field: value})) == why


@pytest.mark.parametrize("kind", [abi.FaultKind.DISK_ERROR, abi.FaultKind.DISK_OUTAGE])
def test_a_fault_of_the_disk_needs_one(programs: dict[str, Path], tmp_path: Path, kind: abi.FaultKind) -> None:
    assert verdict(programs, tmp_path, image(fault_kind=kind)) == "ok"
    assert verdict(programs, tmp_path, image(fault_kind=kind, mb=0)) == "fault:no disk"


def test_a_damaged_image_is_refused(programs: dict[str, Path], tmp_path: Path) -> None:
    good = image()
    assert verdict(programs, tmp_path, b"X" + good[1:]) == "magic"
    assert verdict(programs, tmp_path, good[:8] + b"\x09" + good[9:]) == "version"
    assert verdict(programs, tmp_path, good[:-1]) == "length"
    assert verdict(programs, tmp_path, good + b"\0") == "length"
    assert verdict(programs, tmp_path, good[:-1] + b"\1") == "crc32"


def test_no_damage_makes_the_validator_read_outside_the_image(programs: dict[str, Path], tmp_path: Path) -> None:
    assert verdict(programs, tmp_path, image(), 3000) == "ok"


def test_a_device_that_lies_reaches_no_driver(programs: dict[str, Path]) -> None:
    run(programs["virtio"])


def test_no_frame_and_no_device_reaches_beyond_the_driver(programs: dict[str, Path]) -> None:
    run(programs["net"])


def test_no_power_cut_loses_an_acknowledged_record(programs: dict[str, Path]) -> None:
    run(programs["store"])
    run(programs["store"], 300)
