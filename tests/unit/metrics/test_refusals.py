"""Clients that get no memory are counted, whatever way they are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rayos_model.api import load_scenario, system
from rayos_model.contract.abi import EndReason, TraceKind
from rayos_model.harness.soak import SoakTestResult
from rayos_model.metrics.collector import MetricsCollector
from rayos_model.metrics.refusals import RefusalTracker
from rayos_model.run.system import execute
from rayos_model.scenario.keys import with_changes
from rayos_model.scenario.scenario import Scenario
from rayos_model.scenario.tables import NS
from rayos_model.trace.parquet import record
from rayos_model.verdict.verdict import evaluate
from tests.support.small import small_scenario

CREATED, DESTROYED, ERROR = TraceKind.M_CLIENT_CREATED, TraceKind.M_CLIENT_DESTROYED, TraceKind.M_PROTOCOL_ERROR
LEFT, FAULT, PROTOCOL, REFUSED = EndReason.LEFT, EndReason.FAULT, EndReason.PROTOCOL, EndReason.REFUSED
Told = list[tuple[float, TraceKind, int, int]]


def pair_of(**changes: Any) -> Scenario:
    """Two clients for 5 s, the second started 0.5 s after the first."""
    group = {"workload": "rendering", "count": 2, "stagger_ms": 500, **changes.pop("group", {})}
    return small_scenario(clients=[group], **changes)


def refused(scenario: Scenario, told: Told) -> list[int]:
    tracker = RefusalTracker(scenario)
    for time_s, kind, client, arg in told:
        tracker.feed(record(round(time_s * NS), kind, subject=client, arg=arg))
    assert tracker.refused >= len(tracker.clients)
    return tracker.clients


BOTH: Told = [(0, CREATED, 0, 0), (0.5, CREATED, 1, 0)]
END: Told = [(5.001, DESTROYED, 0, LEFT), (5.001, DESTROYED, 1, LEFT)]


@pytest.mark.parametrize(
    ("told", "clients"),
    [
        ([*BOTH, *END], []),
        (BOTH, []),
        ([BOTH[0], END[0]], [1]),
        ([], [0, 1]),
        ([*BOTH, (0.7, DESTROYED, 1, LEFT), END[0]], [1]),
        ([*BOTH, (4.9999, DESTROYED, 1, REFUSED), END[0]], [1]),
        ([*BOTH, (0.7, DESTROYED, 1, FAULT), END[0]], []),
        ([*BOTH, (0.7, ERROR, 1, 2), (0.8, DESTROYED, 1, PROTOCOL), END[0]], [1]),
        ([*BOTH, (0.7, ERROR, 1, 0), (0.8, DESTROYED, 1, PROTOCOL), END[0]], []),
        ([*BOTH, *END, (0.7, DESTROYED, 2, LEFT)], []),
    ],
    ids=[
        "all",
        "all-alive",
        "never-begun",
        "nobody",
        "left-early",
        "gave-up",
        "crash",
        "no-memory",
        "other-error",
        "load",
    ],
)
def test_a_life_that_is_missing_or_cut_short_is_refused(told: Told, clients: list[int]) -> None:
    assert refused(pair_of(), told) == clients


def test_lives_with_an_end_end_and_are_followed_by_others() -> None:
    scenario = pair_of(group={"lifetime_s": 3, "count": 1})
    whole: Told = [(0, CREATED, 0, 0), (3.001, DESTROYED, 0, LEFT), (3.002, CREATED, 0, 1), (5.001, DESTROYED, 0, LEFT)]
    assert refused(scenario, whole) == []
    assert refused(scenario, whole[:2]) == [0]
    assert refused(scenario, [whole[0], (1, DESTROYED, 0, LEFT), (1.001, CREATED, 0, 1)]) == [0]


def test_who_was_asked_to_close_may_leave() -> None:
    closing = {"at_s": 2, "action": "close", "group": 0}
    scenario = pair_of(timeline=[closing, {**closing, "at_s": 4}])
    assert refused(scenario, [*BOTH, (2.3, DESTROYED, 0, LEFT), (2.3, DESTROYED, 1, LEFT)]) == []
    assert refused(scenario, [*BOTH, (1.9, DESTROYED, 0, LEFT), (2.3, DESTROYED, 1, LEFT)]) == [0]


def test_a_client_lost_to_a_fault_is_due_again() -> None:
    faults = [{"kind": "buffer_exhaustion", "rate_hz": 1}]
    scenario = pair_of(kind="failure", duration_s=20, faults=faults)
    struck: Told = [*BOTH, (6, ERROR, 1, 2), (6, DESTROYED, 1, PROTOCOL)]
    assert refused(scenario, [*struck, (6.1, CREATED, 1, 1)]) == []
    assert refused(scenario, struck) == [1]


def test_a_soak_fails_in_which_a_client_is_refused() -> None:
    collector = MetricsCollector(pair_of())
    collector.feed(np.concatenate([record(round(t * NS), k, subject=c, arg=a) for t, k, c, a in [BOTH[0], END[0]]]))
    verdict = {v.metric: v for v in evaluate(pair_of(), collector.result())}["clients.refused"]
    assert (verdict.measured, verdict.ok) == (1, False)


@pytest.mark.parametrize("on", ["model", "kernel"])
@pytest.mark.parametrize(("clients", "memory_mb", "missing"), [(60, 48, 8), (84, 64, 7)])
def test_as_many_clients_are_refused_as_memory_is_short_of(
    on: Any, clients: int, memory_mb: int, missing: int, tmp_path: Path
) -> None:
    """One client, with two buffers of 256 × 256, takes 164 pages: pages in use are known to half of that.

    Whether creation or the buffers are refused depends on what is left, and tells nothing.
    """
    changes = {"clients": clients, "clients.*.surface": [256, 256], "machine.memory_mb": memory_mb}
    scenario = with_changes(load_scenario("soak-16", duration_s=2), changes)
    run = execute(system(on), scenario, tmp_path / "run")
    assert abs(run.metrics["clients.refused"] - missing) <= 1
    assert run.metrics["memory.peak"] == pytest.approx(memory_mb * 1024, abs=168 * 4)
    assert run.metrics["memory.leak"] == 0
    result = SoakTestResult.of(run)
    assert not result.passed
    assert "RAYOS_SOAK:COMPLETE:fail" in run.markers()
    assert sum("memory was refused to it" in line for line in result.diagnostics) == run.metrics["clients.refused"]


@pytest.mark.parametrize("memory_mb", [48, 128, 129, 256, 512])
def test_the_kernel_takes_as_many_pages_at_boot_as_the_model_says(memory_mb: int, tmp_path: Path) -> None:
    """Besides memory's size only the scenario's own tables matter: some twenty pages."""
    scenario = small_scenario(duration_s=1, warmup_s=0, machine={"memory_mb": memory_mb})
    baseline = {}
    for on in ("model", "kernel"):
        baseline[on] = execute(system(on), scenario, tmp_path / on).metrics["memory.baseline"]
    assert baseline["model"] == pytest.approx(baseline["kernel"], abs=20 * 4)
