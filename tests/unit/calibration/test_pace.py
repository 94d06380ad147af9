"""The pace of a host: told by runs of one calibration scenario, and what predictions are made for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rayos_model.calibration import load_calibration
from rayos_model.calibration.calibrate import calibration_scenarios
from rayos_model.calibration.pace import Host, Pace, mean_pace, median_costs, pace, pace_around, pace_scenario
from rayos_model.comparison.crosscheck import crosscheck
from rayos_model.model import ModelSystem
from rayos_model.run.system import ProgressFn, System, execute
from rayos_model.scenario import files
from tests.support.small import RecordedSystem, small_scenario, small_trace


def table(**medians: float) -> pd.DataFrame:
    """Sixty segments of each pair around a median, and three that something interrupted; c moves pixels."""
    spread = np.linspace(0.5, 1.5, 60)
    rows = [pd.DataFrame({"pair": pair, "cpu_ns": ns * spread, "irqs": 0.0}) for pair, ns in medians.items()]
    rows += [pd.DataFrame({"pair": pair, "cpu_ns": [ns * 1e6] * 3, "irqs": 1.0}) for pair, ns in medians.items()]
    both = pd.concat(rows, ignore_index=True)
    return both.assign(steps=both["pair"].map({"c": 7.0}))


def test_the_pace_is_the_median_over_the_pairs_seen_often() -> None:
    then = median_costs([table(a=100, b=1000, c=50), table(a=100, b=1000)])
    assert then == pytest.approx({"a": 100, "b": 1000, "c": 50})
    told = pace(table(a=120, b=1200, c=90), then)
    assert told.general == pytest.approx(1.2)
    assert told.of_pair == pytest.approx({"c": 1.8}), "what moves pixels has a pace of its own"
    assert told.of(pd.Series(["c", "unseen"])).tolist() == pytest.approx([1.8, 1.2])
    few = pace(table(a=120, d=7), then)
    assert few.general == pytest.approx(1.2) and few.of_pair == {}
    with pytest.raises(ValueError, match="pace"):
        pace(table(d=7), then)
    with pytest.raises(ValueError, match="pace"):
        pace(table(a=1), {})


def test_around_a_run_the_pace_is_a_mean_of_those_before_and_after() -> None:
    paces = [Pace({"a": 3.0 * general} if general < 3 else {}, general) for general in (1.0, 2.0, 4.0, 8.0, 16.0)]
    around = [pace_around(paces, at) for at in (0, 1, 3, 4)]
    assert [one.general for one in around] == pytest.approx([2.0, 8**0.5, 8.0, 128**0.5])
    assert around[0].of_pair == pytest.approx({"a": 3 * 2**0.5}) and around[3].of_pair == {}


def test_the_pace_is_told_by_a_calibration_scenario() -> None:
    told = pace_scenario()
    assert told.name in {one.name for one in calibration_scenarios()} and told.duration_s < 5


def test_at_another_pace_everything_takes_as_much_longer(tmp_path: Path) -> None:
    """One client alone: what it waits for is the processor's time, or the display, which keeps its own."""
    parameters = load_calibration("icount")
    what = files.load_shipped("rendering-1-small").with_overrides(duration_s=3)
    runs = [execute(ModelSystem(parameters.scaled(by)), what, tmp_path / str(by)) for by in (1.0, 1.5)]
    before, after = (run.metrics.values for run in runs)
    for name in ("composition.p50", "event_delivery.p50", "client_creation.p50"):
        assert after[name].value == pytest.approx(1.5 * before[name].value, rel=0.02)
    alone = parameters.scaled(1.0, {"compositor.repaint>composite": 2.0})
    painted = execute(ModelSystem(alone), what, tmp_path / "alone").metrics.values
    assert painted["composition.p50"].value == pytest.approx(2.0 * before["composition.p50"].value, rel=0.02)
    assert painted["client_creation.p50"].value == pytest.approx(before["client_creation.p50"].value, rel=0.02)


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
        def pace(self, progress: Callable[[str], ProgressFn] | None = None) -> Pace:
            log.append("pace")
            return Pace({}, (0.9, 1.1, 1.2, 1.0)[log.count("pace") - 1])

        def model(self, paces: Sequence[Pace]) -> System:
            log.append(f"model at {mean_pace(paces).general:.2f}")
            return Slow(log, "model")

    host = Told(Slow(log, "kernel"), load_calibration("icount"), ModelSystem)
    result = crosscheck([small_scenario()], Slow(log, "unused"), Slow(log, "kernel"), "tcg", repeat=3, host=host)
    assert log[:7] == ["pace", "kernel", "pace", "kernel", "pace", "kernel", "pace"]
    assert log[7:] == ["model at 1.04", "model", "model", "model"]
    assert any("1.04 times" in notice and "0.90 to 1.20" in notice for notice in result.scenarios[0].notices)
