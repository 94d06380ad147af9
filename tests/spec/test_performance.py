"""The five performance tests of the specification, by name, on the model and on the kernel."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from rayos_model.analysis.contention import contention
from rayos_model.calibration import load_calibration
from rayos_model.contract.markers import parse
from rayos_model.errors import BadInput
from rayos_model.hardware import KernelSystem
from rayos_model.harness.performance import PROFILED, PerformanceProfiler, PerformanceReport, marker_disagreements
from rayos_model.model import ModelSystem
from rayos_model.scenario import files
from rayos_model.verdict.marker_log import judge_lines

DURATION_S: Final = None if os.environ.get("RAYOS_FULL_SOAK") == "1" else 8.0

both_systems = pytest.mark.parametrize("system_name", ["model", "kernel"])
Profiled = Callable[[str, str], PerformanceReport]


@pytest.fixture(scope="module")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> Profiled:
    """Runs a shipped performance scenario on a system, once; checks what each such run must leave."""

    @cache
    def run(name: str, system_name: str) -> PerformanceReport:
        system = ModelSystem(load_calibration()) if system_name == "model" else KernelSystem()
        what = files.load(name).with_overrides(duration_s=DURATION_S)
        report = PerformanceProfiler(what).run(system, tmp_path_factory.mktemp(name) / system_name)
        assert report.passed, [verdict for verdict in report.run.verdicts if not verdict.ok]
        log = parse(report.run.markers())
        assert log.unknown == []
        assert judge_lines(report.run.markers().splitlines()).problems == []
        assert [marker["operation"] for marker in log.named("RAYOS_PERF:PROFILE_START")] == list(PROFILED)
        assert len(log.named("RAYOS_PERF:MEMORY")) == int(what.duration_s)
        assert {marker["operation"] for marker in log.named("RAYOS_PERF:SAMPLE")} == set(report.latency)
        assert marker_disagreements(report.run) == []
        return report

    return run


@both_systems
def test_client_creation_latency(profiled: Profiled, system_name: str) -> None:
    report = profiled("perf-client-creation", system_name)
    assert report.latency["client_creation"].quantile(0.99) < 10e6
    assert report.throughput["clients"] > 5


@both_systems
def test_buffer_commit_latency(profiled: Profiled, system_name: str) -> None:
    report = profiled("perf-buffer-commit", system_name)
    assert report.latency["buffer_commit"].quantile(0.99) < 2e6
    assert report.throughput["commits"] > 700, "twelve clients at 60 Hz"


@both_systems
def test_event_delivery_latency(profiled: Profiled, system_name: str) -> None:
    report = profiled("perf-event-delivery", system_name)
    assert report.latency["event_delivery"].quantile(0.99) < 5e6


@both_systems
def test_input_roundtrip_latency(profiled: Profiled, system_name: str) -> None:
    report = profiled("perf-input-roundtrip", system_name)
    histogram = report.latency["input_round_trip"]
    period_ns = 1e9 / 60
    assert histogram.count > 100
    assert histogram.minimum_ns > 0
    # Waits for the client's present frame, then for the one that shows the reaction: three periods at the worst.
    assert histogram.quantile(0.99) < 3 * period_ns


@both_systems
def test_surface_composition_throughput(profiled: Profiled, system_name: str) -> None:
    report = profiled("perf-composition", system_name)
    assert report.latency["composition"].quantile(0.999) < 1e9 / 60
    assert report.run.metrics["frame_rate.min"] == 60


def test_the_kernel_accounts_its_own_time(profiled: Profiled) -> None:
    report = profiled("perf-composition", "kernel")
    hot = report.hot_paths()
    assert hot.index[0] == "composite", "painting is what such a screen costs"
    assert hot["share_percent"].sum() == pytest.approx(100, abs=0.5)
    assert report.resources["allocations.heap"] > 0
    said = {m["metric"]: m["value"] for m in parse(report.run.markers()).named("RAYOS_PERF:REPORT")}
    assert 0 < float(said["instrumentation.point"]) < 500


def test_contention_is_told_by_lock(profiled: Profiled) -> None:
    table = contention(profiled("perf-composition", "kernel").run)
    assert {"kernel", "heap", "page", "ready threads"} <= set(table.index)
    assert (table["longest_ns"] >= table["mean_ns"]).all()
    held = table.loc["kernel"]
    assert held["times"] > 1000 and held["mean_ns"] < 50_000
    assert not any(name.endswith(" wait") for name in table.index), "one processor never waits for itself"
    assert contention(profiled("perf-composition", "model").run).empty


def test_the_systems_agree_on_frames(profiled: Profiled) -> None:
    for name in ("perf-composition", "perf-buffer-commit"):
        model, kernel = (profiled(name, system) for system in ("model", "kernel"))
        assert model.throughput["frames"] == pytest.approx(kernel.throughput["frames"], rel=0.01)


def test_a_soak_is_no_profile(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="performance"):
        PerformanceProfiler(files.load("demo"))
