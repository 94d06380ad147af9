"""Verdicts on a run: every criterion with measured value and limit, and the checks of its marker log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final

from pydantic import ConfigDict, TypeAdapter

from rayos_model.contract.strict import STRICT
from rayos_model.metrics.metrics import Metrics
from rayos_model.scenario.criteria import Criterion, parse_criterion
from rayos_model.scenario.scenario import Scenario
from rayos_model.verdict.marker_log import LogJudge

SOAK_DEFAULTS: Final = {
    "clients.refused": "== 0",
    "clients.killed": "== 0",
    "crashes": "== 0",
    "hangs": "== 0",
    "protocol_errors": "== 0",
    "memory.leak": "== 0 kb",
}
"""Criteria of every run without injected faults, in addition to its scenario's."""

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
    "performance": SOAK_DEFAULTS,
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

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form."""
        return asdict(self)


VERDICTS_FORM: Final = TypeAdapter(list[Verdict])


def evaluate(scenario: Scenario, metrics: Metrics) -> list[Verdict]:
    """Judge a run's metrics: one verdict per criterion, defaults of the scenario's kind first."""
    verdicts = []
    for metric, criterion in criteria_of(scenario).items():
        found = metrics.values.get(metric)
        measured = None if found is None else found.value
        ok = measured is not None and criterion.holds(measured)
        verdicts.append(Verdict(metric, measured, criterion.text, criterion.unit, ok))
    return verdicts


_ENDED_BY: Final = {"stress": "RAYOS_STRESS", "integration": "RAYOS_INTEGRATION"}
"""Kind of scenario → family whose COMPLETE marker its run must print, if that is not RAYOS_SOAK."""


def log_verdicts(log: LogJudge, kind: str | None) -> list[Verdict]:
    """Verdicts on the marker log of a run of this kind: its order, its checks, and the result it reports.

    `kind` is None for a foreign system, which may report the result of any family.
    """
    ended = None if kind is None else _ENDED_BY.get(kind, "RAYOS_SOAK")
    wrong = sum(not problem.failing for problem in log.problems)
    return [
        Verdict("markers.problems", wrong, "== 0", "", wrong == 0),
        *(Verdict(f"verify.{check}", None, "pass", "", ok) for check, ok in log.checks.items()),
        Verdict("complete", None, "pass", "", log.complete and (ended is None or ended in log.outcomes)),
    ]


def criteria_of(scenario: Scenario) -> dict[str, Criterion]:
    """The scenario's criteria, and the defaults of its kind for other metrics."""
    defaults = dict(_DEFAULTS.get(scenario.kind, {}))
    if not scenario.faults:
        defaults.pop("recovery.time.max", None)  # there is nothing to recover from
    own = dict(scenario.criteria)
    return {metric: parse_criterion(metric, text) for metric, text in {**defaults, **own}.items()}
