"""The history of cross-checks: nothing is lost to another writer, and one damaged file costs itself only."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from rayos_model.comparison import history
from rayos_model.comparison.agreement import CrossCheck, MetricCheck, ScenarioCheck
from rayos_model.errors import BadInput, StorageFailure
from rayos_model.report import plots
from tests.support.command import Rayos


def check(error: float = 0.01, kernel: str = "a" * 64, scenario: str = "mixed-4") -> CrossCheck:
    latency = MetricCheck("commit_to_present.p99", "us", 1000.0, 1000 * (1 + error), error, 0.05, abs(error) <= 0.05)
    load = MetricCheck("cpu.mean", "%", 10.0, 10.5, 0.5, 2.0, True)
    return CrossCheck("icount", (ScenarioCheck(scenario, (latency, load), (), (), 10.0, kernel),))


def append_many(folder: Path) -> None:
    for _ in range(10):
        history.append(check(), folder)


def test_what_is_appended_is_read_back_in_order(tmp_path: Path) -> None:
    for error in (0.01, 0.02, -0.06):
        history.append(check(error), tmp_path / "deep" / "history")
    results, damaged = history.load(tmp_path / "deep" / "history")
    assert damaged == []
    errors = results[results["metric"] == "commit_to_present.p99"]["error"]
    assert errors.tolist() == [0.01, 0.02, -0.06]
    assert results["time"].is_monotonic_increasing
    assert set(results["kernel_sha256"]) == {"a" * 64}
    assert len(pd.read_parquet(tmp_path / "deep" / "history")) == len(results), "any Parquet reader can"


def test_a_trend_shows_drift_and_failures_nearest_to_tolerance_first(tmp_path: Path) -> None:
    history.append(check(0.01), tmp_path)
    history.append(check(0.06, kernel="b" * 64), tmp_path)
    history.append(check(0.04, kernel="b" * 64), tmp_path)
    trend = history.trends(history.load(tmp_path)[0])
    assert trend["metric"].tolist() == ["commit_to_present.p99", "cpu.mean"]
    first = trend.iloc[0]
    assert (first["checks"], first["failures"], first["kernels"]) == (3, 1, 2)
    assert (first["first"], first["last"], first["worst"]) == (0.01, 0.04, 0.06)
    assert first["drift"] == pytest.approx(0.03)


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(append_many, [tmp_path] * 4))
    assert len(history.load(tmp_path)[0]) == 4 * 10 * 2


def test_many_files_are_merged_and_nothing_is_lost_or_counted_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MANY_FILES", 5)
    damaged = tmp_path / "00-damaged.parquet"
    damaged.write_bytes(b"PAR1")
    errors = [0.001 * number for number in range(23)]
    for error in errors:
        history.append(check(error), tmp_path)
    assert len(list(tmp_path.glob("*.parquet"))) <= 6
    results, bad = history.load(tmp_path)
    assert sorted(set(results["error"].round(9)) - {0.5}) == [round(error, 9) for error in errors]
    assert bad == [damaged]
    (merged,) = tmp_path.glob("*-merged.parquet")
    shutil.copy(merged, tmp_path / "again.parquet")  # as if the machine had stopped before the old files were removed
    assert len(history.load(tmp_path)[0]) == len(results)


def test_a_truncated_file_costs_itself_only(tmp_path: Path) -> None:
    history.append(check(0.01), tmp_path)
    cut = history.append(check(0.02), tmp_path)
    os.truncate(cut, cut.stat().st_size // 2)
    empty = history.append(check(0.03), tmp_path)
    os.truncate(empty, 0)
    results, damaged = history.load(tmp_path)
    assert damaged == [cut, empty]
    assert results["error"].tolist() == [0.01, 0.5]
    history.append(check(0.04), tmp_path)
    assert len(history.load(tmp_path)[0]) == 4


def test_a_history_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailure, match="cannot write the result"):
        history.append(check(), tmp_path / "file")


def test_the_command_shows_a_table_a_plot_and_json(rayos: Rayos, tmp_path: Path) -> None:
    status, out, err = rayos("history")
    assert (status, out, err.count("\n")) == (2, "", 1)
    for error in (0.01, 0.02):
        history.append(check(error), tmp_path / "runs" / "history.parquet")
    damaged = history.append(check(), tmp_path / "runs" / "history.parquet")
    os.truncate(damaged, 10)
    status, out, err = rayos("history", "--plot", "trend.png")
    assert status == 0
    assert "2.0%" in out and "cpu.mean" in out
    assert err == f"rayos: runs/history.parquet/{damaged.name}: damaged, ignored\n"
    assert Path("trend.png").read_bytes().startswith(b"\x89PNG")
    status, out, _ = rayos("history", "--metric", "cpu.mean", "--json")
    (trend,) = json.loads(out)["trends"]
    assert (status, trend["metric"], trend["last"]) == (0, "cpu.mean", 0.5)
    for wrong in (("--metric", "frobs"), ("--plot", "trend.xyz")):
        assert rayos("history", *wrong)[0] == 2


def test_the_plot_draws_the_series_nearest_to_their_tolerance(tmp_path: Path) -> None:
    for number in range(9):
        history.append(check(0.01 * number, scenario=f"s{number}"), tmp_path)
    figure = plots.history(history.load(tmp_path)[0])
    labels = [line.get_label() for line in figure.axes[0].get_lines()]
    assert "s8 commit_to_present.p99" in labels
    assert "s0 commit_to_present.p99" not in labels


def test_an_unknown_metric_is_refused(tmp_path: Path) -> None:
    history.append(check(), tmp_path)
    with pytest.raises(BadInput, match=r"commit_to_present\.p99"):
        history.chosen(history.load(tmp_path)[0], ["nothing"])
