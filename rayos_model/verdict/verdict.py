"""Verdicts on a run: every criterion with measured value and limit, and the checks of its marker log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from rayos_model.contract.markers import Log
from rayos_model.metrics.metrics import Metrics
from rayos_model.scenario.criteria import Criterion, parse_criterion
from rayos_model.scenario.scenario import Scenario

if TYPE_CHECKING:
    from rayos_model.metrics.metrics import Metrics
    from rayos_model.scenario.scenario import Scenario


SOAK_DEFAULTS: Final = {"clients.refused": "== 0", "crashes": "== 0", "hangs": "== 0", "memory.leak": "== 0 kb"}
"""What every soak, stress test and integration scenario must fulfil besides its own criteria."""

FAILURE_DEFAULTS: Final = {
    "clients.refused": "== 0",
    "faults.undetected": "== 0",
    "faults.unrecovered": "== 0",
    "recovery.time.max": "< 5 s",
    "cascades": "== 0",
    "memory.leak": "== 0 kb",
}
"""Criteria of every failure test, in addition to its scenario's."""

_DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = {
    "soak": SOAK_DEFAULTS,
    "stress": SOAK_DEFAULTS,
    "integration": SOAK_DEFAULTS,
    "failure": FAILURE_DEFAULTS,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A criterion with the measured value. `measured` is None where the run has no measurement; then `ok` is False."""

    metric: str
    measured: float | None
    required: str
    unit: str
    ok: bool

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form."""
        return asdict(self)


def evaluate(scenario: Scenario, metrics: Metrics) -> list[Verdict]:
    """Judge a run's metrics: one verdict per criterion, defaults of the scenario's kind first."""
    verdicts = []
    for metric, criterion in criteria_of(scenario).items():
        found = metrics.values.get(metric)
        measured = None if found is None else found.value
        ok = measured is not None and criterion.holds(measured)
        verdicts.append(Verdict(metric, measured, criterion.text, criterion.unit, ok))
    return verdicts


def integration_verdicts(log: Log) -> list[Verdict]:
    """A verdict for each check an integration scenario's log tells, and one for how it says it ended."""
    checks = log.named("RAYOS_INTEGRATION:VERIFY")
    verdicts = [Verdict(f"verify.{one['check']}", None, "pass", "", one["result"] == "pass") for one in checks]
    complete = log.named("RAYOS_INTEGRATION:SCENARIO_COMPLETE")
    passed = len(complete) == 1 and complete[0]["result"] == "pass"
    return [*verdicts, Verdict("scenario_complete", None, "pass", "", passed)]


def criteria_of(scenario: Scenario) -> dict[str, Criterion]:
    """The scenario's criteria, and the defaults of its kind for other metrics."""
    defaults = dict(_DEFAULTS.get(scenario.kind, {}))
    if not scenario.faults:
        defaults.pop("recovery.time.max", None)  # there is nothing to recover from
    own = dict(scenario.criteria)
    return {metric: parse_criterion(metric, text) for metric, text in {**defaults, **own}.items()}
