"""Agreement of model and kernel: verdicts per metric, comparison of paired events, results per scenario."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isnan, nan
from typing import Any, Final, Protocol

import numpy as np

from rayos_model.analysis.degradation import CurvePoint, DegradationAnalyzer
from rayos_model.comparison.tolerances import PLANNING, TAIL, TOLERANCES, Tolerance
from rayos_model.contract.trace_record import Records
from rayos_model.metrics.metrics import OPERATION_KIND, Metrics
from rayos_model.trace.pairing import pair
from rayos_model.trace.parquet import select

SATURATED_PERCENT: Final = 99.0
"""CPU utilisation from which on a level of load saturates the machine, %."""


@dataclass(frozen=True, slots=True)
class MetricCheck:
    """One metric on both systems."""

    name: str
    unit: str
    measured: float
    predicted: float
    error: float
    """Predicted minus measured: relative to the measured value, or in percentage points."""
    tolerance: float
    """Largest error, in the unit of `error`."""
    ok: bool
    """Whether the error is within the tolerance, or the prediction within `low` and `high`."""
    low: float | None = None
    """Lower end of the 95 % interval of a measured quantile (order statistics).

    Where the measured distribution has a step at that rank, its quantile may lie anywhere in the step, so a prediction
    inside the interval is correct.
    """
    high: float | None = None
    """Upper end of that interval."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form, without the interval."""
        return {name: getattr(self, name) for name in self.__slots__ if name not in ("low", "high")}


@dataclass(frozen=True, slots=True)
class PairedCheck:
    """Comparison event by event: the n-th event of each client on both systems. Informative, without a verdict."""

    operation: str
    measured_count: int
    predicted_count: int
    pairs: int
    median_error: float
    within_5_percent: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class ScenarioCheck:
    """The comparison of one scenario."""

    scenario: str
    metrics: tuple[MetricCheck, ...]
    paired: tuple[PairedCheck, ...]
    notices: tuple[str, ...]
    duration_s: float
    kernel_sha256: str

    @property
    def ok(self) -> bool:
        """Whether there is any metric, and each is within its tolerance."""
        return bool(self.metrics) and all(metric.ok for metric in self.metrics)

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form."""
        return {
            "scenario": self.scenario,
            "ok": self.ok,
            "metrics": [metric.to_dict() for metric in self.metrics],
            "paired": [pair.to_dict() for pair in self.paired],
            "notices": list(self.notices),
            "duration_s": self.duration_s,
            "kernel_sha256": self.kernel_sha256,
        }


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """The comparisons of several scenarios on one platform."""

    platform: str
    scenarios: tuple[ScenarioCheck, ...] = field(default_factory=tuple)

    @property
    def ok(self) -> bool:
        """Whether there is any scenario, and each passed."""
        return bool(self.scenarios) and all(scenario.ok for scenario in self.scenarios)

    def to_dict(self) -> dict[str, Any]:
        """The document of `rayos crosscheck --json`."""
        return {
            "ok": self.ok,
            "platform": self.platform,
            "scenarios": [check.to_dict() for check in self.scenarios],
        }


class Measured(Protocol):
    """A kernel run, live or recorded."""

    @property
    def metrics(self) -> Metrics: ...

    @property
    def provenance(self) -> Mapping[str, Any]: ...


def compare(measured: Metrics, predicted: Metrics) -> tuple[MetricCheck, ...]:
    """Every metric of `TOLERANCES` that one of both runs has; largest error relative to its tolerance first.

    A metric that only one of them has does not agree.
    """
    checks = []
    for name, tolerance in TOLERANCES.items():
        value, guess = measured.values.get(name), predicted.values.get(name)
        if value is not None:
            known = nan if guess is None else guess.value
            checks.append(_check(name, value.unit, value.value, known, tolerance, value.low, value.high))
        elif guess is not None:
            checks.append(_check(name, guess.unit, nan, guess.value, tolerance, None, None))
    return _worst_first(checks)


def compare_repeated(measured: Sequence[Metrics], predicted: Sequence[Metrics]) -> tuple[MetricCheck, ...]:
    """The metrics of `TOLERANCES` as means over repeated runs of both systems, worst first.

    A prediction also agrees within `low` and `high`, the 95 % prediction interval of one more run of the kernel
    (Student's t of logarithms, because latencies are skewed). p999 is left out: it depends on a few chance events.
    Raises `ValueError` for fewer than three runs of the kernel.
    """
    if len(measured) < 3:
        raise ValueError(f"expected at least 3 runs, got {len(measured)}")
    checks = []
    for name, tolerance in TOLERANCES.items():
        values, guesses = (
            [one.values[name].value for one in runs if name in one.values] for runs in (measured, predicted)
        )
        if len(values) < len(measured) or name.endswith(".p999"):
            continue
        mean, low, high = interval_of_one_more(values)
        guess = float(np.mean(guesses)) if guesses else nan
        checks.append(_check(name, measured[0].values[name].unit, mean, guess, tolerance, low, high))
    return _worst_first(checks)


def compare_curves(
    measured: Sequence[DegradationAnalyzer], predicted: Sequence[DegradationAnalyzer], *, noisy: bool = False
) -> tuple[MetricCheck, ...]:
    """Degradation curves as means over runs: commit-to-present at each level, and the knee to within one level.

    On a `noisy` platform a prediction also agrees within the 95 % prediction interval of one more run of the kernel.
    """
    steps = zip(*(curve.points for curve in measured), strict=True), zip(*(c.points for c in predicted), strict=True)
    checks = []
    for of_kernel, of_model in zip(*steps, strict=True):
        saturated = np.mean([point.cpu_percent for point in of_kernel]) >= SATURATED_PERCENT
        tolerance = TAIL if saturated else PLANNING
        for quantile in ("p50", "p99"):
            values, guesses = (_at(points, quantile) for points in (of_kernel, of_model))
            value, guess = float(np.mean(values)), float(np.mean(guesses))
            low, high = interval_of_one_more(values)[1:] if noisy else (None, None)
            name = f"curve.{quantile}@{of_kernel[0].level:g}"
            checks.append(_check(name, "us", value, guess, tolerance, low, high))
    knee, guess = (100 * float(np.mean([_knee(curve) for curve in curves])) for curves in (measured, predicted))
    levels = np.array([point.level for point in measured[0].points])
    step = 100 * float(np.max(np.diff(levels))) if len(levels) > 1 else 0.0
    checks.append(MetricCheck("curve.knee", "%", knee, guess, guess - knee, step, abs(guess - knee) <= step))
    return _worst_first(checks)


def _check(
    name: str, unit: str, value: float, guess: float, tolerance: Tolerance, low: float | None, high: float | None
) -> MetricCheck:
    """Compare a prediction with its tolerance, or with the interval of the measured value if there is one."""
    error = _error(value, guess, tolerance.relative)
    inside = low is not None and high is not None and low <= guess <= high
    ok = bool(inside or abs(error) <= tolerance.size)
    return MetricCheck(name, unit, value, guess, error, tolerance.size, ok, low, high)


def _at(points: Sequence[CurvePoint], quantile: str) -> list[float]:
    return [(point.p50_us if quantile == "p50" else point.p99_us).value for point in points]


def _knee(curve: DegradationAnalyzer) -> float:
    """The level of the knee; the last level if latency never rises."""
    return curve.points[-1].level if curve.knee is None else curve.knee


def _error(measured: float, predicted: float, relative: bool) -> float:
    if measured == predicted:
        return 0.0
    error = predicted - measured
    return (error / measured if measured else inf) if relative else error


def _worst_first(checks: Iterable[MetricCheck]) -> tuple[MetricCheck, ...]:
    """Failed checks first, then by error relative to the tolerance, descending."""

    def rank(check: MetricCheck) -> tuple[bool, float]:
        size = abs(check.error) / (check.tolerance or 1.0)
        return check.ok, -inf if isnan(size) else -size

    return tuple(sorted(checks, key=rank))


def interval_of_one_more(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and 95 % prediction interval of one more value, lognormal (normal if a value is not positive)."""
    from scipy.stats import t

    positive = min(values) > 0
    x = np.log(values) if positive else np.asarray(values, np.float64)
    reach = t.ppf(0.975, len(x) - 1) * np.std(x, ddof=1) * np.sqrt(1 + 1 / len(x))
    bounds = np.array([x.mean() - reach, x.mean() + reach])
    low, high = np.exp(bounds) if positive else bounds
    return float(np.mean(values)), float(low), float(high)


def pair_events(measured: Records, predicted: Records) -> tuple[PairedCheck, ...]:
    """Compare the n-th events of each client, per operation, where both systems have one."""
    result = []
    for operation, kind in OPERATION_KIND.items():
        left, right = select(measured, kind), select(predicted, kind)
        at_left, at_right = pair(left, right)
        one, other = left["arg"][at_left].astype(np.float64), right["arg"][at_right].astype(np.float64)
        error = np.abs(other / np.maximum(one, 1) - 1)
        if len(error):
            share = float(np.mean(error <= 0.05))
            result.append(PairedCheck(operation, len(left), len(right), len(error), float(np.median(error)), share))
    return tuple(result)
