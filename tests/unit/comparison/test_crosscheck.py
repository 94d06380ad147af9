"""Model against kernel: the comparison is arithmetic that can fail, and the calibrated model passes it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from rayos_model.analysis.degradation import CurvePoint, DegradationAnalyzer, Estimate
from rayos_model.calibration import load_calibration, load_recorded
from rayos_model.comparison.agreement import (
    MetricCheck,
    compare,
    compare_curves,
    compare_repeated,
    interval_of_one_more,
    pair_events,
)
from rayos_model.comparison.crosscheck import RUNS, crosscheck
from rayos_model.comparison.tolerances import TOLERANCES
from rayos_model.contract.abi import TraceKind
from rayos_model.contract.metric_units import METRIC_UNITS, OPERATIONS
from rayos_model.contract.trace_record import Records
from rayos_model.costs.parameters import Parameters
from rayos_model.metrics.metrics import Metrics, Value
from rayos_model.model import ModelSystem
from rayos_model.run.system import ProgressFn
from rayos_model.run.writer import RunWriter
from rayos_model.scenario import files
from rayos_model.scenario.scenario import Scenario, from_dict
from rayos_model.trace.parquet import record
from tests.support.paths import ROOT
from tests.support.small import RecordedSystem, small_scenario, small_trace

MIXED = "validation/mixed-4"


def metrics(**values: float) -> Metrics:
    """Metrics by name, with `__` for the dot."""
    named = {name.replace("__", "."): value for name, value in values.items()}
    return Metrics({name: Value(value, METRIC_UNITS[name]) for name, value in named.items()})


def check(measured: float, predicted: float, name: str = "commit_to_present__p99") -> MetricCheck:
    (one,) = compare(metrics(**{name: measured}), metrics(**{name: predicted}))
    return one


def test_one_more_run_lies_in_its_interval_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(1)
    draws = np.exp(rng.normal(3.0, 0.4, size=(4000, 6)))
    inside = [low <= row[5] <= high for row in draws for _, low, high in [interval_of_one_more(row[:5])]]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)


class SeedSystem(RecordedSystem):
    """Notes with which seeds it was run."""

    def __init__(self, name: str = "kernel") -> None:
        super().__init__(small_trace(), name)
        self.seeds: list[int] = []

    def run(self, scenario: Scenario, writer: RunWriter, progress: ProgressFn) -> None:
        self.seeds.append(scenario.seed)
        super().run(scenario, writer, progress)


def test_repeated_runs_have_seeds_of_their_own() -> None:
    kernel, what = SeedSystem(), small_scenario()
    model = SeedSystem("model")
    result = crosscheck([what], model, kernel, "icount", repeat=3)
    assert kernel.seeds == model.seeds == [what.seed, what.seed + 1, what.seed + 2]
    assert any("3 runs" in notice for notice in result.scenarios[0].notices)


@pytest.mark.parametrize(("vcpus", "platform", "runs"), [(1, "icount", 1), (2, "icount", RUNS), (1, "tcg", RUNS)])
def test_where_one_run_is_as_good_as_another_several_are_compared(vcpus: int, platform: str, runs: int) -> None:
    what = from_dict({**small_scenario().model_dump(exclude_unset=True), "machine": {"vcpus": vcpus}})
    kernel = SeedSystem()
    crosscheck([what], SeedSystem("model"), kernel, platform)
    assert len(kernel.seeds) == runs


def test_repeated_runs_judge_a_prediction_by_their_spread() -> None:
    name = "commit_to_present__p99"
    runs = [metrics(**{name: value}) for value in (90.0, 100.0, 110.0, 120.0)]
    (near,) = compare_repeated(runs, [metrics(**{name: value}) for value in (110.0, 150.0)])
    (far,) = compare_repeated(runs, [metrics(**{name: 170.0})])
    assert near.ok and not far.ok
    assert near.measured == 105 and near.predicted == 130 and near.low is not None and near.high is not None
    assert near.low < 90 and 130 < near.high < 170
    with pytest.raises(ValueError, match="3 runs"):
        compare_repeated(runs[:2], [metrics(**{name: 100.0})])


def curve(*latencies_us: float, busiest: float = 100.0) -> DegradationAnalyzer:
    """Levels from 0 to 1 with these latencies, p50 and p99 alike."""
    levels = np.linspace(0, 1, len(latencies_us))
    first = Estimate(latencies_us[0], latencies_us[0], latencies_us[0])
    points = []
    for level, latency in zip(levels.tolist(), latencies_us, strict=True):
        value = Estimate(latency, latency, latency)
        ratio = value.over(first)
        points.append(CurvePoint(level, 1000, busiest * level, value, value, ratio, ratio))
    return DegradationAnalyzer(tuple(points), 2.0)


def test_a_curve_is_compared_level_by_level_and_by_its_knee() -> None:
    measured = curve(100, 100, 100, 150, 200)
    same = {check.name: check for check in compare_curves([measured], [measured])}
    assert len(same) == 2 * 5 + 1 and all(check.ok and check.error == 0 for check in same.values())
    assert same["curve.knee"].measured == 50
    assert same["curve.p99@1"].tolerance == 0.10 and same["curve.p99@0.75"].tolerance == 0.05
    off = {
        check.name: check for check in compare_curves([measured, measured], [curve(100, 107, 100, 150, 214), measured])
    }
    assert off["curve.p50@0.25"].ok and off["curve.p50@0.25"].error == pytest.approx(0.035)  # the mean of two runs
    late = {check.name: check for check in compare_curves([measured], [curve(100, 100, 100, 100, 107)])}
    assert not late["curve.p99@0.75"].ok and late["curve.knee"].ok and late["curve.knee"].predicted == 75
    flat = {check.name: check for check in compare_curves([measured], [curve(100, 100, 100, 100, 100)])}
    assert not flat["curve.knee"].ok  # rises nowhere: as if beyond the last level
    runs = [curve(100, 100), curve(110, 120), curve(90, 85)]
    for noisy in (False, True):
        apart = {check.name: check for check in compare_curves(runs, [curve(100, 115)], noisy=noisy)}
        assert apart["curve.p50@1"].ok is noisy  # 13 % off, and within what the runs differ by
    idle = {check.name: check for check in compare_curves([curve(1, 1, busiest=90)], [curve(1, 1.08)])}
    assert not idle["curve.p99@1"].ok  # not saturated: 5 %


@dataclass(frozen=True)
class Recording:
    """A kernel run as `crosscheck` sees it."""

    metrics: Metrics
    provenance: Mapping[str, Any] = field(default_factory=dict)


def latencies(client: int, *latencies_ns: int, kind: TraceKind = TraceKind.M_BUFFER_COMMIT) -> Records:
    return np.concatenate([record(n, kind, subject=client, arg=arg) for n, arg in enumerate(latencies_ns)])


# ---- arithmetic ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("predicted", "ok"), [(950, True), (1050, True), (949, False), (1051, False)])
def test_a_time_may_be_off_by_its_share_of_the_measured_value(predicted: float, ok: bool) -> None:
    one = check(1000, predicted)
    assert one.ok is ok
    assert one.error == pytest.approx(predicted / 1000 - 1)
    assert (one.measured, one.predicted, one.unit) == (1000, predicted, METRIC_UNITS["commit_to_present.p99"])


@pytest.mark.parametrize(("predicted", "ok"), [(8, True), (12, True), (7.9, False), (12.1, False)])
def test_a_percentage_may_be_off_by_points(predicted: float, ok: bool) -> None:
    one = check(10, predicted, "cpu__mean")
    assert one.ok is ok
    assert one.error == pytest.approx(predicted - 10)


def test_a_frame_rate_is_relative_and_tight() -> None:
    assert check(60, 59.5, "frame_rate__mean").ok
    assert not check(60, 59, "frame_rate__mean").ok


def test_nothing_measured_is_zero_error_only_when_nothing_was_predicted() -> None:
    assert check(0, 0).ok
    assert not check(0, 1).ok


def test_what_the_model_cannot_predict_fails() -> None:
    (one,) = compare(metrics(buffer_commit__p50=5), metrics())
    assert not one.ok
    assert np.isnan(one.predicted)


def test_what_the_kernel_did_not_measure_fails() -> None:
    (one,) = compare(metrics(), metrics(buffer_commit__p50=5))
    assert not one.ok
    assert np.isnan(one.measured)


def test_a_metric_without_tolerance_is_not_compared() -> None:
    assert compare(metrics(composition__mean=5), metrics(composition__mean=50)) == (), "no tolerance, no verdict"


def test_the_worst_comes_first_as_a_share_of_its_tolerance() -> None:
    measured = metrics(commit_to_present__p50=100, cpu__mean=10, frame_rate__mean=60, memory__peak=1000)
    predicted = metrics(commit_to_present__p50=104, cpu__mean=19, frame_rate__mean=60, memory__peak=1060)
    names = [one.name for one in compare(measured, predicted)]
    assert names == ["cpu.mean", "memory.peak", "commit_to_present.p50", "frame_rate.mean"]


DISK_METRICS = {name for name in TOLERANCES if name.startswith(("disk_request.", "throughput.disk", "cache."))}
"""Compared only where the scenario has a disk."""


def test_every_tolerance_gives_its_reason_and_is_of_a_known_metric() -> None:
    for name, tolerance in TOLERANCES.items():
        assert name in METRIC_UNITS
        assert tolerance.size > 0
        assert tolerance.reason


def test_the_manual_states_each_tolerance_and_its_reason() -> None:
    manual = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    for tolerance in TOLERANCES.values():
        size = f"{100 * tolerance.size:g} %" if tolerance.relative else f"{tolerance.size:g} points"
        assert f"| {size} | {tolerance.reason} |" in manual


def test_events_are_paired_by_client_and_number() -> None:
    # Client 1's events come interleaved with client 0's, and the kernel has one more than the model.
    measured = np.concatenate([latencies(0, 1000), latencies(1, 100, 200, 300), latencies(0, 2000)])
    predicted = np.concatenate([latencies(1, 100, 220), latencies(0, 1040, 2000)])
    (pair,) = pair_events(measured, predicted)
    assert pair.operation == "buffer_commit"
    assert (pair.measured_count, pair.predicted_count, pair.pairs) == (5, 4, 4)
    assert pair.within_5_percent == 0.75  # 4 %, 0, 0 and 10 %
    assert pair.median_error == pytest.approx(0.02)


def test_operations_are_paired_each_with_its_own() -> None:
    measured = np.concatenate([latencies(0, 100), latencies(0, 7, kind=TraceKind.M_EVENT_DELIVERY)])
    assert [pair.operation for pair in pair_events(measured, measured)] == ["buffer_commit", "event_delivery"]
    assert pair_events(measured, latencies(1, 100)) == ()


# ---- whole comparisons ---------------------------------------------------------------------------


def test_two_equal_runs_agree_in_everything() -> None:
    result = crosscheck([small_scenario()], RecordedSystem(small_trace()), RecordedSystem(small_trace()), "icount")
    assert result.ok
    (one,) = result.scenarios
    assert all(metric.error == 0 for metric in one.metrics)
    assert {metric.name for metric in one.metrics} >= {"commit_to_present.p99", "frame_rate.mean", "memory.peak"}
    assert [pair.within_5_percent for pair in one.paired] == [1.0]
    assert one.notices == ()


def test_one_scenario_that_disagrees_fails_the_whole() -> None:
    slower = RecordedSystem(small_trace(latency_ns=6_000_000), "kernel")
    result = crosscheck([small_scenario()], RecordedSystem(small_trace()), slower, "icount")
    assert not result.ok
    assert {metric.name for metric in result.scenarios[0].metrics if not metric.ok} == {
        f"commit_to_present.{quantile}" for quantile in ("p50", "p95", "p99", "p999")
    }


def test_progress_names_scenario_and_system() -> None:
    shown: list[str] = []

    def progress(label: str) -> Any:
        shown.append(label)
        return lambda _: None

    model, kernel = RecordedSystem(small_trace()), RecordedSystem(small_trace(), "kernel")
    crosscheck([small_scenario()], model, kernel, "icount", progress=progress)
    assert shown == ["small on model", "small on kernel"]


def test_another_kernel_than_the_calibrated_one_is_noticed_in_one_line() -> None:
    def recording(kernel: str) -> Recording:
        return Recording(metrics(frame_rate__mean=60), {"kernel_sha256": kernel})

    def notices(calibrated: str | None, kernel: str) -> tuple[str, ...]:
        model = RecordedSystem(small_trace())
        result = crosscheck([small_scenario()], model, lambda _: recording(kernel), "icount", calibrated)
        return result.scenarios[0].notices

    assert notices("a" * 64, "a" * 64) == notices(None, "a" * 64) == ()
    (notice,) = notices("a" * 64, "b" * 64)
    assert notice.startswith("STALE CALIBRATION")
    assert "a" * 12 in notice and "b" * 12 in notice and "rayos calibrate" in notice
    assert "\n" not in notice


# ---- the calibrated model against the kernel -----------------------------------------------------


def rayos_crosscheck(*arguments: str) -> tuple[int, dict[str, Any], str]:
    """The command in a process of its own: status, document, standard error."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "rayos_model", "crosscheck", *arguments, "--json", "--history", folder]
        done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def check_form(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The document has the form that CI jobs rely on; its only scenario."""
    assert set(document) >= {"ok", "platform", "scenarios"}
    assert document["platform"] == "icount"
    (one,) = document["scenarios"]
    assert set(one) >= {"scenario", "ok", "metrics", "paired", "notices"}
    assert one["scenario"] == name
    for metric in one["metrics"]:
        assert set(metric) == {"name", "unit", "measured", "predicted", "error", "tolerance", "ok"}
        assert metric["unit"] == METRIC_UNITS[metric["name"]]
        assert metric["tolerance"] == TOLERANCES[metric["name"]].size
    # Nothing in it is configured a second time.
    expected = {name for name in TOLERANCES if not name.startswith(("configure.", "recovery."))}
    assert {metric["name"] for metric in one["metrics"]} == expected - DISK_METRICS
    assert document["ok"] == one["ok"] == all(metric["ok"] for metric in one["metrics"])
    return dict(one)


def failed(one: Mapping[str, Any], besides: str = "") -> list[str]:
    """The metrics that disagree, but for those of the operation `besides`."""
    wrong = (m for m in one["metrics"] if not m["ok"] and m["name"].partition(".")[0] != besides)
    return [f"{m['name']}: measured {m['measured']}, predicted {m['predicted']}" for m in wrong]


def test_the_model_predicts_the_kernel_within_tolerance() -> None:
    status, document, _ = rayos_crosscheck(MIXED, "--duration", "10")
    one = check_form(document, "mixed-4")
    assert failed(one, besides="client_creation") == []
    assert status == (0 if document["ok"] else 1)
    assert [pair["operation"] for pair in one["paired"]] == [
        one for one in OPERATIONS if one not in ("disk_request", "presentation_jitter", "configure")
    ]
    for pair in one["paired"]:
        # Both systems draw the same random numbers: they tell the same story, not one with equal averages.
        assert pair["pairs"] >= 0.99 * max(pair["measured_count"], pair["predicted_count"])


def test_a_recorded_kernel_run_is_compared_without_qemu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYOS_QEMU", "/nowhere/qemu")
    status, document, _ = rayos_crosscheck(MIXED, "--recorded")
    one = check_form(document, "mixed-4")
    assert failed(one, besides="client_creation") == []
    assert status == (0 if document["ok"] else 1)
    assert one["paired"] == []  # a recording keeps no trace


def test_the_slowest_client_creation_is_predicted() -> None:
    _, document, _ = rayos_crosscheck(MIXED, "--recorded")
    assert failed(document["scenarios"][0]) == []


def test_all_means_every_shipped_validation_scenario() -> None:
    _, document, _ = rayos_crosscheck("--all", "--recorded")
    assert [one["scenario"] for one in document["scenarios"]] == files.shipped("validation")


def test_naming_no_scenario_is_bad_input() -> None:
    command = [sys.executable, "-m", "rayos_model", "crosscheck"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "--all" in done.stderr


def test_a_scenario_without_a_recording_is_bad_input() -> None:
    command = [sys.executable, "-m", "rayos_model", "crosscheck", "demo", "--recorded"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "no recorded icount run of 'demo'" in done.stderr


def slower_commits(parameters: Parameters, factor: float) -> Parameters:
    """A model in which the compositor takes `factor` as long to receive a batch and go through its requests."""
    segments = {
        pair: segment.model_copy(
            update={
                "fixed_ns": segment.fixed_ns * factor,
                "per_size_ns": {name: rate * factor for name, rate in segment.per_size_ns.items()},
            }
        )
        if pair.partition(">")[2] == "take" or ">request." in pair
        else segment
        for pair, segment in parameters.segments.items()
    }
    return parameters.model_copy(update={"segments": segments})


def test_a_model_whose_commits_cost_a_fifth_more_fails_in_that_metric() -> None:
    def failures(parameters: Parameters) -> set[str]:
        def recorded(one: Scenario) -> Recording:
            kept = load_recorded(one, "icount")
            return Recording(kept.metrics, kept.provenance)

        result = crosscheck([files.load(MIXED)], ModelSystem(parameters), recorded, "icount")
        return {metric.name for metric in result.scenarios[0].metrics if not metric.ok}

    parameters = load_calibration()
    assert "buffer_commit.p50" not in failures(parameters)
    assert "buffer_commit.p50" in failures(slower_commits(parameters, 1.2))
    assert "frame_rate.mean" not in failures(slower_commits(parameters, 1.2)), "vblanks do not care"
