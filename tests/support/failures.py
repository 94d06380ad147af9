"""Runs of the shipped failure scenarios on both systems, with what each of them must leave."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from rayos_model.analysis.clients import diagnose_clients
from rayos_model.calibration import load_calibration
from rayos_model.contract.abi import FAULT_TARGET_HEAP, Detection
from rayos_model.contract.markers import Marker, parse
from rayos_model.hardware import KernelSystem
from rayos_model.harness.failure import RECOVERY_LIMIT_NS, FailureInjectionResult, FailureInjector
from rayos_model.metrics.fault_ledger import InjectedFault
from rayos_model.model import ModelSystem
from rayos_model.run.run import Run
from rayos_model.run.system import System, execute
from rayos_model.scenario import files, scenario
from rayos_model.verdict.marker_log import judge_lines
from tests.support.repetition import repeated

FULL: Final = os.environ.get("RAYOS_FULL_SOAK") == "1"
SHORT_S: Final = 20.0
"""Virtual seconds of each test in `make test`; the last five are without faults."""
REFRESH_NS: Final = 16_700_000
TOLERANCE: Final = 0.10
"""Of a predicted recovery time: far below the five seconds within which any failure must be recovered from."""

both_systems = pytest.mark.parametrize("system_name", ["model", "kernel"])


def system_named(name: str, detectors_off: Collection[Detection] = (), trace_points: bool = False) -> System:
    if name == "model":
        return ModelSystem(load_calibration(), detectors_off=detectors_off)
    return KernelSystem(detectors_off=detectors_off, trace_points=trace_points)


@cache
def injected(name: str, system_name: str, folder: Path) -> FailureInjectionResult:
    """A shipped failure scenario's run; checks what each must leave: a verdict, an exact balance, a well-formed log."""
    what = files.load(name)
    if not FULL:
        what = what.with_overrides(duration_s=SHORT_S)
    result = FailureInjector.for_scenario(what).run(system_named(system_name), folder / f"{name}-{system_name}")
    assert result.passed, result.diagnostics
    assert result.faults
    assert result.cascades == ()
    assert result.metrics["memory.final"] == result.metrics["memory.baseline"]
    assert all(recovery_ns(fault) < RECOVERY_LIMIT_NS for fault in result.faults)
    assert_only_the_struck_were_lost(result)
    check_log(result)
    return result


def calm_run_like(result: FailureInjectionResult, system_name: str, folder: Path) -> Run:
    """The same scenario with nothing injected; checks that frames came as they did with it."""
    calm = result.run.scenario.model_copy(update={"faults": ()})
    run = execute(system_named(system_name), calm, folder / f"calm-{calm.name}-{system_name}")
    assert run.passed
    for metric in ("frame_rate.mean", "commit_to_present.p50", "commit_to_present.p99"):
        assert result.metrics[metric] == pytest.approx(run.metrics[metric], rel=0.01)
    return run


def run_that_repeats(what: scenario.Scenario, folder: Path) -> Run:
    """A run on the kernel; checks that another of the same scenario is the same to the byte."""
    return repeated(lambda out: execute(system_named("kernel"), what, out), folder / f"repeat-{what.name}")


def recovery_ns(fault: InjectedFault) -> int:
    assert fault.recovered_after_ns is not None
    return fault.recovered_after_ns


def assert_only_the_struck_were_lost(result: FailureInjectionResult) -> None:
    """Each fault of a client cost exactly one life of exactly that client."""
    struck = Counter(fault.target for fault in result.faults if fault.target != FAULT_TARGET_HEAP)
    for diagnosis in diagnose_clients(result.run):
        lost = [departure for departure in diagnosis.departures if departure != "left"]
        assert len(lost) == struck[diagnosis.client.id]
        assert diagnosis.lives == len(lost) + 1


def failure_markers(run: Run) -> list[Marker]:
    return [marker for marker in parse(run.markers()).markers if marker.name.startswith("RAYOS_FAILURE:")]


def check_log(result: FailureInjectionResult) -> None:
    """The log tells of each fault its injection, detection and recovery, in this order, and at the end the verdict."""
    log = parse(result.run.markers())
    assert log.unknown == []
    assert judge_lines(result.run.markers().splitlines()).problems == []
    assert [str(marker) for marker in log.markers[-2:]] == [
        "RAYOS_FAILURE:TEST_COMPLETE:pass",
        "RAYOS_SOAK:COMPLETE:pass",
    ]
    steps: dict[str, list[Marker]] = {}
    for marker in failure_markers(result.run)[:-1]:
        target = marker["target_id"] if marker.name.endswith(":INJECT") else marker["id"]
        steps.setdefault(str(target), []).append(marker)
    order = ["INJECT", "DETECTED", "RECOVERY_START", "RECOVERY_COMPLETE"]
    seen: list[str] = []
    for target, markers in steps.items():
        expected = [step for step in order if target != "heap" or step != "RECOVERY_START"]
        names = [marker.name.removeprefix("RAYOS_FAILURE:") for marker in markers]
        assert names == expected * (len(names) // len(expected))
        assert all(marker["result"] == "success" for marker in markers if marker.name.endswith("COMPLETE"))
        seen += [str(marker["scenario"]) for marker in markers if marker.name.endswith(":INJECT")]
    assert Counter(seen) == Counter(fault.kind.name.lower() for fault in result.faults)
