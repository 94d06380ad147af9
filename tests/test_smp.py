"""Several processors: the policy, the locks and the detectors hold, and icount repeats a run to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rayos_model.abi import Provocation, TraceKind
from rayos_model.hardware import KernelSystem, failures
from rayos_model.run import Run
from rayos_model.scenario import Scenario, from_dict
from rayos_model.systems import execute


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


def test_clients_run_on_all_processors_and_leave_nothing_behind(eight: Run) -> None:
    records = eight.trace()
    assert set(np.unique(records["cpu"])) == set(range(8))
    assert eight.markers().splitlines()[-1] == "RAYOS_SOAK:COMPLETE:pass"
    assert eight.metrics["memory.leak"] == eight.metrics["crashes"] == 0
    assert eight.metrics["frame_rate.min"] == 60


def test_a_run_on_eight_processors_repeats_to_the_bit(eight: Run, tmp_path: Path) -> None:
    again = execute(KernelSystem(trace_points=True), scenario(8), tmp_path)
    assert again.trace().tobytes() == eight.trace().tobytes()
    assert again.markers() == eight.markers()


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
