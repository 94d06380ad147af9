"""Pace of a host: the factor by which its CPU times differ now from those at calibration.

Needed on platforms that run against the wall clock: other load on the same hardware slows everything down or speeds it
up from minute to minute (docs/explanation/calibration.md, "Host speed"). It is measured with short runs of one
calibration scenario,
between the runs that a prediction is compared with. Must not see any other run.
"""

from __future__ import annotations

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
from rayos_model.toolchain.temporary import temporary_folder
from rayos_model.trace.segments import segments

SCENARIO: Final = "mixture-8"
DURATION_S: Final = 4.0
_OFTEN: Final = 50


def pace_scenario() -> Scenario:
    """The scenario that measures the pace: the calibration scenario with all workloads, `DURATION_S` long."""
    return load_shipped(SCENARIO).with_overrides(duration_s=DURATION_S)


def run_pace_scenario(kernel: System, progress: Callable[[str], ProgressFn] | None = None) -> pd.DataFrame:
    """Segments of one run on `kernel`, which must keep points in its trace. Raises what running raises."""
    with temporary_folder("pace") as scratch:
        run = execute(kernel, pace_scenario(), Path(scratch, "run"), progress and progress("the host's pace"))
        return segments(run.trace())


def median_costs(tables: Iterable[pd.DataFrame]) -> dict[str, float]:
    """Pair → median CPU time of its uninterrupted segments, ns, for pairs with at least 50 of them."""
    undisturbed = [table[table["irqs"] == 0] for table in tables]
    if not undisturbed:
        return {}
    of_pair = pd.concat(undisturbed, ignore_index=True).groupby("pair")["cpu_ns"].agg(["median", "size"])
    return {str(pair): float(ns) for pair, ns in of_pair.loc[of_pair["size"] >= _OFTEN, "median"].items()}


@dataclass(frozen=True)
class Pace:
    """Ratio of CPU times now to those at calibration; above 1 the host is slower."""

    of_pair: Mapping[str, float]
    """Pair → ratio, for segments that move pixels: they are bound by memory and drift less."""
    general: float
    """Ratio of all other segments."""

    def of(self, pairs: pd.Series) -> pd.Series:
        """The ratio of each pair in a column of pairs."""
        return pairs.map(dict(self.of_pair)).astype(np.float64).fillna(self.general)

    def taken_from(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table of segments with their CPU times at the pace of calibration."""
        return table.assign(cpu_ns=table["cpu_ns"] / self.of(table["pair"]))


def pace(table: pd.DataFrame, pace_ns: Mapping[str, float]) -> Pace:
    """The pace in one run of `pace_scenario`, relative to `pace_ns` (of `median_costs`).

    `general` is the median over pairs. Raises `ValueError` where `table` and `pace_ns` have no pair in common.
    """
    now = median_costs([table])
    ratios = {pair: now[pair] / then for pair, then in pace_ns.items() if now.get(pair, 0.0) > 0 and then > 0}
    if not ratios:
        raise ValueError("the host's pace at calibration is unknown; run `rayos calibrate` again")
    painting = set(table.loc[table["steps"].notna(), "pair"])
    of_pair = {pair: ratio for pair, ratio in ratios.items() if pair in painting}
    return Pace(of_pair, float(np.median(list(ratios.values()))))


def mean_pace(paces: Sequence[Pace]) -> Pace:
    """Geometric mean of several paces; per pair, over those that have it."""
    of_pair = np.exp(np.log(pd.DataFrame([one.of_pair for one in paces])).mean())
    return Pace(of_pair.to_dict(), float(np.exp(np.mean(np.log([one.general for one in paces])))))


def pace_around(paces: Sequence[Pace], at: int) -> Pace:
    """The pace between pace runs `at` and `at + 1`: mean of the two before and the two after."""
    return mean_pace(paces[max(at - 1, 0) : at + 3])


@dataclass(frozen=True)
class Host:
    """A calibrated host."""

    kernel: System
    """Measures the pace; must keep points in its trace."""
    parameters: Parameters
    """Calibrated on this host."""
    model_of: Callable[[Parameters], System]
    """Makes a model with given parameters."""

    def pace(self, progress: Callable[[str], ProgressFn] | None = None) -> Pace:
        """Measures the pace now. Raises what running the kernel raises."""
        return pace(run_pace_scenario(self.kernel, progress), self.parameters.pace_ns)

    def model(self, paces: Sequence[Pace]) -> System:
        """The model with parameters scaled to the mean of these paces."""
        mean = mean_pace(paces)
        return self.model_of(self.parameters.scaled(mean.general, mean.of_pair))
