"""The model as a system: the same run for the same seed, the operational laws, and memory that comes back."""

from __future__ import annotations

import gc
import sys
from collections import deque
from pathlib import Path

import numpy as np
import pytest

from rayos_model.calibration import load_calibration
from rayos_model.contract.abi import ThreadId, TraceKind
from rayos_model.contract.markers import parse
from rayos_model.contract.trace_record import Records
from rayos_model.costs.parameters import Parameters
from rayos_model.model import ModelSystem
from rayos_model.model.cpu.uniprocessor import Uniprocessor
from rayos_model.model.machine import Machine
from rayos_model.run.run import Run
from rayos_model.run.system import Progress, execute
from rayos_model.scenario import files
from rayos_model.scenario.compile import build_image
from rayos_model.scenario.scenario import Scenario
from rayos_model.scenario.tables import NS

MIXES = ("validation/mixed-4", "validation/mixed-16", "soak-surfaces")


def mixed(seconds: float = 6.0, seed: int | None = None, name: str = "validation/mixed-4") -> Scenario:
    return files.load(name).with_overrides(duration_s=seconds, seed=seed)


def model(out: Path, what: Scenario, parameters: Parameters | None = None) -> Run:
    return execute(ModelSystem(parameters or load_calibration()), what, out)


class Watched:
    """A machine run to its end, with what it wrote."""

    def __init__(self, what: Scenario, parameters: Parameters | None = None) -> None:
        self.chunks: list[Records] = []
        self.lines: list[str] = []
        self.objects: list[int] = []  # alive in this process, second by second
        self.list_bytes: list[int] = []  # of all its lists and queues
        self.machine = Machine(
            build_image(what), parameters or load_calibration(), self.chunks.append, self.lines.append, self._second
        )
        self.passed = self.machine.run()

    def _second(self, second: int, flips: int) -> None:
        gc.collect()
        objects = gc.get_objects()
        self.objects.append(len(objects))
        self.list_bytes.append(sum(sys.getsizeof(one) for one in objects if isinstance(one, list | deque)))

    def measured(self, kind: TraceKind) -> list[int]:
        return [int(arg) for chunk in self.chunks for arg in chunk["arg"][chunk["kind"] == kind]]


def doubled(parameters: Parameters) -> Parameters:
    """A machine half as fast: every cost twice as high."""

    def twice(costs: dict[str, float]) -> dict[str, float]:
        return {name: 2 * cost for name, cost in costs.items()}

    slower = {
        table: {
            name: segment.model_copy(
                update={
                    "fixed_ns": 2 * segment.fixed_ns,
                    "per_size_ns": twice(segment.per_size_ns),
                    "per_depth_ns": 2 * segment.per_depth_ns,
                    "by_sizes_ns": twice(segment.by_sizes_ns),
                }
            )
            for name, segment in getattr(parameters, table).items()
        }
        for table in ("segments", "kinds")
    }
    scheduling = parameters.scheduling
    return parameters.model_copy(
        update={
            **slower,
            "scheduling": scheduling.model_copy(
                update={
                    "dispatch_ns": 2 * scheduling.dispatch_ns,
                    "interrupt_ns": 2 * scheduling.interrupt_ns,
                    "idle_wake_ns": 2 * scheduling.idle_wake_ns,
                }
            ),
        }
    )


# ---- reproducible ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MIXES)
def test_the_same_seed_is_the_same_run_byte_for_byte(name: str, tmp_path: Path) -> None:
    one, two = (model(tmp_path / str(number), mixed(name=name)) for number in range(2))
    assert one.markers() == two.markers()
    assert one.trace().tobytes() == two.trace().tobytes()
    assert one.metrics == two.metrics


def test_another_seed_is_another_run_of_the_same_scenario(tmp_path: Path) -> None:
    one, two = (model(tmp_path / str(seed), mixed(seed=seed)) for seed in (1, 2))
    assert one.trace().tobytes() != two.trace().tobytes()
    assert one.metrics["frame_rate.mean"] == two.metrics["frame_rate.mean"]


def test_the_trace_is_in_order_of_time(tmp_path: Path) -> None:
    times = model(tmp_path / "run", mixed()).trace()["time_ns"].astype(np.int64)
    assert (np.diff(times) >= 0).all()


def test_provenance_says_whose_parameters_were_spent(tmp_path: Path) -> None:
    run = model(tmp_path / "run", mixed())
    parameters = load_calibration()
    assert run.platform == parameters.platform
    assert run.provenance["calibration"]["kernel_sha256"] == parameters.provenance["kernel_sha256"]


def test_progress_reaches_the_end_second_by_second(tmp_path: Path) -> None:
    seen: list[Progress] = []
    execute(ModelSystem(load_calibration()), mixed(5.0), tmp_path / "run", seen.append)
    assert [progress.virtual_ns for progress in seen] == [second * NS for second in range(1, 6)]
    assert seen[-1].virtual_ns == seen[-1].duration_ns


# ---- operational laws --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MIXES)
def test_littles_law_holds_on_the_processor(name: str) -> None:
    processor = Watched(mixed(name=name)).machine.core.processor
    assert isinstance(processor, Uniprocessor)
    # Both sides are exact integers; at the end only the launcher, which has just left, ran.
    assert processor.runnable_area == processor.stay_ns > 0


@pytest.mark.parametrize("name", MIXES)
def test_idle_time_adds_up(name: str) -> None:
    watched = Watched(mixed(name=name))
    idle = watched.measured(TraceKind.M_IDLE)
    processor = watched.machine.core.processor
    assert isinstance(processor, Uniprocessor)
    assert len(idle) == 6
    assert all(0 <= second <= NS for second in idle)
    # What the snapshots leave out is after the last of them: clients leave, well within a second.
    assert 0 <= processor.idle_ns() - sum(idle) < NS
    assert processor.now - processor.idle_ns() <= processor.stay_ns, "a busy processor has a runnable thread"


def test_utilisation_is_throughput_times_service_time(tmp_path: Path) -> None:
    # Clients paced by the display: throughput stays at 60 frames a second, so twice the service time is twice the
    # utilisation. 3 %: preemptions, and with them dispatches, are a few more on the slower machine.
    what = files.load("soak-4").with_overrides(duration_s=6)
    fast = model(tmp_path / "fast", what)
    slow = model(tmp_path / "slow", what, doubled(load_calibration()))
    assert slow.metrics["throughput.commits"] == fast.metrics["throughput.commits"]
    assert slow.metrics["cpu.mean"] == pytest.approx(2 * fast.metrics["cpu.mean"], rel=0.03)
    assert slow.metrics["buffer_commit.p50"] > 1.5 * fast.metrics["buffer_commit.p50"]


# ---- memory ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MIXES)
def test_simulated_memory_returns_to_its_baseline(name: str) -> None:
    watched = Watched(mixed(name=name))
    memory = watched.machine.core.memory
    assert watched.passed
    assert memory.pages == memory.baseline < memory.peak
    assert watched.measured(TraceKind.M_LEAK) == [0]
    assert max(watched.measured(TraceKind.M_PAGES)) <= memory.peak
    assert watched.machine.core.clients == {}


def test_simulating_longer_takes_no_more_memory() -> None:
    watched = Watched(files.load("validation/mixed-16").with_overrides(duration_s=24))

    def growth(amounts: list[int]) -> int:
        return max(amounts[18:]) - max(amounts[6:12])

    # Twelve seconds have 720 frames: an object kept for each, or 8 bytes in a list, would be seen. What is in flight
    # at the instant of looking varies by some dozens. Tables of costs, filled as sizes turn up, are dictionaries.
    assert growth(watched.objects) < 500
    assert growth(watched.list_bytes) < 720 * 8


@pytest.mark.parametrize("vcpus", [1, 2])
def test_a_reclaim_names_the_thread_that_allocated(vcpus: int) -> None:
    what = files.load("validation/stress-memory-2").with_overrides(duration_s=2)
    what = what.model_copy(update={"machine": what.machine.model_copy(update={"vcpus": vcpus})})
    chunks = Watched(what).chunks
    threads = [int(thread) for chunk in chunks for thread in chunk["thread"][chunk["kind"] == TraceKind.M_RECLAIM]]
    assert len(threads) > 100
    assert min(threads) >= ThreadId.CLIENT0


# ---- the log -----------------------------------------------------------------------------------------


def test_every_snapshot_says_what_the_trace_says(tmp_path: Path) -> None:
    run = model(tmp_path / "run", mixed())
    snapshots = parse(run.markers()).named("RAYOS_SOAK:METRICS_SNAPSHOT")
    assert [snapshot["fps"] for snapshot in snapshots] == run.metrics.seconds["fps"]
    assert [snapshot["mem_kb"] for snapshot in snapshots] == run.metrics.seconds["memory_kb"]
    for snapshot, percent in zip(snapshots, run.metrics.seconds["cpu_percent"], strict=True):
        assert percent is not None
        assert abs(float(snapshot["cpup"]) - percent) <= 0.5  # printed in whole per cent
