"""Fit of service times to segments: first scheduling costs, then fixed and per-size costs of every pair of points.

Must not know where the segments come from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import nnls

from rayos_model.calibration.cache_classes import SPACE_SWITCH
from rayos_model.calibration.expected import NOT_SIZES, cost_ns, line_ns, scheduling_ns
from rayos_model.costs.cache_state import CACHE_STATES, FIRST
from rayos_model.costs.parameters import LENGTHS, LENGTHS_NS, MEDIAN, PROBABILITIES, Scheduling, Segment
from rayos_model.trace.points import sizes_key

_BOOTSTRAPS = 200
_BOOTSTRAP_ROWS = 2000
_MAX_COMBINATIONS = 64
_OFTEN = 5
_REWEIGHTINGS = 3
_MIN_FOR_INTERVAL = 20
_MIN_FIRST_EXECUTIONS = 3
_MEDIAN_ROWS = 5000
_MEDIAN_REWEIGHTINGS = 15
_BACKFITS = 3
_MANY = 200
_SEVERAL = 3
_OUTLYING = 1.5
_SHORT_NS = 10_000
_SCORED = 50
_LAGS = 60
_DISTANCES_NS = np.geomspace(1e3, 1e9, 25)
_TIME_CONSTANTS_NS = tuple(10**decade for decade in range(4, 9))

Array = NDArray[np.float64]


def fit_scheduling(table: pd.DataFrame, idle_wake_ns: Array, *, noisy: bool = False) -> Scheduling:
    """Costs of an interrupt, a dispatch and an address-space switch, from segments that are otherwise equal.

    Segments of one pair with equal sizes are compared with those among them that have the fewest interrupts,
    dispatches and address-space switches. The excess CPU time is regressed on the excess counts by non-negative least
    squares. Segments whose only excess is an address-space switch are regressed on its columns by least absolute
    deviations, because a few contain two switches.

    `idle_wake_ns` are the measured delays from a timer deadline to the switch away from idle.

    On a `noisy` platform their spread is kept, dispatches and address-space switches cost nothing, and an interrupt
    costs the median excess of short segments with one: long segments are interrupted because the host delayed them.
    """
    sizes = [column for column in table.columns if column not in NOT_SIZES]
    key = table[sizes].fillna(-1.0).assign(pair=table["pair"])
    group = key.groupby(list(key.columns), sort=False).ngroup()
    counts = ["irqs", "dispatches", *(column for column in SPACE_SWITCH if column in table)]
    load = table["irqs"] * 1000 + table["dispatches"] + (table["space_switch"] / 2 if "space_switch" in table else 0)
    lightest = load.groupby(group).transform("min")
    base = table[load == lightest].groupby(group[load == lightest])[["cpu_ns", *counts]].median()
    like = base.reindex(group).reset_index(drop=True)
    excess = table[["cpu_ns", *counts]].reset_index(drop=True) - like
    switch_costs = _fit_space_switch(excess) if "space_switch" in table and not noisy else {}
    heavy = (load > lightest).to_numpy()
    of_spaces = Scheduling(dispatch_ns=0, interrupt_ns=0, idle_wake_ns=0).model_copy(update=switch_costs)
    y = (excess["cpu_ns"] - scheduling_ns(excess, of_spaces)).to_numpy()[heavy]
    x = excess[["irqs", "dispatches"]].to_numpy()[heavy]
    interrupt_ns, dispatch_ns = nnls(x, y)[0] if len(y) >= 2 and not noisy else (0.0, 0.0)
    bounds = bootstrap(x, y) if len(y) >= _MIN_FOR_INTERVAL and not noisy else None
    if noisy:
        short = excess[(like["cpu_ns"] < _SHORT_NS) & (excess["irqs"] == 1) & (excess["dispatches"] == 0)]
        interrupt_ns = max(short["cpu_ns"].median(), 0.0) if len(short) >= _MIN_FOR_INTERVAL else 0.0
    return Scheduling(
        dispatch_ns=float(dispatch_ns),
        interrupt_ns=float(interrupt_ns),
        idle_wake_ns=float(np.median(idle_wake_ns)) if len(idle_wake_ns) else 0.0,
        idle_wake_spread_ns=quantiles(np.maximum(idle_wake_ns, 0.0)) if noisy else (),
        **switch_costs,
        interrupt_ci95_ns=None if bounds is None else (float(bounds[0, 0]), float(bounds[1, 0])),
        dispatch_ci95_ns=None if bounds is None else (float(bounds[0, 1]), float(bounds[1, 1])),
        idle_wake_ci95_ns=_median_interval(idle_wake_ns),
    )


def _fit_space_switch(excess: pd.DataFrame) -> dict[str, float]:
    """Costs of an address-space switch by name in `Scheduling`, from the excess over equal segments without one."""
    alone = excess[(excess["irqs"] == 0) & (excess["dispatches"] == 0) & (excess["space_switch"] == 1)]
    if len(alone) < _MIN_FOR_INTERVAL:
        return {}
    costs = _solve_median(alone[list(SPACE_SWITCH)].to_numpy(np.float64), alone["cpu_ns"].to_numpy(np.float64))
    return {f"{column}_ns": float(cost) for column, cost in zip(SPACE_SWITCH, costs, strict=True)}


def _median_interval(values: Array) -> tuple[float, float] | None:
    """95 % confidence interval of the median from order statistics; None for too few values."""
    if len(values) < _MIN_FOR_INTERVAL:
        return None
    low, high = (int(rank) for rank in stats.binom.interval(0.95, len(values), 0.5))
    ordered = np.sort(values)
    return float(ordered[max(low - 1, 0)]), float(ordered[min(high, len(values) - 1)])


def quantiles(values: Array, min_count: int = _MIN_FOR_INTERVAL) -> tuple[float, ...]:
    """Quantiles at `PROBABILITIES`; empty for fewer than `min_count` values."""
    return tuple(np.quantile(values, PROBABILITIES).tolist()) if len(values) >= min_count else ()


def fit_kinds(table: pd.DataFrame, scheduling: Scheduling, *, noisy: bool = False) -> dict[str, Segment]:
    """One cost per kind of point, regardless of the previous point; CPU time net of scheduling costs.

    On a `noisy` platform medians are fitted, because delays by the host inflate means, and the spread around them is
    kept.
    """
    return _fit_each("kind", _net(table, scheduling), partial(_fit_one, noisy=noisy), noisy)


def fit_pairs(
    table: pd.DataFrame, scheduling: Scheduling, kinds: Mapping[str, Segment], *, noisy: bool = False
) -> dict[str, Segment]:
    """One cost per pair of points, fitted as `fit_kinds` does; `kinds` is its result."""

    def fit_one(rows: pd.DataFrame) -> Segment:
        return _fit_alike(rows, kinds[str(rows["kind"].iloc[0])], noisy) if _paints(rows) else _fit_one(rows, noisy)

    return _fit_each("pair", _net(table, scheduling), fit_one, noisy)


def _fit_each(
    column: str, table: pd.DataFrame, fit_one: Callable[[pd.DataFrame], Segment], noisy: bool
) -> dict[str, Segment]:
    groups = table.groupby(column, sort=True)
    return {str(name): _vary(group, fit_one) if noisy else fit_one(group) for name, group in groups}


def _net(table: pd.DataFrame, scheduling: Scheduling) -> pd.DataFrame:
    return table.assign(net_ns=table["cpu_ns"] - scheduling_ns(table, scheduling))


def _paints(group: pd.DataFrame) -> bool:
    """Whether these segments move pixels: sizes hardly repeat, and the code does not depend on the previous point."""
    return "steps" in group and bool(group["steps"].notna().any())


def _fit_alike(group: pd.DataFrame, kind: Segment, noisy: bool) -> Segment:
    """The cost of the pair's kind, shifted by the pair's mean (noisy: median) residual if there are enough segments."""
    y = group["net_ns"].to_numpy(np.float64)
    predicted = line_ns(group, kind).to_numpy(np.float64)
    residual = y - predicted
    often = len(y) >= _MIN_FOR_INTERVAL
    weights = _weights(predicted) ** 2
    moved = float(np.median(residual) if noisy else np.average(residual, weights=weights)) if often else 0.0
    return kind.model_copy(
        update={
            "fixed_ns": kind.fixed_ns + moved,
            "fixed_ci95_ns": None,
            "observations": len(y),
            "residual_std_ns": float(np.std(residual)),
            "r_squared": None,
        }
    )


def _weights(predicted: Array) -> Array:
    """Weights for relative errors: a pass of microseconds counts as much as one of milliseconds."""
    return np.asarray(1 / np.maximum(predicted, max(float(np.median(predicted)) / 100, 1.0)), np.float64)


def _fit_one(group: pd.DataFrame, noisy: bool) -> Segment:
    y = group["net_ns"].to_numpy(np.float64)
    names, x = design(group)
    beta, weights, bounds = (_solve_median if noisy else _solve)(x, y), np.ones(len(y)), None
    for _ in range(0 if noisy else _REWEIGHTINGS):
        weights = _weights(x @ beta)
        beta = _solve(x * weights[:, None], y * weights)
    if len(y) >= _MIN_FOR_INTERVAL and np.ptp(y) > 0 and not noisy:
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
        observations=len(y),
        residual_std_ns=float(np.std(residual)),
        r_squared=1.0 - float(np.var(residual)) / total if total > 0 else None,
        fixed_ci95_ns=None if bounds is None else (float(bounds[0, 0]), float(bounds[1, 0])),
        per_size_ci95_ns={}
        if bounds is None
        else {name: (float(lo), float(hi)) for name, lo, hi in zip(names, bounds[0, 1:], bounds[1, 1:], strict=True)},
    )


def _vary(group: pd.DataFrame, fit_one: Callable[[pd.DataFrame], Segment]) -> Segment:
    """The fit of `fit_one` with its spread: cost by sizes × factor of the cache state × factor of recent activity.

    The three are fitted in turn to the residuals of the others (backfitting; Hastie and Tibshirani, 1986), because
    sizes and cache states are correlated. The logarithm of the activity factor is linear, with a slope of at most 0,
    fitted by least squares to deviations from each class's median. Interrupted segments are left out where there are
    enough others, because the cost of an interrupt varies too; first executions, which are long and few, are kept.
    """
    first = group["cache_state"] == CACHE_STATES[FIRST]
    undisturbed = group[(group["irqs"] == 0) | first]
    group = undisturbed if len(undisturbed) >= _MIN_FOR_INTERVAL else group
    factor = pd.Series(1.0, group.index)
    for _ in range(_BACKFITS):
        segment = fit_one(group.assign(net_ns=group["net_ns"] / factor))
        cost = cost_ns(group, segment)
        ratio = (group["net_ns"].clip(lower=0.0) / cost.where(cost > 0)).dropna()
        rows = group.loc[ratio.index, ["run", "cache_state", "activity"]].assign(ratio=ratio)
        activity_slope = _warming(rows)
        rows["ratio"] /= np.exp(activity_slope * rows["activity"])
        classes = {str(name): _within_runs(alike) for name, alike in rows.groupby("cache_state")}
        levels = {name: spread[MEDIAN] for name, spread in classes.items() if spread and spread[MEDIAN] > 0}
        factor = group["cache_state"].map(levels).fillna(1.0) * np.exp(activity_slope * group["activity"])
    spreads = {name: spread for name, spread in classes.items() if spread}
    varied = {"spread": _within_runs(rows), "spread_by_cache_state": spreads, "activity_slope": activity_slope}
    if _paints(group):
        rows["ratio"] /= rows["cache_state"].map(levels)
        varied["spread_by_length"] = _by_length(rows, cost)
    return segment.model_copy(update=varied)


def _by_length(rows: pd.DataFrame, cost: pd.Series) -> dict[str, tuple[float, ...]]:
    """Quantiles of ratios relative to their median, per length class; without first executions."""
    known = rows[rows["ratio"].notna() & (rows["cache_state"] != CACHE_STATES[FIRST])]
    length = np.searchsorted(LENGTHS_NS, cost[known.index], side="right")
    of_length = {name: _within_runs(known[length == at]) for at, name in enumerate(LENGTHS)}
    return {
        name: tuple(ratio / spread[MEDIAN] for ratio in spread)
        for name, spread in of_length.items()
        if spread and spread[MEDIAN] > 0
    }


def _warming(rows: pd.DataFrame) -> float:
    """Slope of the ratios' logarithm over activity within cache-state classes; 0 for too few segments."""
    known = rows[(rows["ratio"] > 0) & (rows["cache_state"] != CACHE_STATES[FIRST])]
    if len(known) < _MIN_FOR_INTERVAL:
        return 0.0
    scores = pd.DataFrame({"x": known["activity"], "y": np.log(known["ratio"])})
    scores -= scores.groupby(known["cache_state"]).transform("median")
    scores = scores[scores["y"].abs() < _OUTLYING]
    square = float((scores["x"] ** 2).sum())
    return min(float((scores["x"] * scores["y"]).sum()) / square, 0.0) if square > 0 else 0.0


def _within_runs(rows: pd.DataFrame) -> tuple[float, ...]:
    """Quantiles of the within-run variation of ratios, centred at the median of the runs' medians.

    Between-run differences are removed: only within-run variation is a property of the cost. Where at least three runs
    have many segments, each quantile is the median over those runs, because some run in noisier minutes. Otherwise all
    ratios are pooled, each run centred at its median; runs with few segments are not centred.
    """
    of_run = rows.groupby("run")["ratio"]
    medians = of_run.transform("median").where(of_run.transform("size") >= _MIN_FOR_INTERVAL)
    level = medians.groupby(rows["run"]).first().median()
    ratios = rows["ratio"] * (level / medians).fillna(1.0)
    many = ratios[of_run.transform("size") >= _MANY]
    runs = [np.quantile(run, PROBABILITIES) for _, run in many.groupby(rows["run"])]
    if len(runs) < _SEVERAL:
        passed_first = bool((rows["cache_state"] == CACHE_STATES[FIRST]).all())  # at most one per run
        return quantiles(ratios.to_numpy(np.float64), _MIN_FIRST_EXECUTIONS if passed_first else _MIN_FOR_INTERVAL)
    return tuple(np.median(runs, axis=0).tolist())


def fit_persistence(table: pd.DataFrame, expected: pd.Series) -> dict[int, float]:
    """Autocorrelation of cost variation: time constant, ns → share of the variance.

    In each run, ratios of measured to `expected` CPU time become normal scores among segments of one pair and cache
    state. The mean product of two scores as a function of the time between them is fitted by a sum of exponentials with
    fixed time constants (non-negative least squares); the remainder is independent from segment to segment.
    """
    rows = table.assign(ratio=table["cpu_ns"] / expected)[(table["irqs"] == 0) & (expected > 0)]
    alike = rows.groupby(["run", "pair", "cache_state"])["ratio"]
    rows = rows[alike.transform("size") >= _SCORED]
    alike = rows.groupby(["run", "pair", "cache_state"])["ratio"]
    scores = stats.norm.ppf((alike.rank() - 0.5) / alike.transform("size"))
    products, apart, pairs = (np.zeros(len(_DISTANCES_NS) - 1) for _ in range(3))
    for _, run in pd.DataFrame({"run": rows["run"], "time": rows["time_ns"], "score": scores}).groupby("run"):
        time, score = run["time"].to_numpy(np.float64), run["score"].to_numpy(np.float64)
        for lag in np.unique(np.geomspace(1, max(len(run) // 3, 1), _LAGS).astype(np.int64)):
            between = time[lag:] - time[:-lag]
            for sums, values in ((products, score[lag:] * score[:-lag]), (apart, between), (pairs, None)):
                sums += np.histogram(between, _DISTANCES_NS, weights=values)[0]
    seen = pairs > 0
    if not seen.any():
        return {}
    decay = np.exp(-(apart[seen] / pairs[seen])[:, None] / np.array(_TIME_CONSTANTS_NS))
    shares = nnls(decay, products[seen] / pairs[seen])[0]
    shares /= max(1.0, shares.sum())
    return {tau_ns: float(share) for tau_ns, share in zip(_TIME_CONSTANTS_NS, shares, strict=True) if share > 0}


def design(group: pd.DataFrame) -> tuple[list[str], Array]:
    """Names and columns of the design: intercept, then each size that varies and is linearly independent."""
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
    """Columns of sizes that occur in a table of segments."""
    return (column for column in group.columns if column not in NOT_SIZES and group[column].notna().any())


def _averages(group: pd.DataFrame, average: str) -> dict[str, float]:
    """Mean or median cost at each frequent combination of sizes; empty where sizes take too many combinations."""
    columns = [column for column in size_columns(group) if column != "depth"]
    if not columns or "steps" in columns:
        return {}
    means = group.groupby(columns, dropna=False)["net_ns"].agg([average, "size"])
    if not 1 < len(means) <= _MAX_COMBINATIONS:
        return {}
    often = means[means["size"] >= _OFTEN]
    return {
        sizes_key(dict(zip(columns, np.atleast_1d(np.asarray(sizes)), strict=True))): float(row[average])
        for sizes, row in often.iterrows()
    }


def _solve(x: Array, y: Array) -> Array:
    scale = np.maximum(np.abs(x).max(axis=0), 1e-12)
    return np.asarray(nnls(x / scale, y)[0] / scale, np.float64)


def _solve_median(x: Array, y: Array) -> Array:
    """Least absolute deviations by iteratively reweighted least squares."""
    every = -(-len(y) // _MEDIAN_ROWS)
    x, y = x[::every], y[::every]
    beta, least = _solve(x, np.minimum(y, np.median(y))), max(1e-3 * float(np.median(np.abs(y))), 1e-9)
    for _ in range(_MEDIAN_REWEIGHTINGS):
        share = _weights(x @ beta)
        weight = np.sqrt(share / np.maximum(np.abs(y - x @ beta), least))
        beta = _solve(x * weight[:, None], y * weight)
    return beta


def bootstrap(x: Array, y: Array) -> Array:
    """2.5 % and 97.5 % percentiles of the coefficients over bootstrap samples of rows, shape (2, coefficients)."""
    rng = np.random.default_rng(0)
    rows = min(len(y), _BOOTSTRAP_ROWS)
    width = np.sqrt(rows / len(y))  # fewer rows widen the spread; correct for it
    full = _solve(x, y)
    draws = np.empty((_BOOTSTRAPS, x.shape[1]))
    for draw in draws:
        chosen = rng.integers(0, len(y), rows)
        draw[:] = full + (_solve(x[chosen], y[chosen]) - full) * width
    return np.percentile(draws, [2.5, 97.5], axis=0)
