"""The five soaks of the specification, by name, on the model and on the kernel, and a hundred clients besides.

On the kernel shortened unless RAYOS_FULL_SOAK=1 (`make soak`). The compiled model runs each for as long as its scenario
states.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Final

import pytest

from rayos_model.analysis.clients import ClientDiagnosis, diagnose_clients
from rayos_model.calibration import load_calibration
from rayos_model.contract.markers import Value, parse
from rayos_model.hardware import KernelSystem
from rayos_model.harness.soak import SoakTestHarness, SoakTestResult
from rayos_model.model import ModelSystem
from rayos_model.run.run import Run
from rayos_model.run.system import System
from rayos_model.scenario import files, tables
from rayos_model.toolchain import model_build
from rayos_model.verdict.marker_log import judge_lines

FULL: Final = os.environ.get("RAYOS_FULL_SOAK") == "1"
KERNEL_S: Final = 20.0
"""Virtual seconds of a soak on the kernel in `make test`: 1 to 15 s of wall time."""
INTERPRETED_S: Final = {"soak-16": 600.0, "soak-64": 240.0}
"""Of those that would take minutes on the model where it is not compiled: as much as takes one on a slow machine."""
BUFFER_KB: Final = 320 * 240 * 4 // 1024
"""The largest secondary surface of soak-surfaces."""

# The harness has its own limits in wall time; an hour of sixteen clients is 45 minutes on a slow machine.
pytestmark = pytest.mark.timeout(0 if FULL else 600)
both_systems = pytest.mark.parametrize("system_name", ["model", "kernel"])


def system_named(name: str) -> System:
    return ModelSystem(load_calibration()) if name == "model" else KernelSystem()


def soak(name: str, system_name: str, out: Path, duration_s: float | None = None) -> SoakTestResult:
    """Runs a shipped soak, and checks what every soak must leave: a verdict, living clients, a well-formed log."""
    if duration_s is None and not FULL:
        interpreted = system_name == "model" and not model_build.in_use()
        duration_s = KERNEL_S if system_name == "kernel" else INTERPRETED_S.get(name) if interpreted else None
    what = files.load(name).with_overrides(duration_s=duration_s)
    result = SoakTestHarness.for_scenario(what).run(system_named(system_name), out / system_name)
    assert result.passed, result.diagnostics
    assert result.diagnostics == ()
    for metric in ("crashes", "hangs", "protocol_errors", "memory.leak"):
        assert result.metrics[metric] == 0
    for diagnosis in diagnose_clients(result.run):
        assert diagnosis.healthy
        assert len(diagnosis.departures) == diagnosis.lives, "each client that was created also left"
        assert diagnosis.commits >= diagnosis.lives, "each showed at least its first frame"
    check_log(result.run)
    return result


def check_log(run: Run) -> None:
    """The marker log keeps the grammar and the order, and says no less and no more than the scenario."""
    log = parse(run.markers())
    assert log.unknown == []
    assert judge_lines(run.markers().splitlines()).problems == []
    what = run.scenario
    (start,) = log.named("RAYOS_SOAK:START")
    assert start.values == (what.client_count, int(what.duration_s))
    (complete,) = log.named("RAYOS_SOAK:COMPLETE")
    assert complete["result"] == "pass"
    assert len(log.named("RAYOS_SOAK:METRICS_SNAPSHOT")) == int(what.duration_s)
    created = Counter(marker["id"] for marker in log.named("RAYOS_SOAK:CLIENT_CREATED"))
    assert set(created) == set(range(what.client_count))
    assert created == Counter(marker["id"] for marker in log.named("RAYOS_SOAK:CLIENT_DESTROYED"))
    for client in SoakTestHarness.for_scenario(what).clients:
        assert created[client.id] == 1 or client.settings.lifetime_s, "only a client with a lifetime comes again"


def facts_of_log(run: Run) -> Counter[tuple[str, tuple[Value, ...]]]:
    """The markers of a soak with their fields; of a snapshot, whose fields are measurements, the name alone."""
    markers = [marker for marker in parse(run.markers()).markers if marker.name.startswith("RAYOS_SOAK:")]
    return Counter((marker.name, () if marker.name.endswith("SNAPSHOT") else marker.values) for marker in markers)


def frames_by_second(result: SoakTestResult) -> list[float]:
    """Page flips of each whole second after warm-up."""
    seconds, warmup_s = result.metrics.seconds, result.run.scenario.warmup_ns / tables.NS
    return [
        frames
        for time_s, frames in zip(seconds["time_s"], seconds["fps"], strict=True)
        if time_s is not None and frames is not None and time_s - 1 >= warmup_s
    ]


def commits_by_group(result: SoakTestResult) -> dict[int, list[ClientDiagnosis]]:
    groups: dict[int, list[ClientDiagnosis]] = {}
    for diagnosis in diagnose_clients(result.run):
        groups.setdefault(diagnosis.client.group, []).append(diagnosis)
    return groups


@both_systems
def test_4_clients_1_hour(system_name: str, tmp_path: Path) -> None:
    result = soak("soak-4", system_name, tmp_path)
    assert min(frames_by_second(result)) >= 60


@both_systems
def test_16_clients_1_hour(system_name: str, tmp_path: Path) -> None:
    result = soak("soak-16", system_name, tmp_path)
    assert result.metrics["dropped_frames.percent"] < 5
    assert result.metrics["commit_to_present.p99"] < 100_000


@both_systems
def test_64_clients_30_min(system_name: str, tmp_path: Path) -> None:
    result = soak("soak-64", system_name, tmp_path)
    assert result.metrics["memory.final"] == result.metrics["memory.baseline"]
    assert min(frames_by_second(result)) >= 20
    # Nobody starves: clients of a group differ by their random draws alone, which is far less than by half.
    for group in commits_by_group(result).values():
        commits = [diagnosis.commits for diagnosis in group]
        assert min(commits) >= median(commits) / 2


@both_systems
def test_continuous_surface_creation(system_name: str, tmp_path: Path) -> None:
    result = soak("soak-surfaces", system_name, tmp_path)
    assert result.metrics["memory.final"] == result.metrics["memory.baseline"]
    # Each client has one secondary surface at most, so that is all by which the second half may exceed the first;
    # leaking one in a hundred would exceed it within a minute.
    used = [used_kb for used_kb in result.metrics.seconds["memory_kb"] if used_kb is not None]
    half = len(used) // 2
    assert max(used[half:]) <= max(used[:half]) + result.run.scenario.client_count * BUFFER_KB
    created = sum(diagnosis.commits for diagnosis in diagnose_clients(result.run))
    # Six clients at 5 a second, two at 2 a second, without a pause but for the first seconds of each life (30 s, 20 s).
    assert created > 0.9 * (6 * 5 + 2 * 2) * result.run.scenario.duration_s


@both_systems
def test_sustained_60_fps(system_name: str, tmp_path: Path) -> None:
    result = soak("soak-60fps", system_name, tmp_path)
    assert min(frames_by_second(result)) >= 60
    assert result.metrics["dropped_frames.percent"] == 0
    assert result.metrics["composition.max"] < 16_670


@both_systems
def test_128_clients_run_on_both(system_name: str, tmp_path: Path) -> None:
    result = soak("soak-128", system_name, tmp_path, duration_s=None if FULL else 10.0)
    assert result.run.scenario.client_count == 128
    assert result.metrics["client_creation.count"] == 128


@pytest.mark.parametrize(
    ("name", "duration_s"),
    [
        ("soak-4", 5.0),
        ("soak-surfaces", 65.0),  # three generations of its clients with a lifetime
    ],
)
def test_both_systems_print_the_same_markers(name: str, duration_s: float, tmp_path: Path) -> None:
    model, kernel = (soak(name, system_name, tmp_path, duration_s).run for system_name in ("model", "kernel"))
    assert facts_of_log(model) == facts_of_log(kernel)
