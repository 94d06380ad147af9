"""Comparison of two runs of one scenario on one system: significant changes of metrics beyond their noise floors.

A metric has *regressed* if it is worse than the baseline's by more than its noise floor and the change is significant.
The null hypothesis is "worse by no more than the floor", tested against a baseline shifted by the floor; the false
discovery rate over all metrics is 5 % (Benjamini and Hochberg, 1995). Must not know which system made the runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, isnan, nan
from typing import Any, Final, Literal

import numpy as np
from scipy import stats

from rayos_model.analysis.hot_paths import has_points
from rayos_model.comparison.attribution import OperationChange, attribute
from rayos_model.comparison.blocks import Latencies, Percentages, Rates, Stream, block_count, block_of, count_table
from rayos_model.contract.abi import TraceKind
from rayos_model.contract.metric_units import METRIC_UNITS, QUANTILE_OF
from rayos_model.contract.trace_record import Records
from rayos_model.errors import BadInput
from rayos_model.metrics.metrics import OPERATION_KIND
from rayos_model.run.run import Run
from rayos_model.trace.pairing import pair
from rayos_model.trace.parquet import select

Verdict = Literal["regressed", "improved", "same", "not judged"]

FALSE_DISCOVERY_RATE: Final = 0.05
_MIN_ABOVE: Final = 5
"""Fewest samples above a quantile that is judged; with fewer it depends on single events."""


@dataclass(frozen=True, slots=True)
class Floor:
    """Noise floor: the size that a change must exceed, relative to the baseline, or in percentage points of frames."""

    size: float
    reason: str


_EXACT = Floor(0.01, "instructions are counted, so any change is real; less than 1 % is irrelevant")
_POINT = Floor(0.5, "half a point is one frame in 200")
_MEDIAN = Floor(0.5, "medians of equal runs on a busy host of two cores differed by up to 56 %")
_PACE = Floor(0.2, "rates of equal runs on a busy host of two cores differed by up to 15 %")
_PAGES = Floor(0.01, "pages are counted; less than 1 % is irrelevant")
_NONE = Floor(0.0, "must not grow at all")

_COUNTED: Final = (
    *("memory.peak", "memory.leak"),
    *("clients.refused", "clients.killed", "crashes", "hangs", "protocol_errors"),
)
_MORE_IS_BETTER: Final = ("frame_rate", "throughput")


def floor_of(metric: str, deterministic: bool) -> Floor | None:
    """The noise floor of a metric on a deterministic system, or on one that runs against the wall clock.

    None if the host's noise prevents any judgement.
    """
    if metric in _COUNTED:
        return _PAGES if metric == "memory.peak" else _NONE
    if deterministic:
        return _POINT if metric == "dropped_frames.percent" else _EXACT
    if metric.endswith(".p50"):
        return _MEDIAN
    return _PACE if metric == "frame_rate.mean" or metric.startswith("throughput.") else None


@dataclass(frozen=True, slots=True)
class Change:
    """One metric in both runs."""

    name: str
    unit: str
    baseline: float
    """Value in the baseline's metrics, known to a histogram's bin."""
    current: float
    """Value in the current run's metrics, likewise."""
    change: float
    """Relative to the baseline, or in percentage points of frames; computed from the samples."""
    low: float | None
    """Lower end of the 95 % interval of the change; None for a metric that is counted, not sampled."""
    high: float | None
    """Upper end of that interval."""
    p: float | None
    """p of a change within the floor, adjusted for the number of metrics; None for a counted metric."""
    floor: float | None
    """Noise floor; None if the metric is not judged."""
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Effect:
    """Effect size of the change of an operation's latency distribution."""

    operation: str
    baseline_count: int
    current_count: int
    paired: int
    """Number of events common to both runs."""
    cliffs_delta: float
    """Share of pairs of samples in which the current one is longer, minus the share in which it is shorter.

    Cliff, 1993; computed from the Mann–Whitney U.
    """
    shift_us: float
    """Hodges–Lehmann estimate of the shift, over blocks."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Comparison:
    """All metrics, regressions first, and the operations that explain the change if both runs have points."""

    scenario: str
    system: str
    platform: str
    changes: tuple[Change, ...]
    effects: tuple[Effect, ...]
    operations: tuple[OperationChange, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no metric regressed."""
        return not any(change.verdict == "regressed" for change in self.changes)

    def to_dict(self) -> dict[str, Any]:
        """The document of `rayos compare --json`."""
        return {
            "ok": self.ok,
            "scenario": self.scenario,
            "system": self.system,
            "platform": self.platform,
            "false_discovery_rate": FALSE_DISCOVERY_RATE,
            "metrics": [change.to_dict() for change in self.changes],
            "effects": [effect.to_dict() for effect in self.effects],
            "operations": [operation.to_dict() for operation in self.operations],
        }


def compare_runs(baseline: Run, current: Run) -> Comparison:
    """Compare two runs. A metric that only the baseline has counts as regressed.

    Raises `BadInput` unless scenario, system and platform are equal.
    """
    _require_comparable(baseline, current)
    deterministic = current.system == "model" or current.platform == "icount"
    streams, effects = _streams(baseline, current)
    floors = {name: floor_of(name, deterministic) for name in (*streams, *_COUNTED)}
    judged = {name: stream for name, stream in streams.items() if floors[name] is not None}
    p = [stream.p_beyond(floor.size) for name, stream in judged.items() if (floor := floors[name])]
    adjusted = dict(zip(judged, map(float, stats.false_discovery_control(p) if p else ()), strict=True))
    changes = [
        _change(name, baseline.metrics[name], current.metrics[name], floor, streams.get(name), adjusted.get(name))
        for name, floor in floors.items()
        if name in baseline.metrics.values and name in current.metrics.values
    ]
    lost = baseline.metrics.values.keys() - current.metrics.values
    changes += [_lost(name, baseline.metrics[name]) for name in METRIC_UNITS if name in lost]
    return Comparison(
        current.scenario.name,
        current.system,
        current.platform,
        tuple(sorted(changes, key=_urgency)),
        effects,
        attribute(baseline, current) if has_points(baseline) and has_points(current) else (),
    )


def _require_comparable(baseline: Run, current: Run) -> None:
    for what in ("system", "platform"):
        one, other = getattr(baseline, what), getattr(current, what)
        if one != other:
            raise BadInput(f"{baseline.path} and {current.path} are not comparable: {what} {one} and {other}")
    if baseline.scenario != current.scenario:
        raise BadInput(
            f"{baseline.path} and {current.path} are not comparable: "
            "the scenarios differ; name, duration, seed and all other keys must be equal"
        )


def _urgency(change: Change) -> tuple[int, float]:
    size = inf if isnan(change.change) else abs(change.change)
    return ("regressed", "improved", "same", "not judged").index(change.verdict), -size


def _change(
    name: str, before: float, after: float, floor: Floor | None, stream: Stream | None, p: float | None
) -> Change:
    low, high = stream.interval() if stream else (None, None)
    change = stream.change() if stream else _counted_change(before, after)
    verdict: Verdict = "not judged" if floor is None else "same"
    if (
        floor is not None
        and abs(change) > floor.size
        and (stream is None or (p is not None and p <= FALSE_DISCOVERY_RATE))
    ):
        better = (change > 0) == name.startswith(_MORE_IS_BETTER)
        verdict = "improved" if better else "regressed"
    size = None if floor is None else floor.size
    return Change(name, METRIC_UNITS[name], before, after, change, low, high, p, size, verdict)


def _lost(name: str, before: float) -> Change:
    """A metric that the current run does not have any more: nothing was measured."""
    return Change(name, METRIC_UNITS[name], before, nan, nan, None, None, None, None, "regressed")


def _counted_change(before: float, after: float) -> float:
    if before:
        return after / before - 1
    return inf if after else 0.0


def _streams(baseline: Run, current: Run) -> tuple[dict[str, Stream], tuple[Effect, ...]]:
    """Every sampled metric in blocks of both runs, and the effect size of each operation."""
    scenario = current.scenario
    window = (scenario.warmup_ns, scenario.duration_ns)
    kinds = (*OPERATION_KIND.values(), TraceKind.M_FLIP, TraceKind.M_DROPPED)
    traces = [run.trace(*kinds) for run in (baseline, current)]
    streams: dict[str, Stream] = {}
    effects = []
    for operation, kind in OPERATION_KIND.items():
        since = 0 if operation == "client_creation" else scenario.warmup_ns
        samples = _Samples.of([select(trace, kind) for trace in traces], (since, scenario.duration_ns))
        if samples.smaller >= 2 * _MIN_ABOVE:
            streams |= {f"{operation}.{name}": stream for name, stream in samples.statistics()}
            effects.append(samples.effect(operation))
    tables = [_flips(trace, window) for trace in traces]
    streams["frame_rate.mean"] = Rates(*(table[:, [0, 2]] for table in tables))
    streams["dropped_frames.percent"] = Percentages(*(table[:, [1, 3]] for table in tables))
    for name, operation in (("commits", "buffer_commit"), ("events", "event_delivery")):
        if isinstance(latencies := streams.get(f"{operation}.mean"), Latencies):
            streams[f"throughput.{name}"] = Rates(*map(_per_block, (latencies.baseline, latencies.current)))
    busy = [_busy(run) for run in (baseline, current)]
    if busy[0].shape == busy[1].shape and len(busy[0]) > 1:
        streams["cpu.mean"] = Rates(*busy)
    return streams, tuple(effects)


@dataclass(frozen=True)
class _Samples:
    """One operation's latencies in both runs, ns, with their blocks; paired events are in the same block."""

    values: tuple[np.ndarray, np.ndarray]
    blocks: tuple[np.ndarray, np.ndarray]
    rows: int
    paired: int

    @classmethod
    def of(cls, records: Sequence[Records], window: tuple[int, int]) -> _Samples:
        first, second = records
        blocks = block_of(first["time_ns"], window), block_of(second["time_ns"], window)
        at_first, at_second = pair(first, second)
        both = (blocks[0][at_first] >= 0) & (blocks[1][at_second] >= 0)
        blocks[1][at_second[both]] = blocks[0][at_first[both]]
        values = first["arg"].astype(np.float64), second["arg"].astype(np.float64)
        return cls(values, blocks, block_count(window), int(np.count_nonzero(both)))

    @property
    def smaller(self) -> int:
        """Number of samples of the run with fewer."""
        return min(int(np.count_nonzero(block >= 0)) for block in self.blocks)

    def statistics(self) -> Iterator[tuple[str, Latencies]]:
        mean = Latencies.of(self.values, self.blocks, self.rows)
        yield "mean", mean
        for name, p in QUANTILE_OF.items():
            if self.smaller * (1 - p) >= _MIN_ABOVE:
                yield name, mean.quantile(p)

    def effect(self, operation: str) -> Effect:
        first, second = (value[block >= 0] for value, block in zip(self.values, self.blocks, strict=True))
        u = float(stats.mannwhitneyu(second, first, method="asymptotic").statistic)
        delta = 2 * u / (len(first) * len(second)) - 1
        shift_us = Latencies.of(self.values, self.blocks, self.rows).shift() / 1000
        return Effect(operation, len(first), len(second), self.paired, delta, shift_us)


def _flips(trace: Records, window: tuple[int, int]) -> np.ndarray:
    """One row per block. Columns: flips, drops, seconds, sum of flips and drops."""
    rows = block_count(window)
    both = select(trace, TraceKind.M_FLIP, TraceKind.M_DROPPED)
    dropped = (both["kind"] == TraceKind.M_DROPPED).astype(np.int64)
    table = count_table(block_of(both["time_ns"], window), dropped, rows, 2)
    seconds = np.full(rows, (window[1] - window[0]) / 1e9 / rows)
    return np.column_stack([table, seconds, table.sum(axis=1)])


def _per_block(counts: np.ndarray) -> np.ndarray:
    return np.column_stack([counts.sum(axis=1), np.ones(len(counts))])


def _busy(run: Run) -> np.ndarray:
    """CPU utilisation, %, of each whole second after warm-up with a snapshot; second column: 1."""
    cpu = np.array(run.metrics.seconds["cpu_percent"], np.float64)
    index = np.arange(len(cpu))
    whole = (index * 1e9 >= run.scenario.warmup_ns) & ((index + 1) * 1e9 <= run.scenario.duration_ns)
    chosen = cpu[whole & ~np.isnan(cpu)]
    return np.column_stack([chosen, np.ones(len(chosen))])
