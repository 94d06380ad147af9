"""Fits service times to segments: scheduling overheads first, then fixed and per-size costs of every pair of points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import nnls

from rayos_model.calibration.expected import NOT_SIZES, line_ns, scheduling_ns
from rayos_model.calibration.segments import REPLACED
from rayos_model.parameters import PROBABILITIES, Scheduling, Segment, sizes_key

_BOOTSTRAPS = 200
_BOOTSTRAP_ROWS = 2000
_MOST_COMBINATIONS = 64
_OFTEN = 5
_REWEIGHTINGS = 3
_LEAST_FOR_INTERVAL = 20
_MEDIAN_ROWS = 5000
_MEDIAN_REWEIGHTINGS = 15

Array = NDArray[np.float64]


def fit_scheduling(table: pd.DataFrame, idle_wake_ns: Array, *, noisy: bool = False) -> Scheduling:
    """Costs of an interrupt, a dispatch and a replaced address space, from segments that differ in nothing else.

    Segments of one pair and equal sizes are compared with the cheapest-scheduled ones among them (fewest interrupts and
    dispatches, no address space replaced); the excess CPU time is regressed on the excess counts by non-negative least
    squares. That of segments with an address space replaced and nothing else is regressed on that by least absolute
    deviations: a few of them replaced two.
    `idle_wake_ns` are the measured delays from a timer deadline to the switch away from idle; where the platform is
    noisy, their spread is kept. There none of these costs anything of its own: a segment is interrupted
    because the host held it up, so that those with an interrupt say nothing of what it costs.
    """
    sizes = [column for column in table.columns if column not in NOT_SIZES]
    key = table[sizes].fillna(-1.0).assign(pair=table["pair"])
    group = key.groupby(list(key.columns), sort=False).ngroup()
    counts = ["irqs", "dispatches", *(column for column in REPLACED if column in table)]
    load = table["irqs"] * 1000 + table["dispatches"] + (table["replaced"] / 2 if "replaced" in table else 0)
    lightest = load.groupby(group).transform("min")
    base = table[load == lightest].groupby(group[load == lightest])[["cpu_ns", *counts]].median()
    like = base.reindex(group).reset_index(drop=True)
    excess = table[["cpu_ns", *counts]].reset_index(drop=True) - like
    replaced = _fit_replaced(excess) if "replaced" in table and not noisy else {}
    heavy = (load > lightest).to_numpy()
    of_spaces = Scheduling(dispatch_ns=0, interrupt_ns=0, idle_wake_ns=0).model_copy(update=replaced)
    y = (excess["cpu_ns"] - scheduling_ns(excess, of_spaces)).to_numpy()[heavy]
    x = excess[["irqs", "dispatches"]].to_numpy()[heavy]
    interrupt_ns, dispatch_ns = nnls(x, y)[0] if len(y) >= 2 and not noisy else (0.0, 0.0)
    bounds = bootstrap(x, y) if len(y) >= _LEAST_FOR_INTERVAL and not noisy else None
    return Scheduling(
        dispatch_ns=float(dispatch_ns),
        interrupt_ns=float(interrupt_ns),
        idle_wake_ns=float(np.median(idle_wake_ns)) if len(idle_wake_ns) else 0.0,
        idle_wake_spread_ns=_quantiles(np.maximum(idle_wake_ns, 0.0)) if noisy else (),
        **replaced,
        interrupt_ci95_ns=None if bounds is None else (float(bounds[0, 0]), float(bounds[1, 0])),
        dispatch_ci95_ns=None if bounds is None else (float(bounds[0, 1]), float(bounds[1, 1])),
        idle_wake_ci95_ns=_median_interval(idle_wake_ns),
    )


def _fit_replaced(excess: pd.DataFrame) -> dict[str, float]:
    """Costs of a replaced address space, by name in `Scheduling`, from what its segments take more than their like."""
    alone = excess[(excess["irqs"] == 0) & (excess["dispatches"] == 0) & (excess["replaced"] == 1)]
    if len(alone) < _LEAST_FOR_INTERVAL:
        return {}
    costs = _solve_median(alone[list(REPLACED)].to_numpy(np.float64), alone["cpu_ns"].to_numpy(np.float64))
    return {f"{column}_ns": float(cost) for column, cost in zip(REPLACED, costs, strict=True)}


def _median_interval(values: Array) -> tuple[float, float] | None:
    """95 % order-statistics interval of the median; None where there are too few values."""
    if len(values) < _LEAST_FOR_INTERVAL:
        return None
    low, high = (int(rank) for rank in stats.binom.interval(0.95, len(values), 0.5))
    ordered = np.sort(values)
    return float(ordered[max(low - 1, 0)]), float(ordered[min(high, len(values) - 1)])


def _quantiles(values: Array) -> tuple[float, ...]:
    """At `PROBABILITIES`; none where there are too few values."""
    return tuple(np.quantile(values, PROBABILITIES).tolist()) if len(values) >= _LEAST_FOR_INTERVAL else ()


def fit_kinds(table: pd.DataFrame, scheduling: Scheduling, *, noisy: bool = False) -> dict[str, Segment]:
    """One cost per kind of point, whatever came before; CPU time net of interrupts and dispatches.

    Where the platform is noisy, medians are fitted in place of means, which a host that is busy elsewhere multiplies,
    and the spread of what was measured around them is kept.
    """
    return {str(name): _fit_one(group, noisy) for name, group in _net(table, scheduling).groupby("kind", sort=True)}


def fit_pairs(
    table: pd.DataFrame, scheduling: Scheduling, kinds: Mapping[str, Segment], *, noisy: bool = False
) -> dict[str, Segment]:
    """One cost per pair of points, as those of each kind; `kinds` are those of `fit_kinds`."""
    return {
        str(name): _fit_alike(group, kinds[str(group["kind"].iloc[0])], noisy)
        if _paints(group)
        else _fit_one(group, noisy)
        for name, group in _net(table, scheduling).groupby("pair", sort=True)
    }


def _net(table: pd.DataFrame, scheduling: Scheduling) -> pd.DataFrame:
    return table.assign(net_ns=table["cpu_ns"] - scheduling_ns(table, scheduling))


def _paints(group: pd.DataFrame) -> bool:
    """Whether these segments move pixels: hardly ever twice the same number, by the same code whatever came before."""
    return "steps" in group and bool(group["steps"].notna().any())


def _fit_alike(group: pd.DataFrame, kind: Segment, noisy: bool) -> Segment:
    """The cost of the pair's kind, moved by the pair's mean (noisy: median) difference from it where that is known."""
    y = group["net_ns"].to_numpy(np.float64)
    predicted = line_ns(group, kind).to_numpy(np.float64)
    residual = y - predicted
    often = len(y) >= _LEAST_FOR_INTERVAL
    weights = _weights(predicted) ** 2
    moved = float(np.median(residual) if noisy else np.average(residual, weights=weights)) if often else 0.0
    return kind.model_copy(
        update={
            "fixed_ns": kind.fixed_ns + moved,
            "fixed_ci95_ns": None,
            **(_spreads(group, np.maximum(y, 0.0) / np.maximum(predicted + moved, 1.0)) if noisy else {}),
            "observations": len(y),
            "residual_std_ns": float(np.std(residual)),
            "r_squared": None,
        }
    )


def _weights(predicted: Array) -> Array:
    """Errors count as shares of the cost: a pass of microseconds must be as right as one of milliseconds."""
    return np.asarray(1 / np.maximum(predicted, max(float(np.median(predicted)) / 100, 1.0)), np.float64)


def _fit_one(group: pd.DataFrame, noisy: bool) -> Segment:
    y = group["net_ns"].to_numpy(np.float64)
    names, x = design(group)
    beta, weights, bounds = (_solve_median if noisy else _solve)(x, y), np.ones(len(y)), None
    for _ in range(0 if noisy else _REWEIGHTINGS):
        weights = _weights(x @ beta)
        beta = _solve(x * weights[:, None], y * weights)
    if len(y) >= _LEAST_FOR_INTERVAL and np.ptp(y) > 0 and not noisy:
        bounds = bootstrap(x * weights[:, None], y * weights)
    residual = y - x @ beta
    rates = {name: float(rate) for name, rate in zip(names, beta[1:], strict=True)}
    depth_ns = rates.pop("depth", 0.0)
    average = "median" if noisy else "mean"
    by_sizes = _averages(group.assign(net_ns=group["net_ns"] - depth_ns * group["depth"]), average)
    total = float(np.var(y))
    return Segment(
        fixed_ns=float(beta[0]),
        per_size_ns={name: rate for name, rate in rates.items() if rate > 0},
        per_depth_ns=depth_ns,
        by_sizes_ns=by_sizes,
        **(_spreads(group, _ratios(group, x @ beta, depth_ns)) if noisy else {}),
        observations=len(y),
        residual_std_ns=float(np.std(residual)),
        r_squared=1.0 - float(np.var(residual)) / total if total > 0 else None,
        fixed_ci95_ns=None if bounds is None else (float(bounds[0, 0]), float(bounds[1, 0])),
        per_size_ci95_ns={}
        if bounds is None
        else {name: (float(lo), float(hi)) for name, lo, hi in zip(names, bounds[0, 1:], bounds[1, 1:], strict=True)},
    )


def _ratios(group: pd.DataFrame, line: Array, depth_ns: float) -> Array:
    """What was measured over what the model takes: the median at these sizes where one is kept, or else the line.

    NaN where that is nothing.
    """
    by_depth = depth_ns * group["depth"]
    medians = _median_of_each(group.assign(net_ns=group["net_ns"] - by_depth)) + by_depth
    taken = np.where(medians.notna(), medians, line)
    return np.asarray(np.maximum(group["net_ns"], 0.0) / np.where(taken > 0, taken, np.nan), np.float64)


def _spreads(group: pd.DataFrame, ratios: Array) -> dict[str, Any]:
    """Quantiles of the ratios of measured to fitted cost: of all segments, and by how warm they were."""
    known = ~np.isnan(ratios)
    warmth = group["warmth"].to_numpy()
    classes = {str(name): _quantiles(ratios[known & (warmth == name)]) for name in np.unique(warmth)}
    return {
        "spread": _quantiles(ratios[known]),
        "spread_by_warmth": {name: spread for name, spread in classes.items() if spread},
    }


def _median_of_each(group: pd.DataFrame) -> pd.Series:
    """The cost kept for each row's combination of sizes; NaN where none is."""
    if not _averages(group, "median"):
        return pd.Series(np.nan, group.index)
    columns = [column for column in size_columns(group) if column != "depth"]
    alike = group.groupby(columns, dropna=False)["net_ns"]
    return alike.transform("median").where(alike.transform("size") >= _OFTEN)


def design(group: pd.DataFrame) -> tuple[list[str], Array]:
    """The intercept and every size that varies and is not a linear function of those taken before it."""
    columns: list[Array] = [np.ones(len(group))]
    names: list[str] = []
    for name in size_columns(group):
        candidate = group[name].fillna(0.0).to_numpy(np.float64)
        if np.ptp(candidate) == 0:
            continue
        basis = np.column_stack(columns)
        unexplained = candidate - basis @ np.linalg.lstsq(basis, candidate, rcond=None)[0]
        if np.std(unexplained) > 1e-3 * np.std(candidate):
            columns.append(candidate)
            names.append(name)
    return names, np.column_stack(columns)


def size_columns(group: pd.DataFrame) -> Iterator[str]:
    return (column for column in group.columns if column not in NOT_SIZES and group[column].notna().any())


def _averages(group: pd.DataFrame, average: str) -> dict[str, float]:
    """Mean or median cost at each combination of sizes seen often, where a few combinations are all there is."""
    columns = [column for column in size_columns(group) if column != "depth"]
    if not columns or "steps" in columns:
        return {}
    means = group.groupby(columns, dropna=False)["net_ns"].agg([average, "size"])
    if not 1 < len(means) <= _MOST_COMBINATIONS:
        return {}
    often = means[means["size"] >= _OFTEN]
    return {
        sizes_key(dict(zip(columns, np.atleast_1d(np.asarray(sizes)), strict=True))): float(row[average])
        for sizes, row in often.iterrows()
    }


def _solve(x: Array, y: Array) -> Array:
    scale = np.maximum(np.abs(x).max(axis=0), 1e-12)
    return np.asarray(nnls(x / scale, np.maximum(y, 0.0))[0] / scale, np.float64)


def _solve_median(x: Array, y: Array) -> Array:
    """Least absolute deviations, by iteratively reweighted least squares: half of the rows lie above the fit."""
    every = -(-len(y) // _MEDIAN_ROWS)
    x, y = x[::every], y[::every]
    beta, least = _solve(x, np.minimum(y, np.median(y))), max(1e-3 * float(np.median(np.abs(y))), 1e-9)
    for _ in range(_MEDIAN_REWEIGHTINGS):
        weight = np.sqrt(1 / np.maximum(np.abs(y - x @ beta), least))
        beta = _solve(x * weight[:, None], y * weight)
    return beta


def bootstrap(x: Array, y: Array) -> Array:
    """2.5 % and 97.5 % percentiles of the coefficients over resampled rows, shape (2, coefficients)."""
    rng = np.random.default_rng(0)
    rows = min(len(y), _BOOTSTRAP_ROWS)
    width = np.sqrt(rows / len(y))  # resampling fewer rows widens the spread; undo it
    full = _solve(x, y)
    draws = np.empty((_BOOTSTRAPS, x.shape[1]))
    for draw in draws:
        chosen = rng.integers(0, len(y), rows)
        draw[:] = full + (_solve(x[chosen], y[chosen]) - full) * width
    return np.percentile(draws, [2.5, 97.5], axis=0)
