"""Pass criteria of a scenario: metric, operator, value, unit. Must not know how a run is judged (`verdict/`)."""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rayos_model.contract.metric_units import METRIC_UNITS, accepted_units

_OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_CRITERION = re.compile(r"\s*(<=|>=|==|<|>)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([^\s\d]*)\s*\Z")


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion. `value` is in `unit`, the metric's stored unit; `text` is as written in the scenario."""

    metric: str
    op: str
    value: float
    unit: str
    text: str

    def holds(self, measured: float) -> bool:
        """Whether a measured value, in `unit`, satisfies the criterion."""
        return _OPERATORS[self.op](measured, self.value)


def parse_criterion(metric: str, text: str) -> Criterion:
    """Parse `"op value unit"` for a metric. Raises `ValueError` with a one-line text for a wrong name, form or unit."""
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
    if not math.isfinite(float(number)):
        raise ValueError(f"{metric}: expected a finite number, got {text!r}")
    return Criterion(metric, op, float(number) * scales[given.lower()], unit, text.strip())
