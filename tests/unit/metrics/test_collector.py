"""Metrics mean what DESIGN.md says they mean, in whatever chunks the trace arrives."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rayos_model.contract.abi import TraceKind
from rayos_model.contract.metric_units import METRIC_UNITS
from rayos_model.contract.trace_record import TRACE_DTYPE, Records
from rayos_model.metrics.collector import MetricsCollector
from rayos_model.metrics.metrics import METRICS_FORM, Metrics
from rayos_model.scenario.tables import NS
from rayos_model.trace.parquet import record
from rayos_model.verdict.verdict import evaluate
from tests.support.small import small_scenario, small_trace


def collect(records: Records, **changes: object) -> Metrics:
    collector = MetricsCollector(small_scenario(**changes))
    collector.feed(records)
    return collector.result()


def test_a_healthy_run_measures_as_it_was_made() -> None:
    metrics = collect(small_trace())
    assert metrics["commit_to_present.p99"] == pytest.approx(5000, rel=0.004)
    assert metrics["commit_to_present.max"] == metrics["commit_to_present.mean"] == 5000
    assert metrics["commit_to_present.count"] == 240
    assert [metrics[f"frame_rate.{stat}"] for stat in ("mean", "min", "max")] == [60, 60, 60]
    assert metrics["dropped_frames.percent"] == 0
    assert metrics["cpu.mean"] == metrics["cpu.max"] == pytest.approx(25)
    assert metrics["memory.baseline"] == 4000
    assert metrics["memory.peak"] == 4800
    assert metrics["memory.leak"] == 0
    assert metrics["memory.final"] == 4000
    assert metrics["memory.growth"] == pytest.approx(0, abs=1e-6)
    assert metrics["fragmentation.max"] == pytest.approx(25)
    assert "composition.p99" not in metrics.values
    assert metrics.seconds["time_s"] == [1, 2, 3, 4, 5]
    assert metrics.seconds["fps"] == [60] * 5
    assert metrics.seconds["p99_us"] == [5000] * 5


def test_warm_up_and_what_follows_the_duration_do_not_count() -> None:
    early = record(NS - 1, TraceKind.M_COMPOSITION, arg=7_000_000)
    inside = record(NS, TraceKind.M_COMPOSITION, arg=1_000_000)
    late = record(5 * NS, TraceKind.M_COMPOSITION, arg=9_000_000)
    metrics = collect(np.concatenate([early, inside, late]))
    assert (metrics["composition.count"], metrics["composition.max"]) == (1, 1000)


def test_clients_created_during_warm_up_count() -> None:
    records = [record(at, TraceKind.M_CLIENT_CREATION, arg=2_000_000) for at in (10, 2 * NS, 6 * NS)]
    metrics = collect(np.concatenate(records))
    assert (metrics["client_creation.count"], metrics["throughput.clients"]) == (2, 2 / 5)


def test_failures_count_whenever_they_happen() -> None:
    kinds = (TraceKind.M_CRASH, TraceKind.M_HANG, TraceKind.M_PROTOCOL_ERROR)
    metrics = collect(np.concatenate([record(at, kind) for kind in kinds for at in (5, 9 * NS)]))
    assert [metrics[name] for name in ("crashes", "hangs", "protocol_errors")] == [2, 2, 2]


def test_dropped_frames_are_a_share_of_the_vblanks_that_had_work() -> None:
    flips = [record(2 * NS + i, TraceKind.M_FLIP) for i in range(57)]
    drops = [record(3 * NS + i, TraceKind.M_DROPPED) for i in range(3)]
    metrics = collect(np.concatenate(flips + drops))
    assert metrics["dropped_frames.percent"] == pytest.approx(5)
    assert metrics["frame_rate.min"] == 0
    assert metrics.seconds["dropped"] == [0, 0, 0, 3, 0]


def test_a_leak_and_growth_are_measured_in_kilobytes() -> None:
    pages = [record((second + 1) * NS, TraceKind.M_PAGES, arg=1000 + 10 * second) for second in range(5)]
    metrics = collect(np.concatenate([*pages, record(6 * NS, TraceKind.M_LEAK, arg=3, subject=100)]))
    assert metrics["memory.leak"] == 12
    assert metrics["memory.growth"] == pytest.approx(40 * 3600)
    assert metrics["memory.peak"] == 1040 * 4


def test_heap_that_is_not_returned_is_a_leak_even_without_a_page() -> None:
    assert collect(record(6 * NS, TraceKind.M_LEAK, subject=512))["memory.leak"] == 0.5


@given(st.lists(st.integers(1, 600), max_size=30), st.integers(0, 2**32))
@settings(deadline=None, max_examples=25)
def test_chunks_do_not_matter(cuts: list[int], seed: int) -> None:
    records = small_trace().copy()
    latencies = records["kind"] == TraceKind.M_COMMIT_TO_PRESENT
    records["arg"][latencies] = np.random.default_rng(seed).integers(10**5, 10**8, latencies.sum())
    collector = MetricsCollector(small_scenario())
    for chunk in np.split(records, sorted(cuts)):
        collector.feed(chunk)
    assert collector.result().to_dict() == collect(records).to_dict()


def test_an_empty_trace_measures_nothing_and_passes_nothing() -> None:
    scenario = small_scenario()
    metrics = collect(np.zeros(0, dtype=TRACE_DTYPE))
    verdicts = {verdict.metric: verdict for verdict in evaluate(scenario, metrics)}
    assert not verdicts["memory.leak"].ok
    assert verdicts["memory.leak"].measured is None


def test_metrics_survive_json() -> None:
    metrics = collect(small_trace())
    assert Metrics.of(METRICS_FORM.validate_json(json.dumps(metrics.to_dict()))).to_dict() == metrics.to_dict()
    assert set(metrics.values) <= set(METRIC_UNITS)


def test_intervals_enclose_their_quantiles() -> None:
    for value in collect(small_trace()).values.values():
        if value.low is not None and value.high is not None:
            assert value.low <= value.value <= value.high


def test_verdicts_follow_the_criteria() -> None:
    criteria = {"commit_to_present.p99": "< 6 ms", "frame_rate.min": ">= 61", "crashes": "<= 2"}
    verdicts = evaluate(small_scenario(criteria=criteria), collect(small_trace(leak_pages=1)))
    outcome = {verdict.metric: verdict.ok for verdict in verdicts}
    assert outcome == {
        "clients.refused": True,
        "clients.killed": True,
        "crashes": True,
        "hangs": True,
        "protocol_errors": True,
        "memory.leak": False,
        "commit_to_present.p99": True,
        "frame_rate.min": False,
    }
    assert {verdict.metric: verdict.required for verdict in verdicts}["crashes"] == "<= 2"


@pytest.mark.parametrize("kind", ["soak", "stress", "performance", "integration"])
def test_every_kind_without_faults_fails_by_a_leak_whatever_its_own_criteria(kind: str) -> None:
    verdicts = evaluate(small_scenario(kind=kind), collect(small_trace(leak_pages=1)))
    assert [verdict.metric for verdict in verdicts if not verdict.ok] == ["memory.leak"]
