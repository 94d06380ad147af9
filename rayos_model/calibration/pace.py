"""How fast a host is now, against when it was calibrated: on platforms that run against the wall clock.

What else a host does, for whom nobody here knows, makes everything on it slower or faster at once, from minute to
minute (docs/explanation/calibration.md, "Host speed"). Short runs of one calibration scenario, between those that a
prediction is compared with, tell how much. Must not see any other run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from rayos_model.costs.parameters import Parameters
from rayos_model.run.system import ProgressFn, System, execute
from rayos_model.scenario.files import load_shipped
from rayos_model.scenario.scenario import Scenario
from rayos_model.trace.segments import segments

SCENARIO: Final = "mixture-8"
DURATION_S: Final = 4.0
_OFTEN: Final = 50


def pace_scenario() -> Scenario:
    """What is run to tell the pace: the calibration scenario with some of everything, for four seconds."""
    return load_shipped(SCENARIO).with_overrides(duration_s=DURATION_S)


def run_pace_scenario(kernel: System, progress: Callable[[str], ProgressFn] | None = None) -> pd.DataFrame:
    """The segments of one run on `kernel`, which must keep points in its trace. Raises what running raises."""
    with tempfile.TemporaryDirectory(prefix="rayos-pace-") as scratch:
        run = execute(kernel, pace_scenario(), Path(scratch, "run"), progress and progress("the host's pace"))
        return segments(run.trace())


def median_costs(tables: Iterable[pd.DataFrame]) -> dict[str, float]:
    """Of each pair of points seen often, the median CPU time of its segments that nothing interrupted, ns."""
    undisturbed = [table[table["irqs"] == 0] for table in tables]
    if not undisturbed:
        return {}
    of_pair = pd.concat(undisturbed, ignore_index=True).groupby("pair")["cpu_ns"].agg(["median", "size"])
    return {str(pair): float(ns) for pair, ns in of_pair.loc[of_pair["size"] >= _OFTEN, "median"].items()}


@dataclass(frozen=True)
class Pace:
    """How many times as long as in calibration things take: in general, and `of_pair` what moves pixels.

    That is bound by memory more than by instructions, and drifts less.
    """

    of_pair: Mapping[str, float]
    general: float

    def of(self, pairs: pd.Series) -> pd.Series:
        """That of each pair of a table of segments."""
        return pairs.map(dict(self.of_pair)).astype(np.float64).fillna(self.general)

    def taken_from(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table of segments with the CPU time that they would have taken at the pace of calibration."""
        return table.assign(cpu_ns=table["cpu_ns"] / self.of(table["pair"]))


def pace(table: pd.DataFrame, pace_ns: Mapping[str, float]) -> Pace:
    """The pace of one run of `pace_scenario`, against `pace_ns` (of `median_costs`); in general the median over pairs.

    Raises `ValueError` where `table` and `pace_ns` have no pair in common.
    """
    now = median_costs([table])
    ratios = {pair: now[pair] / then for pair, then in pace_ns.items() if now.get(pair, 0.0) > 0 and then > 0}
    if not ratios:
        raise ValueError("nothing is known of the host's pace in calibration")
    painting = set(table.loc[table["steps"].notna(), "pair"])
    of_pair = {pair: ratio for pair, ratio in ratios.items() if pair in painting}
    return Pace(of_pair, float(np.median(list(ratios.values()))))


def mean_pace(paces: Sequence[Pace]) -> Pace:
    """The geometric mean of several; of a pair, over those that know it."""
    of_pair = np.exp(np.log(pd.DataFrame([one.of_pair for one in paces])).mean())
    return Pace(of_pair.to_dict(), float(np.exp(np.mean(np.log([one.general for one in paces])))))


def pace_around(paces: Sequence[Pace], at: int) -> Pace:
    """The pace between the runs numbered `at` and `at + 1`: the mean of two before and two after."""
    return mean_pace(paces[max(at - 1, 0) : at + 3])


@dataclass(frozen=True)
class Host:
    """A calibrated host: `kernel` (which keeps points in its trace) tells its pace, `model_of` is the model of it."""

    kernel: System
    parameters: Parameters
    model_of: Callable[[Parameters], System]

    def pace(self, progress: Callable[[str], ProgressFn] | None = None) -> Pace:
        """How many times as long as in calibration things take now. Raises what running the kernel raises."""
        return pace(run_pace_scenario(self.kernel, progress), self.parameters.pace_ns)

    def model(self, paces: Sequence[Pace]) -> System:
        """The model of the host at the mean of these paces."""
        mean = mean_pace(paces)
        return self.model_of(self.parameters.scaled(mean.general, mean.of_pair))
