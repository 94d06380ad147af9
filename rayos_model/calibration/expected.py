"""Expected CPU time of segments by the calibrated parameters: the model's formula, vectorised over a table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rayos_model.calibration.cache_classes import SPACE_SWITCH
from rayos_model.costs.parameters import Parameters, Scheduling, Segment
from rayos_model.trace.points import sizes_key

OF_ONE_SEGMENT = {"time_ns", "thread", "cpu_ns", "net_ns", "kind", "cache_state", "activity", "run"}
"""Columns of a table of segments that differ between segments of one pair with equal sizes and scheduling."""
NOT_SIZES = {*OF_ONE_SEGMENT, "irqs", "dispatches", "pair", *SPACE_SWITCH}
"""Columns of a table of segments that are not sizes."""


def expected_ns(table: pd.DataFrame, parameters: Parameters) -> pd.Series:
    """Expected CPU time of each segment of `trace.segments.segments`, ns, scheduling included.

    NaN where neither the pair nor its last point is calibrated.
    """
    result = pd.Series(np.nan, index=table.index)
    for pair, group in table.groupby("pair", sort=False):
        segment = parameters.segments.get(str(pair)) or parameters.kinds.get(str(group["kind"].iloc[0]))
        if segment is not None:
            result[group.index] = cost_ns(group, segment)
    return result + scheduling_ns(table, parameters.scheduling)


def scheduling_ns(table: pd.DataFrame, scheduling: Scheduling) -> pd.Series:
    """Cost of scheduling within each segment, ns; with address-space switches if the table has their columns."""
    cost = scheduling.interrupt_ns * table["irqs"] + scheduling.dispatch_ns * table["dispatches"]
    for column in SPACE_SWITCH:
        if column in table:
            cost = cost + getattr(scheduling, f"{column}_ns") * table[column].fillna(0)
    return cost


def line_ns(group: pd.DataFrame, segment: Segment) -> pd.Series:
    """Linear part of the formula for each row of `group`, ns, regardless of mean costs at frequent sizes."""
    by_sizes = sum(rate * group[name].fillna(0.0) for name, rate in segment.per_size_ns.items() if name in group)
    line = segment.fixed_ns + by_sizes + segment.per_depth_ns * group["depth"]
    return pd.Series(line, index=group.index, dtype=np.float64)


def cost_ns(group: pd.DataFrame, segment: Segment) -> pd.Series:
    """Cost of each row of `group` (segments of one pair or kind) without scheduling, ns."""
    cost = line_ns(group, segment)
    names = [name for name in group.columns if name not in NOT_SIZES and name != "depth" and group[name].notna().any()]
    if segment.by_sizes_ns and names:
        sizes = group[names]
        kinds = sizes.drop_duplicates()
        rows = kinds.to_dict("records")
        keys = [sizes_key({str(name): size for name, size in row.items() if size == size}) for row in rows]
        means = kinds.assign(mean=[segment.by_sizes_ns.get(key, np.nan) for key in keys])
        seen = sizes.merge(means, how="left", on=names)["mean"].set_axis(group.index)
        cost = (seen + segment.per_depth_ns * group["depth"]).fillna(cost)
    return cost
