"""Model against kernel: the same scenario on both, metric by metric and event by event.

The prediction is made from calibrated parameters before the kernel's run is looked at; nothing is fitted here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from rayos_model.abi import Records
from rayos_model.calibration.pace import Host
from rayos_model.metrics import OPERATION_KIND, Metrics
from rayos_model.pairing import pair
from rayos_model.run import Run
from rayos_model.scenario import Scenario
from rayos_model.stress import CurvePoint, DegradationAnalyzer
from rayos_model.systems import ProgressFn, System, execute
from rayos_model.trace import select
from rayos_model.units import OPERATIONS, QUANTILE_OF


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a prediction may be off: a share of the measured value, or points for percentages."""

    size: float
    relative: bool
    reason: str


_PLANNING = Tolerance(0.05, True, "a planner's decision does not change within 5 %")
_TAIL = Tolerance(0.10, True, "a thousandth of the samples: few, so that one rank more or less is several per cent")
_RATE = Tolerance(0.01, True, "fps are counted, not sampled: 1 % is less than one frame in a second")
_POINTS = Tolerance(2.0, False, "shares of frames or of CPU time are read in whole points")
_RECOVERY = Tolerance(0.10, True, "far below the five seconds within which any failure must be recovered from")

TOLERANCES: Final[Mapping[str, Tolerance]] = {
    **{
        f"{operation}.{quantile}": _TAIL if quantile == "p999" else _PLANNING
        for operation in OPERATIONS
        if operation != "presentation_jitter"  # multiples of the refresh but for nanoseconds: a ratio says nothing
        for quantile in QUANTILE_OF
    },
    "frame_rate.mean": _RATE,
    "dropped_frames.percent": _POINTS,
    "cpu.mean": _POINTS,
    "memory.peak": _PLANNING,
    **{f"recovery.time.{statistic}": _RECOVERY for statistic in ("mean", "p50", "p99", "max")},
    **{f"disk_request.{quantile}": _PLANNING for quantile in ("p50", "p95", "p99")},
    "throughput.disk": _PLANNING,
    "cache.hit_ratio": _POINTS,
}
"""The metrics compared, in the order shown, and why each tolerance has its size."""


RUNS: Final = 5
"""Of each system, where one run is as good as another: on several processors, and where a platform has noise."""

DETERMINISTIC: Final = "icount"
"""The platform without noise."""

SATURATED_PERCENT: Final = 99.0
"""CPU of a level of load from which on it saturates the machine."""


@dataclass(frozen=True, slots=True)
class MetricCheck:
    """One metric on both systems. `error` is relative to the measured value, or in points for percentages.

    `low` and `high` are the 95 % interval of a measured quantile (order statistics). Where the measured distribution
    has a step at that rank, values far apart are equally good readings of it; a prediction between them is no error.
    """

    name: str
    unit: str
    measured: float
    predicted: float
    error: float
    tolerance: float
    ok: bool
    low: float | None = None
    high: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form: the documented fields, without the interval."""
        return {name: getattr(self, name) for name in self.__slots__ if name not in ("low", "high")}


@dataclass(frozen=True, slots=True)
class PairedCheck:
    """Event by event: the n-th event of each client on both systems. Informative; has no verdict."""

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
    """One scenario's comparison."""

    scenario: str
    metrics: tuple[MetricCheck, ...]
    paired: tuple[PairedCheck, ...]
    notices: tuple[str, ...]
    duration_s: float
    kernel_sha256: str

    @property
    def ok(self) -> bool:
        """Whether every metric is within its tolerance."""
        return all(metric.ok for metric in self.metrics)

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
    """The comparison of several scenarios on one platform."""

    platform: str
    scenarios: tuple[ScenarioCheck, ...] = field(default_factory=tuple)

    @property
    def ok(self) -> bool:
        """Whether every scenario passed."""
        return all(scenario.ok for scenario in self.scenarios)

    def to_dict(self) -> dict[str, Any]:
        """The document of `rayos crosscheck --json`."""
        return {
            "ok": self.ok,
            "platform": self.platform,
            "scenarios": [check.to_dict() for check in self.scenarios],
        }

    def _repr_html_(self) -> str:
        from rayos_model.report.html import crosscheck_summary

        return crosscheck_summary(self.to_dict())


class Measured(Protocol):
    """A kernel run, live or recorded."""

    @property
    def metrics(self) -> Metrics: ...

    @property
    def provenance(self) -> Mapping[str, Any]: ...


def compare(measured: Metrics, predicted: Metrics) -> tuple[MetricCheck, ...]:
    """Every metric of `TOLERANCES` that the kernel measured, worst first (error as a share of its tolerance)."""
    checks = []
    for name, tolerance in TOLERANCES.items():
        if name not in measured.values:
            continue
        value = measured.values[name]
        guess = predicted.values[name].value if name in predicted.values else float("nan")
        checks.append(_check(name, value.unit, value.value, guess, tolerance, value.low, value.high))
    return _worst_first(checks)


def compare_repeated(measured: Sequence[Metrics], predicted: Sequence[Metrics]) -> tuple[MetricCheck, ...]:
    """The metrics of `TOLERANCES` of repeated runs, worst first: the means over both systems' runs.

    A prediction also agrees within `low` and `high`, the 95 % interval in which one more run of the kernel would lie
    (Student's t of logarithms, as latencies are skewed). p999 is left out: the few events it hangs on are met by
    chance. Raises `ValueError` for less than three runs of the kernel.
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
        guess = float(np.mean(guesses)) if guesses else float("nan")
        checks.append(_check(name, measured[0].values[name].unit, mean, guess, tolerance, low, high))
    return _worst_first(checks)


def compare_curves(
    measured: Sequence[DegradationAnalyzer], predicted: Sequence[DegradationAnalyzer], *, noisy: bool = False
) -> tuple[MetricCheck, ...]:
    """The degradation curve, means over runs: commit-to-present at each level, and the knee, within one level.

    `noisy`: the platform has noise, so a prediction also agrees within the 95 % interval of one more run of the kernel.
    """
    steps = zip(*(curve.points for curve in measured), strict=True), zip(*(c.points for c in predicted), strict=True)
    checks = []
    for of_kernel, of_model in zip(*steps, strict=True):
        saturated = np.mean([point.cpu_percent for point in of_kernel]) >= SATURATED_PERCENT
        tolerance = _TAIL if saturated else _PLANNING
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
    """Whether a prediction is within its tolerance, or in the interval of what was measured where there is one."""
    error = _error(value, guess, tolerance.relative)
    inside = low is not None and high is not None and low <= guess <= high
    ok = bool(inside or abs(error) <= tolerance.size)
    return MetricCheck(name, unit, value, guess, error, tolerance.size, ok, low, high)


def _at(points: Sequence[CurvePoint], quantile: str) -> list[float]:
    return [(point.p50_us if quantile == "p50" else point.p99_us).value for point in points]


def _knee(curve: DegradationAnalyzer) -> float:
    """The level of the knee; the last one where latency rises nowhere."""
    return curve.points[-1].level if curve.knee is None else curve.knee


def _error(measured: float, predicted: float, relative: bool) -> float:
    if measured == predicted:
        return 0.0
    error = predicted - measured
    return (error / measured if measured else float("inf")) if relative else error


def _worst_first(checks: Iterable[MetricCheck]) -> tuple[MetricCheck, ...]:
    """By the error as a share of its tolerance, those that fail before all others."""
    return tuple(sorted(checks, key=lambda check: (check.ok, -abs(check.error) / (check.tolerance or 1.0))))


def interval_of_one_more(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, and the 95 % prediction interval, of values taken to be lognormal (normal where one is not positive)."""
    from scipy.stats import t

    positive = min(values) > 0
    x = np.log(values) if positive else np.asarray(values, np.float64)
    reach = t.ppf(0.975, len(x) - 1) * np.std(x, ddof=1) * np.sqrt(1 + 1 / len(x))
    bounds = np.array([x.mean() - reach, x.mean() + reach])
    low, high = np.exp(bounds) if positive else bounds
    return float(np.mean(values)), float(low), float(high)


def pair_events(measured: Records, predicted: Records) -> tuple[PairedCheck, ...]:
    """Compares the n-th event of each client, operation by operation, where both systems have one."""
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


def runs_needed(scenario: Scenario, platform: str) -> int:
    """How many runs of each system a comparison takes where nobody says it.

    On one processor of `icount` a run and its prediction follow each other event by event. On several, which thread
    runs where is decided within nanoseconds, and elsewhere there is noise: there only distributions can be compared.
    """
    return 1 if scenario.machine.vcpus == 1 and platform == DETERMINISTIC else RUNS


def crosscheck(
    scenarios: Iterable[Scenario],
    model: System,
    kernel: System | Callable[[Scenario], Measured],
    platform: str,
    calibrated_kernel: str | None = None,
    progress: Callable[[str], ProgressFn] | None = None,
    repeat: int | None = None,
    host: Host | None = None,
) -> CrossCheck:
    """Runs each scenario on the model, then on the kernel (or takes its recorded run), and compares.

    `kernel` is a system, or a function that gives the recorded run of a scenario. `calibrated_kernel` is the hash of
    the kernel that the model was calibrated on; a run of another is noticed loudly. `repeat` (1, or at least 3;
    default: `runs_needed`) is how often both run, each time with the next seed. `host`, where the kernel runs against
    the wall clock, tells its pace before each of the kernel's runs and after the last; predictions are made for that
    pace, by a model of its own in place of `model`. Raises what running raises.
    """

    def check(scenario: Scenario) -> ScenarioCheck:
        def run(system: System, role: str, number: int = 0, runs: int = 1) -> Run:
            seed = scenario.seed + number
            label = f"{scenario.name} on {role}" + (f" ({number + 1} of {runs})" if runs > 1 else "")
            out = Path(scratch, f"{role}-{seed}")
            return execute(system, scenario.with_overrides(seed=seed), out, progress and progress(label))

        with tempfile.TemporaryDirectory(prefix="rayos-crosscheck-") as scratch:
            if callable(kernel):
                return check_runs(kernel(scenario), run(model, "model"), calibrated_kernel)
            runs = repeat or runs_needed(scenario, platform)
            if host is None:
                predicted = [run(model, "model", number, runs) for number in range(runs)]
                measured = [run(kernel, "kernel", number, runs) for number in range(runs)]
                told: tuple[str, ...] = ()
            else:
                paces, measured = [host.pace(progress)], []
                for number in range(runs):
                    measured.append(run(kernel, "kernel", number, runs))
                    paces.append(host.pace(progress))
                paced = host.model(paces)
                predicted = [run(paced, "model", number, runs) for number in range(runs)]
                told = (_pace_notice(scenario, [pace.general for pace in paces]),)
            if runs == 1:
                result = check_runs(measured[0], predicted[0], calibrated_kernel)
            else:
                result = check_repeated(measured, predicted, calibrated_kernel)
            return replace(result, notices=(*told, *result.notices))

    return CrossCheck(platform, tuple(map(check, scenarios)))


def _pace_notice(scenario: Scenario, paces: Sequence[float]) -> str:
    pace = float(np.exp(np.mean(np.log(paces))))
    return (
        f"{scenario.name}: predicted for a host on which things take {pace:.2f} times as long as when it was "
        f"calibrated ({len(paces)} short runs between those compared: {min(paces):.2f} to {max(paces):.2f})"
    )


def check_runs(measured: Measured, predicted: Run, calibrated_kernel: str | None = None) -> ScenarioCheck:
    """The comparison of two runs of one scenario; event by event where the kernel's run has kept its trace."""
    kinds = tuple(OPERATION_KIND.values())
    curves = _curves([measured], [predicted]) if isinstance(measured, Run) else ()
    return ScenarioCheck(
        predicted.scenario.name,
        (*curves, *compare(measured.metrics, predicted.metrics)),
        pair_events(measured.trace(*kinds), predicted.trace(*kinds)) if isinstance(measured, Run) else (),
        notices(measured.provenance, predicted.provenance, calibrated_kernel),
        predicted.scenario.duration_s,
        str(measured.provenance.get("kernel_sha256", "")),
    )


def check_repeated(
    measured: Sequence[Run], predicted: Sequence[Run], calibrated_kernel: str | None = None
) -> ScenarioCheck:
    """The comparison of several runs of one scenario on both systems."""
    kernel, model = measured[0].provenance, predicted[0].provenance
    spread = compare_repeated([run.metrics for run in measured], [run.metrics for run in predicted])
    return ScenarioCheck(
        predicted[0].scenario.name,
        (*_curves(measured, predicted), *spread),
        (),
        (
            *notices(kernel, model, calibrated_kernel),
            f"means of {len(measured)} runs of each system, each with a seed of its own; a prediction also agrees "
            "within the 95 % interval of one more run of the kernel",
        ),
        predicted[0].scenario.duration_s,
        str(kernel.get("kernel_sha256", "")),
    )


def _curves(measured: Sequence[Run], predicted: Sequence[Run]) -> tuple[MetricCheck, ...]:
    """The comparison of the degradation curves, where the load goes in steps."""
    if len(predicted[0].scenario.load.steps) < 2:
        return ()
    kernel, model = ([DegradationAnalyzer.of(run) for run in runs] for runs in (measured, predicted))
    return compare_curves(kernel, model, noisy=len(measured) > 1 and measured[0].platform != DETERMINISTIC)


def notices(
    measured: Mapping[str, Any], predicted: Mapping[str, Any], calibrated_kernel: str | None
) -> tuple[str, ...]:
    """What a reader of a comparison must know, from the provenance of both runs: a stale calibration above all."""
    found = []
    kernel = measured.get("kernel_sha256")
    if calibrated_kernel and kernel and kernel != calibrated_kernel:
        found.append(
            f"STALE CALIBRATION: fitted on kernel {calibrated_kernel[:12]}, this run is kernel {str(kernel)[:12]}; "
            "run `rayos calibrate`"
        )
    if extrapolation := predicted.get("extrapolation"):
        found.append(f"extrapolation: {extrapolation}")
    unseen = predicted.get("segments_not_calibrated")
    if unseen:
        found.append(f"{len(unseen)} kinds of segments were never seen in calibration and cost their kind's average")
    return tuple(found)
