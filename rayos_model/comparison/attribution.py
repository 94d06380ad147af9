"""Attribution of a slow-down to operations: CPU times of a run's segments against their expected values.

The expected value is the mean of equal segments of the baseline run (same points, sizes, heap depth, interrupts and
dispatches), or the calibrated cost. A run that executes more of the same segments is therefore not slower. Must not
know how a change is judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from rayos_model.calibration.cache_classes import space_switches
from rayos_model.calibration.expected import OF_ONE_SEGMENT, expected_ns
from rayos_model.comparison.blocks import Rates, block_count, block_of
from rayos_model.costs.parameters import Parameters
from rayos_model.run.run import Run
from rayos_model.trace.segments import segments


@dataclass(frozen=True, slots=True)
class OperationChange:
    """Change of the CPU time per call of one operation (thread and point)."""

    operation: str
    calls: int
    compared: float
    """Share of calls with an expected value."""
    expected_ns: float
    """Mean expected CPU time per call, at the sizes of the current run."""
    measured_ns: float
    """Mean measured CPU time per call."""
    change: float
    """Relative change."""
    low: float
    """Lower end of its 95 % interval (bootstrap over blocks of time)."""
    high: float
    """Upper end of that interval."""
    contribution_ns: float
    """Difference over all calls."""
    share: float
    """Absolute contribution relative to the sum of all operations' absolute contributions."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-serialisable form."""
        return {name: getattr(self, name) for name in self.__slots__}


def attribute(baseline: Run, current: Run) -> tuple[OperationChange, ...]:
    """Operations whose cost changed between two runs with points, the largest contribution first."""
    table = segments(current.trace())
    return _ranked(table, _like(segments(baseline.trace()), table), current)


def attribute_to_calibration(parameters: Parameters, run: Run) -> tuple[OperationChange, ...]:
    """Operations of a run with points whose cost differs from the calibrated one, the largest contribution first.

    Operations whose mean difference is within the residual standard deviation of the fit are left out.
    """
    table = segments(run.trace())
    if run.scenario.machine.vcpus == 1:
        table = table.join(space_switches(table))
    residual_std = {pair: segment.residual_std_ns for pair, segment in parameters.segments.items()}
    unexplained = table["pair"].map(residual_std).fillna(0.0).groupby(table["kind"]).mean().to_dict()
    changes = _ranked(table, expected_ns(table, parameters), run)
    return tuple(
        change for change in changes if abs(change.measured_ns - change.expected_ns) > unexplained[change.operation]
    )


def _like(before: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    """Mean cost of equal segments in `before`, for each segment of `table`; NaN without any."""
    keys = [name for name in table.columns if name not in OF_ONE_SEGMENT]
    known = before.reindex(columns=[*keys, "cpu_ns"]).fillna(-1.0)
    costs = known.groupby(keys, sort=False)["cpu_ns"].mean().rename("like_ns")
    joined = table[keys].fillna(-1.0).merge(costs, how="left", left_on=keys, right_index=True)
    return joined["like_ns"]


def _ranked(table: pd.DataFrame, expected: pd.Series, run: Run) -> tuple[OperationChange, ...]:
    window = (0, max(run.scenario.duration_ns, int(table["time_ns"].max()) + 1))
    block = block_of(table["time_ns"].to_numpy().astype(np.uint64), window)
    operation, names = pd.factorize(table["kind"])
    cost = np.column_stack([expected, table["cpu_ns"], np.ones(len(table))])
    known = ~np.isnan(cost[:, 0])
    sums = np.zeros((len(names), block_count(window), 3))
    np.add.at(sums, (operation[known], block[known]), cost[known])
    calls = np.bincount(operation)
    differences = sums[:, :, 1].sum(axis=1) - sums[:, :, 0].sum(axis=1)
    total = np.abs(differences).sum()
    changes = []
    rounding = 1e-9 * sums[:, :, 0].sum(axis=1)
    for index in np.flatnonzero(np.abs(differences) > rounding).tolist():
        before, after, compared = sums[index].sum(axis=0)
        cost_a_call = Rates(sums[index][:, [0, 2]], sums[index][:, [1, 2]])
        low, high = cost_a_call.interval()
        changes.append(
            OperationChange(
                operation=str(names[index]),
                calls=int(calls[index]),
                compared=float(compared / calls[index]),
                expected_ns=float(before / compared),
                measured_ns=float(after / compared),
                change=cost_a_call.change(),
                low=low,
                high=high,
                contribution_ns=float(differences[index]),
                share=float(abs(differences[index]) / total),
            )
        )
    return tuple(sorted(changes, key=lambda change: -change.share))
