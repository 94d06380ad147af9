"""The soak harness: clients × duration on any system, judged, and the culprits named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rayos_model.analysis.clients import diagnose_clients
from rayos_model.contract.abi import TraceKind
from rayos_model.errors import BadInput
from rayos_model.harness.soak import SoakTestHarness, SoakTestResult
from rayos_model.harness.workload import ClientWorkload
from rayos_model.run.system import execute
from rayos_model.scenario.tables import DEFAULT_RATE_HZ, NS
from rayos_model.trace.parquet import record
from tests.support.small import RecordedSystem, small_scenario, small_trace


def test_default_rates_are_those_of_the_specification() -> None:
    stated = {"rendering": 60, "input": 10, "surface_creation": 1, "drag_drop": 0.5, "idle": 0}
    assert {name: DEFAULT_RATE_HZ[name] for name in stated} == stated
    assert ClientWorkload.of("drag_drop").rate_hz == 0.5


def test_the_harness_builds_its_scenario() -> None:
    harness = SoakTestHarness(
        [ClientWorkload.of("rendering", count=2, surface=(64, 64)), ClientWorkload.of("idle")],
        duration_s=60,
        criteria={"frame_rate.min": ">= 60"},
        display={"width": 800, "height": 600},
    )
    assert [(client.id, client.group, client.workload) for client in harness.clients] == [
        (0, 0, "rendering"),
        (1, 0, "rendering"),
        (2, 1, "idle"),
    ]
    assert harness.scenario.display.width == 800
    with pytest.raises(BadInput, match=r"frame_rate\.min"):
        SoakTestHarness([ClientWorkload.of("idle")], 60, criteria={"frame_rate.min": ">= 60 ms"})


def test_a_healthy_soak_passes(tmp_path: Path) -> None:
    harness = SoakTestHarness.for_scenario(small_scenario())
    result = harness.run(RecordedSystem(small_trace()), tmp_path / "run")
    assert result.passed
    assert result.diagnostics == ()
    (diagnosis,) = diagnose_clients(result.run)
    assert (diagnosis.lives, diagnosis.latency.count, diagnosis.departures) == (1, 300, ("left",))


def test_a_failed_soak_names_criterion_and_client(tmp_path: Path) -> None:
    crash = [record(3 * NS, TraceKind.M_CRASH, arg=14), record(3 * NS, TraceKind.M_CLIENT_DESTROYED, arg=1)]
    trace = np.concatenate([small_trace(leak_pages=2), *crash])
    result = SoakTestResult.of(execute(RecordedSystem(trace), small_scenario(), tmp_path / "run"))
    assert not result.passed
    assert "crashes: required == 0, measured 1" in result.diagnostics
    assert "memory.leak: required == 0 kb, measured 8 kb" in result.diagnostics
    assert any(line.startswith("client 0 (rendering): 1 instances, 1 crashes") for line in result.diagnostics)
