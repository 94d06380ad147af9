"""What the five harnesses share: a scenario to run on any system, and a result judged from the run.

A harness holds one scenario. `run` executes it on a system and returns a `Result` with one line for each failure. A
test group adds what only it has: the clients of a soak, the load of a stress test, the faults of a failure test.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from rayos_model.contract.metric_units import METRIC_UNITS
from rayos_model.harness.workload import ClientWorkload
from rayos_model.metrics.metrics import Metrics
from rayos_model.run.run import Run
from rayos_model.run.system import ProgressFn, System, execute
from rayos_model.scenario.scenario import Scenario, from_dict
from rayos_model.scenario.tables import KindName
from rayos_model.verdict.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Result:
    """A judged run: whether it passed, and one line of `diagnostics` for each thing that is wrong."""

    run: Run
    passed: bool
    diagnostics: tuple[str, ...]

    @classmethod
    @abstractmethod
    def of(cls, run: Run) -> Self:
        """Judges a finished run."""

    @property
    def metrics(self) -> Metrics:
        """The metrics of the run."""
        return self.run.metrics


ResultT_co = TypeVar("ResultT_co", bound=Result, covariant=True)


class Harness(Generic[ResultT_co]):
    """A scenario of one test group, and the way to run and judge it.

    The constructor builds the scenario from its parts; `for_scenario` takes an existing one.
    """

    kind: ClassVar[KindName]
    """The test group."""

    result: ClassVar[type[Result]]
    """The class of its results."""

    scenario: Scenario

    def __init__(
        self,
        workloads: Iterable[ClientWorkload],
        duration_s: float,
        *,
        name: str | None = None,
        seed: int = 1,
        criteria: Mapping[str, str] | None = None,
        **tables: Any,
    ) -> None:
        """`name` defaults to the test group. `criteria` maps a metric to its limit, such as `">= 60"`. `tables` are
        further top-level tables of a scenario file: `machine`, `display`, `limits`. Raises `BadInput` when the parts
        make no valid scenario.
        """
        name = self.kind if name is None else name
        self.scenario = from_dict(
            {
                "name": name,
                "kind": self.kind,
                "duration_s": duration_s,
                "seed": seed,
                "clients": [workload.to_group() for workload in workloads],
                "criteria": dict(criteria or {}),
                **tables,
            },
            source=name,
        )

    @classmethod
    def for_scenario(cls, scenario: Scenario) -> Self:
        """A harness for an existing scenario."""
        harness = cls.__new__(cls)
        harness.scenario = scenario
        return harness

    def run(self, system: System, out: str | Path | None = None, progress: ProgressFn | None = None) -> ResultT_co:
        """Runs the scenario on a system and judges the run.

        The run is kept in `out` (default: a new folder below `runs/`). Raises `BadInput` when `out` exists,
        `PlatformFailure` when the platform fails, `StorageFailure` when the run cannot be written.
        """
        return self.result.of(execute(system, self.scenario, out, progress))  # type: ignore[return-value]


def failed_criteria(run: Run) -> list[str]:
    """One line for each verdict that failed: the metric, its limit and its value, or the name of a check or rule."""
    return [_describe(verdict) for verdict in run.verdicts if not verdict.ok]


def _describe(verdict: Verdict) -> str:
    line = f"{verdict.metric}: required {verdict.required}"
    if verdict.metric not in METRIC_UNITS:
        return line
    if verdict.measured is None:
        return f"{line}, not measured"
    return f"{line}, measured {verdict.measured:g} {verdict.unit}".rstrip()
