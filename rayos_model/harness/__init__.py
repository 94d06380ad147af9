"""The five test groups as one family: soak, stress, failure, performance and integration harnesses.

Each harness runs a scenario on any system, the model or the kernel, and returns a judged result:

    from rayos_model.backends import system
    from rayos_model.harness import ClientWorkload, SoakTestHarness

    result = SoakTestHarness([ClientWorkload.of("rendering", count=4)], duration_s=60).run(system("model"))
    assert result.passed, result.diagnostics

All public classes of the groups are found here, also those that other packages define. They are imported on first
use, so that a program that needs one group does not load the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rayos_model.analysis.clients import VirtualClient
    from rayos_model.analysis.degradation import DegradationAnalyzer, ResourceMonitor
    from rayos_model.harness.failure import FailureInjectionResult, FailureInjector, RecoveryValidator, Scenario
    from rayos_model.harness.integration import IntegrationResult, IntegrationTestSuite, SystemUnderTest
    from rayos_model.harness.performance import PerformanceProfiler, PerformanceReport
    from rayos_model.harness.soak import SoakTestHarness, SoakTestResult
    from rayos_model.harness.stress import LoadGenerator, StressTestHarness, StressTestResult
    from rayos_model.harness.workload import ClientWorkload
    from rayos_model.metrics.collector import MetricsCollector
    from rayos_model.metrics.histogram import LatencyHistogram
    from rayos_model.metrics.resources import ResourceTracker
    from rayos_model.metrics.throughput import ThroughputCounter
    from rayos_model.scenario.builder import ScenarioBuilder

__all__ = [
    "ClientWorkload",
    "DegradationAnalyzer",
    "FailureInjectionResult",
    "FailureInjector",
    "IntegrationResult",
    "IntegrationTestSuite",
    "LatencyHistogram",
    "LoadGenerator",
    "MetricsCollector",
    "PerformanceProfiler",
    "PerformanceReport",
    "RecoveryValidator",
    "ResourceMonitor",
    "ResourceTracker",
    "Scenario",
    "ScenarioBuilder",
    "SoakTestHarness",
    "SoakTestResult",
    "StressTestHarness",
    "StressTestResult",
    "SystemUnderTest",
    "ThroughputCounter",
    "VirtualClient",
]

_MODULES: Final = {
    "analysis.clients": ("VirtualClient",),
    "analysis.degradation": ("DegradationAnalyzer", "ResourceMonitor"),
    "harness.failure": ("FailureInjectionResult", "FailureInjector", "RecoveryValidator", "Scenario"),
    "harness.integration": ("IntegrationResult", "IntegrationTestSuite", "SystemUnderTest"),
    "harness.performance": ("PerformanceProfiler", "PerformanceReport"),
    "harness.soak": ("SoakTestHarness", "SoakTestResult"),
    "harness.stress": ("LoadGenerator", "StressTestHarness", "StressTestResult"),
    "harness.workload": ("ClientWorkload",),
    "metrics.collector": ("MetricsCollector",),
    "metrics.histogram": ("LatencyHistogram",),
    "metrics.resources": ("ResourceTracker",),
    "metrics.throughput": ("ThroughputCounter",),
    "scenario.builder": ("ScenarioBuilder",),
}
"""Module of the package → the public classes it defines."""

_MODULE_OF: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Imports a public class on first use (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"rayos_model.{_MODULE_OF[name]}"), name)
    return found
