"""SmpSettings processors: the policy, the locks and the detectors hold, and icount repeats a run to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rayos_model.calibration import load_calibration
from rayos_model.contract.abi import Provocation, TraceKind
from rayos_model.contract.markers import parse
from rayos_model.hardware import KernelSystem, failures
from rayos_model.model import ModelSystem
from rayos_model.run.run import Run
from rayos_model.run.system import execute
from rayos_model.scenario.scenario import Scenario, from_dict
from tests.support.repetition import repeated


def scenario(vcpus: int, duration_s: float = 2.0) -> Scenario:
    """Every workload, and clients that come and go."""
    return from_dict(
        {
            "name": "smp",
            "duration_s": duration_s,
            "machine": {"vcpus": vcpus},
            "clients": [
                {"count": 2, "workload": "input"},
                {"count": 4, "workload": "rendering", "lifetime_s": 0.7},
                {"count": 2, "workload": "surface_creation", "rate_hz": 20},
                {"count": 2, "workload": "drag_drop", "rate_hz": 4},
            ],
        }
    )


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """With all points in the trace, so that the ring fills and all processors meet the host on the way."""
    return execute(KernelSystem(trace_points=True), scenario(8), tmp_path_factory.mktemp("eight"))


def test_clients_run_on_several_processors_and_leave_nothing_behind(eight: Run) -> None:
    records = eight.trace()
    # Ten clients that mostly sleep: woken together, they spread; alone, they stay where they ran.
    assert {0, 1, 2, 3} <= set(np.unique(records["cpu"])) <= set(range(8))
    assert eight.markers().splitlines()[-1] == "RAYOS_SOAK:COMPLETE:pass"
    assert eight.metrics["memory.leak"] == eight.metrics["crashes"] == 0
    assert eight.metrics["frame_rate.min"] == 60


def test_a_run_on_eight_processors_repeats_to_the_bit(eight: Run, tmp_path: Path) -> None:
    repeated(lambda out: execute(KernelSystem(trace_points=True), scenario(8), out), tmp_path, eight)


def test_a_processor_takes_as_much_memory_as_the_model_says(eight: Run, tmp_path: Path) -> None:
    model = ModelSystem(load_calibration())

    def baselines(vcpus: int) -> tuple[float, float]:
        one = scenario(vcpus, 1.0)
        runs = (execute(system, one, tmp_path / f"{system.name}-{vcpus}") for system in (KernelSystem(), model))
        kernel, predicted = (run.metrics["memory.baseline"] for run in runs)
        return kernel, predicted

    one, three = baselines(1), baselines(3)
    assert three[0] - one[0] == three[1] - one[1] > 0
    assert eight.metrics["memory.baseline"] - one[0] == 7 * (three[0] - one[0]) / 2


def test_idle_time_is_that_of_all_processors(eight: Run) -> None:
    idle = eight.trace(TraceKind.M_IDLE)["arg"]
    assert ((idle > 6e9) & (idle < 8e9)).all()
    assert 0 < eight.metrics["cpu.mean"] < 10


def test_locks_and_waiting_threads_are_measured(eight: Run) -> None:
    holds = eight.trace(TraceKind.M_LOCK_HOLD)
    kernel = holds[(holds["subject"] & 0xFF) == 0]
    total, longest = kernel["arg"] & 0xFFFFFFFF, kernel["arg"] >> 32
    assert len(kernel) == 2
    assert (kernel["subject"] >> 8 > 1000).all()
    assert ((longest > 0) & (longest <= total) & (total < 1e9)).all()
    waits = eight.trace(TraceKind.M_READY_WAIT)
    assert (waits["subject"] > 500).all()


def stressed(**load: object) -> Scenario:
    return from_dict(
        {
            "name": "stressed",
            "kind": "stress",
            "duration_s": 6,
            "machine": {"vcpus": 4},
            "clients": [{"count": 4, "workload": "rendering", "surface": [160, 120]}],
            "load": {"cpu_threads": 4, "steps": [0, 0.5, 1.0], "step_s": 2, **load},
        }
    )


def fields(run: Run, name: str) -> list[list[float]]:
    return [[float(v) for v in marker.values] for marker in parse(run.markers()).named(f"RAYOS_STRESS:{name}")]


def test_the_load_takes_the_processors_it_is_meant_to_take(tmp_path: Path) -> None:
    run = execute(KernelSystem(), stressed(), tmp_path)
    levels, busy, _ = zip(*fields(run, "LOAD_APPLIED"), strict=True)
    assert levels == (0, 0.5, 1)
    assert busy[0] < 5
    assert 50 <= busy[1] < 60  # two of four, and what the clients need
    assert busy[2] >= 99
    assert [level for level, _ in fields(run, "DEGRADATION")] == [0, 0.5, 1]
    assert len(fields(run, "LATENCY_SAMPLE")) == 6
    assert run.metrics["memory.leak"] == 0
    # Clients are the load's equals: at saturation a frame now and then comes too late for its vblank.
    assert run.metrics["frame_rate.min"] >= 55


def test_the_load_goes_down_step_by_step_when_latency_is_beyond_its_limit(tmp_path: Path) -> None:
    # No second is ever within a limit of 1 ms: the vblank alone is further away.
    run = execute(KernelSystem(), stressed(latency_limit_ms=1.0), tmp_path)
    assert [level for level, _, _ in fields(run, "LOAD_APPLIED")] == [0, 0.5, 0, 0]
    assert "no level above 0.000 from now on" in run.markers()


def test_a_run_under_load_repeats_to_the_bit(tmp_path: Path) -> None:
    repeated(lambda out: execute(KernelSystem(), stressed(), out), tmp_path)


@pytest.mark.parametrize("ipi_delay_seed", [0, 1], ids=["prompt", "late"])
def test_kernel_addresses_are_used_again_on_several_processors(ipi_delay_seed: int, tmp_path: Path) -> None:
    # 24,576 pages of addresses; two clients use 41 for each surface, a hundred times a second: all of them in 3 s.
    churn = {"workload": "surface_creation", "count": 2, "rate_hz": 100, "surface": [200, 200]}
    again = from_dict(
        {
            "name": "window-wraps",
            "duration_s": 7,
            "machine": {"vcpus": 4, "memory_mb": 48, "ipi_delay_seed": ipi_delay_seed},
            "display": {"width": 320, "height": 240},
            "clients": [churn],
            "load": {"cpu_threads": 3},
        }
    )
    run = execute(KernelSystem(), again, tmp_path / "run")
    assert run.markers().splitlines()[-1] == "RAYOS_SOAK:COMPLETE:pass"
    assert run.metrics["memory.leak"] == 0


@pytest.mark.parametrize("vcpus", [2, 16])
def test_other_numbers_of_processors_work_as_well(vcpus: int, tmp_path: Path) -> None:
    run = execute(KernelSystem(), scenario(vcpus, duration_s=1.0), tmp_path)
    assert run.markers().splitlines()[-1] == "RAYOS_SOAK:COMPLETE:pass"
    assert set(np.unique(run.trace()["cpu"])) <= set(range(vcpus))


def test_a_panic_stops_all_processors(tmp_path: Path) -> None:
    with pytest.raises(failures.GuestPanic, match="provoked"):
        execute(KernelSystem(provoke=Provocation.PANIC), scenario(4), tmp_path)


def test_a_faulting_client_dies_alone(tmp_path: Path) -> None:
    run = execute(KernelSystem(provoke=Provocation.CLIENT_FAULT), scenario(4), tmp_path)
    assert run.metrics["crashes"] == 1
    assert run.metrics["memory.leak"] == 0
