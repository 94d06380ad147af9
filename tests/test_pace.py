"""The pace of a host: told by runs of one calibration scenario, and what predictions are made for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rayos_model import scenario
from rayos_model.calibration import load_calibration
from rayos_model.calibration.calibrate import calibration_scenarios
from rayos_model.calibration.pace import Host, median_costs, pace, pace_around, pace_scenario
from rayos_model.crosscheck import crosscheck
from rayos_model.model import ModelSystem
from rayos_model.systems import ProgressFn, System, execute
from tests.conftest import RecordedSystem, small_scenario, small_trace


def table(**medians: float) -> pd.DataFrame:
    """Sixty segments of each pair around a median, and three that something interrupted."""
    spread = np.linspace(0.5, 1.5, 60)
    rows = [pd.DataFrame({"pair": pair, "cpu_ns": ns * spread, "irqs": 0.0}) for pair, ns in medians.items()]
    rows += [pd.DataFrame({"pair": pair, "cpu_ns": [ns * 1e6] * 3, "irqs": 1.0}) for pair, ns in medians.items()]
    return pd.concat(rows, ignore_index=True)


def test_the_pace_is_the_median_over_the_pairs_seen_often() -> None:
    then = median_costs([table(a=100, b=1000, c=50), table(a=100, b=1000)])
    assert then == pytest.approx({"a": 100, "b": 1000, "c": 50})
    assert pace(table(a=120, b=1200, c=90), then) == pytest.approx(1.2)
    assert pace(table(a=120, d=7), then) == pytest.approx(1.2)
    with pytest.raises(ValueError, match="pace"):
        pace(table(d=7), then)
    with pytest.raises(ValueError, match="pace"):
        pace(table(a=1), {})


def test_around_a_run_the_pace_is_a_mean_of_those_before_and_after() -> None:
    paces = [1.0, 2.0, 4.0, 8.0, 16.0]
    assert [pace_around(paces, at) for at in (0, 1, 3, 4)] == pytest.approx([2.0, 8**0.5, 8.0, 128**0.5])


def test_the_pace_is_told_by_a_calibration_scenario() -> None:
    told = pace_scenario()
    assert told.name in {one.name for one in calibration_scenarios()} and told.duration_s < 5


def test_at_another_pace_everything_takes_as_much_longer(tmp_path: Path) -> None:
    """One client alone: what it waits for is the processor's time, or the display, which keeps its own."""
    parameters = load_calibration("icount")
    what = scenario.load_shipped("rendering-1-small").with_overrides(duration_s=3)
    runs = [execute(ModelSystem(parameters.at_pace(by)), what, tmp_path / str(by)) for by in (1.0, 1.5)]
    before, after = (run.metrics.values for run in runs)
    for name in ("composition.p50", "event_delivery.p50", "client_creation.p50"):
        assert after[name].value == pytest.approx(1.5 * before[name].value, rel=0.02)


class Slow(RecordedSystem):
    """A kernel whose runs note that they were made."""

    def __init__(self, log: list[str], name: str) -> None:
        super().__init__(small_trace(), name)
        self.log = log

    def run(self, *arguments: object) -> None:
        self.log.append(self.name)
        super().run(*arguments)  # type: ignore[arg-type]


def test_a_crosscheck_tells_the_pace_between_the_kernels_runs_and_predicts_for_it() -> None:
    log: list[str] = []

    class Told(Host):
        def pace(self, progress: Callable[[str], ProgressFn] | None = None) -> float:
            log.append("pace")
            return (0.9, 1.1, 1.2, 1.0)[log.count("pace") - 1]

        def model(self, pace: float) -> System:
            log.append(f"model at {pace:.2f}")
            return Slow(log, "model")

    host = Told(Slow(log, "kernel"), load_calibration("icount"), ModelSystem)
    result = crosscheck([small_scenario()], Slow(log, "unused"), Slow(log, "kernel"), "tcg", repeat=3, host=host)
    assert log[:7] == ["pace", "kernel", "pace", "kernel", "pace", "kernel", "pace"]
    assert log[7:] == ["model at 1.04", "model"] * 3
    assert any("1.04 times" in notice and "0.90 to 1.20" in notice for notice in result.scenarios[0].notices)
