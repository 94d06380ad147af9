"""The harnesses as one family: every name of the specification, one way to build, run and judge."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rayos_model import harness
from rayos_model.contract.markers import parse
from rayos_model.errors import BadInput
from rayos_model.harness.failure import FailureInjector, FailureScenario
from rayos_model.harness.harness import Harness, Result, failed_criteria
from rayos_model.harness.integration import IntegrationResult, SystemUnderTest
from rayos_model.harness.performance import PerformanceProfiler
from rayos_model.harness.soak import SoakTestHarness
from rayos_model.harness.stress import LoadGenerator, StressTestHarness
from rayos_model.harness.workload import ClientWorkload
from rayos_model.run.system import execute
from tests.support.small import RecordedSystem, small_scenario, small_trace

SPECIFIED = [
    *("SoakTestHarness", "VirtualClient", "ClientWorkload", "MetricsCollector", "SoakTestResult"),
    *("StressTestHarness", "LoadGenerator", "ResourceMonitor", "DegradationAnalyzer", "StressTestResult"),
    *("FailureInjector", "Scenario", "RecoveryValidator", "FailureInjectionResult"),
    *("PerformanceProfiler", "LatencyHistogram", "ThroughputCounter", "ResourceTracker", "PerformanceReport"),
    *("IntegrationTestSuite", "ScenarioBuilder", "SystemUnderTest", "IntegrationResult"),
]


def test_every_name_of_the_specification_is_found_in_one_place() -> None:
    assert sorted(SPECIFIED) == sorted(harness.__all__)
    assert all(isinstance(getattr(harness, name), type) for name in SPECIFIED)
    with pytest.raises(AttributeError, match="NoSuchHarness"):
        harness.NoSuchHarness  # noqa: B018


def test_the_package_loads_a_group_only_when_it_is_used() -> None:
    loaded = "import sys, rayos_model.harness; print([name for name in ('numpy', 'pandas') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout == "[]\n"


WORKLOADS = [ClientWorkload.of("rendering", count=2)]
BUILT: dict[str, Harness[Result]] = {
    "soak": SoakTestHarness(WORKLOADS, 5),
    "stress": StressTestHarness(WORKLOADS, LoadGenerator(cpu_threads=1), 5),
    "failure": FailureInjector(WORKLOADS, [FailureScenario.of("client_crash", at_s=2)], 10),
}


@pytest.mark.parametrize("kind", BUILT)
def test_a_harness_is_named_after_its_group_unless_it_is_given_a_name(kind: str) -> None:
    scenario = BUILT[kind].scenario
    assert (scenario.kind, scenario.name, scenario.client_count, scenario.seed) == (kind, kind, 2, 1)
    assert type(BUILT[kind]).for_scenario(scenario).scenario is scenario


def test_what_only_one_group_takes_reaches_its_scenario() -> None:
    assert BUILT["stress"].scenario.load.cpu_threads == 1
    assert BUILT["failure"].scenario.faults[0].kind == "client_crash"
    named = FailureInjector(WORKLOADS, [], 5, name="mine", seed=7, machine={"memory_mb": 64})
    assert (named.scenario.name, named.scenario.seed, named.scenario.machine.memory_mb) == ("mine", 7, 64)


def test_parts_that_make_no_scenario_are_refused() -> None:
    with pytest.raises(BadInput, match="duration_s"):
        StressTestHarness(WORKLOADS, LoadGenerator(), -1)
    with pytest.raises(BadInput, match='expected kind = "performance"'):
        PerformanceProfiler(small_scenario())


def test_a_failed_run_is_explained_by_its_diagnostics(tmp_path: Path) -> None:
    system = RecordedSystem(small_trace(leak_pages=1))
    result = SoakTestHarness.for_scenario(small_scenario()).run(system, tmp_path / "run")
    assert not result.passed
    assert result.diagnostics == ("memory.leak: required == 0 kb, measured 4 kb",)
    assert result.metrics is result.run.metrics
    assert list(result.diagnostics) == failed_criteria(result.run)


def test_an_integration_result_has_every_kind_of_problem(tmp_path: Path) -> None:
    run = execute(RecordedSystem(small_trace()), small_scenario(), tmp_path / "run")
    result = IntegrationResult.of(run)
    assert result.passed is (not result.diagnostics)
    assert not parse(run.markers()).malformed


def test_a_system_under_test_is_the_model_or_the_kernel() -> None:
    assert SystemUnderTest.named("model").system.name == "model"
    with pytest.raises(BadInput, match="expected model or kernel"):
        SystemUnderTest.named("toaster")


def test_the_scenario_of_the_specification_is_a_failure_by_name() -> None:
    assert harness.Scenario is FailureScenario
