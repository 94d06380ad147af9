"""Pass criteria: parsed from a scenario, judged against the metrics of a run. Must not know which system made it."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from rayos_model.units import METRIC_UNITS, accepted_units

if TYPE_CHECKING:
    from rayos_model.metrics import Metrics
    from rayos_model.scenario import Scenario

_OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_CRITERION = re.compile(r"\s*(<=|>=|==|<|>)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([^\s\d]*)\s*\Z")

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
"""What every failure test must fulfil besides its own criteria."""

_DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = {
    "soak": SOAK_DEFAULTS,
    "stress": SOAK_DEFAULTS,
    "integration": SOAK_DEFAULTS,
    "failure": FAILURE_DEFAULTS,
}


@dataclass(frozen=True, slots=True)
class Criterion:
    """One requirement; `value` is in the unit the metric is kept in (`unit`), `text` as the scenario wrote it."""

    metric: str
    op: str
    value: float
    unit: str
    text: str

    def holds(self, measured: float) -> bool:
        """Whether a measured value, in `unit`, fulfils this."""
        return _OPERATORS[self.op](measured, self.value)


def parse_criterion(metric: str, text: str) -> Criterion:
    """Parse `"op value unit"` for a metric. Raises `ValueError` with one line when name, form or unit is wrong."""
    if metric not in METRIC_UNITS:
        near = difflib.get_close_matches(metric, METRIC_UNITS, n=1, cutoff=0.5)
        raise ValueError(f"unknown metric {metric!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    unit = METRIC_UNITS[metric]
    scales = accepted_units(unit)
    units = " or ".join(name for name in scales if name) or "no unit"
    match = _CRITERION.match(text)
    if match is None:
        example = f"< 5 {unit}".rstrip()
        raise ValueError(f'{metric}: expected "operator value unit" such as "{example}", got {text!r}')
    op, number, given = match.groups()
    if given.lower() not in scales:
        got = f"unit {given!r}" if given else "no unit"
        raise ValueError(f"{metric}: expected a value in {units}, got {got} in {text!r}")
    return Criterion(metric, op, float(number) * scales[given.lower()], unit, text.strip())


@dataclass(frozen=True, slots=True)
class Verdict:
    """A criterion and what was measured; `measured` is None when the run has no such measurement, which fails it."""

    metric: str
    measured: float | None
    required: str
    unit: str
    ok: bool

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form."""
        return asdict(self)


def criteria_of(scenario: Scenario) -> dict[str, Criterion]:
    """The scenario's criteria, with the defaults of its kind where it has none of its own for that metric."""
    defaults = dict(_DEFAULTS.get(scenario.kind, {}))
    if not scenario.faults:
        defaults.pop("recovery.time.max", None)  # there is nothing to recover from
    own = dict(scenario.criteria)
    return {metric: parse_criterion(metric, text) for metric, text in {**defaults, **own}.items()}


def evaluate(scenario: Scenario, metrics: Metrics) -> list[Verdict]:
    """Judge a run's metrics, one verdict a criterion, in the scenario's order after the defaults of its kind."""
    verdicts = []
    for metric, criterion in criteria_of(scenario).items():
        found = metrics.values.get(metric)
        measured = None if found is None else found.value
        ok = measured is not None and criterion.holds(measured)
        verdicts.append(Verdict(metric, measured, criterion.text, criterion.unit, ok))
    return verdicts
