"""Tables for the terminal: verdicts, metrics, cross-checks, comparisons, profiles, calibration diagnostics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from rayos_model.contract.metric_units import METRIC_UNITS
from rayos_model.run.run import Run

if TYPE_CHECKING:
    import pandas as pd


def number(value: float | None, unit: str = "") -> str:
    """A value as text: about three significant digits; times in µs or ms by magnitude; a dash if not known."""
    if value is None or isnan(value):
        return "–"
    if unit == "us":
        value, unit = (value / 1000, "ms") if abs(value) >= 1000 else (value, "µs")
    text = f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def outcome(ok: bool) -> Text:
    """`pass` or `FAIL`, readable without colour."""
    return Text("pass", style="green") if ok else Text("FAIL", style="bold red")


def verdicts(run: Run) -> Table:
    """The criteria of a run: required, measured, outcome."""
    what = f"{run.label}, {run.scenario.duration_s:g} s"
    table = Table(title=f"{what}: {'passed' if run.passed else 'FAILED'}", title_justify="left")
    for heading in ("criterion", "required", "measured"):
        table.add_column(heading)
    table.add_column("")
    for row in run.verdicts:
        table.add_row(row.metric, row.required, number(row.measured, row.unit), outcome(row.ok))
    return table


def metrics(runs: Sequence[Run], *, names: Sequence[str] = ()) -> Table:
    """Metrics of runs side by side: those in `names`, by default all that a run measured."""
    table = Table(title="metrics", title_justify="left")
    table.add_column("metric")
    for run in runs:
        table.add_column(run.label, justify="right")
    for name in names or METRIC_UNITS:
        if any(name in run.metrics.values for run in runs) and not _never_measured(runs, name):
            table.add_row(name, *(metric_text(run, name) for run in runs))
    return table


def _never_measured(runs: Sequence[Run], name: str) -> bool:
    """Whether the metric is the count of an operation that no run measured."""
    return name.endswith(".count") and not any(run.metrics[name] for run in runs)


def metric_text(run: Run, name: str) -> str:
    """One metric of a run as text; a dash when it was not measured."""
    value = run.metrics.values.get(name)
    return number(value.value, value.unit) if value else "–"


def crosscheck(check: Mapping[str, Any]) -> Table:
    """Kernel and model in one scenario; `check` is an entry of `CrossCheck.to_dict()["scenarios"]`."""
    title = f"{check['scenario']}: model {'agrees' if check['ok'] else 'DISAGREES'} with kernel"
    table = Table(title=title, title_justify="left")
    table.add_column("metric")
    for heading in ("measured", "predicted", "error", "tolerance"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for row in check["metrics"]:
        unit = row["unit"]
        table.add_row(
            row["name"],
            number(row["measured"], unit),
            number(row["predicted"], unit),
            error_text(row["error"], unit),
            error_text(row["tolerance"], unit),
            agreement(row),
        )
    return table


def agreement(row: Mapping[str, Any]) -> Text:
    """The outcome of one compared metric, with a note when the measured interval decided and not the tolerance."""
    inside = row["ok"] and abs(row["error"]) > row["tolerance"]
    return Text("pass (within the measured 95 % interval)", style="green") if inside else outcome(row["ok"])


_VERDICT_STYLES = {"regressed": "bold red", "improved": "green", "same": "", "not judged": "dim"}


def changes(comparison: Mapping[str, Any]) -> Table:
    """Baseline against current, metric by metric; `comparison` is `Comparison.to_dict()`."""
    outcome = "nothing regressed" if comparison["ok"] else "REGRESSED"
    where = f"{comparison['scenario']} on {comparison['system']} ({comparison['platform']})"
    table = Table(title=f"{where}: {outcome}", title_justify="left")
    table.add_column("metric")
    for heading in ("baseline", "current", "change", "95 % interval", "noise floor"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for row in comparison["metrics"]:
        unit = row["unit"]
        table.add_row(
            row["name"],
            number(row["baseline"], unit),
            number(row["current"], unit),
            change_text(row["change"], row["name"]),
            interval_text(row),
            "–" if row["floor"] is None else change_text(row["floor"], row["name"]).lstrip("+"),
            Text(row["verdict"], style=_VERDICT_STYLES[row["verdict"]]),
        )
    return table


def change_text(change: float | None, name: str) -> str:
    """A signed change: points for the share of dropped frames, relative otherwise."""
    if change is None or isnan(change):
        return "–"
    return f"{change:+.2f} points" if name == "dropped_frames.percent" else f"{change:+.1%}"


def interval_text(row: Mapping[str, Any]) -> str:
    """The interval of a change; a dash for a metric that is counted, not sampled."""
    if row["low"] is None:
        return "–"
    low, high = (change_text(row[end], row["name"]) for end in ("low", "high"))
    return f"{low.removesuffix(' points')} … {high}"


def explanations(operations: Sequence[Mapping[str, Any]], min_share: float = 0.01) -> list[str]:
    """A line for each operation that explains at least `min_share` of the change in CPU time.

    `operations` are `OperationChange.to_dict()`. Operations whose interval includes no change are left out.
    """
    return [
        f"{row['operation']} {row['change']:+.1%} ({row['low']:+.1%} … {row['high']:+.1%}): {row['expected_ns']:,.0f} "
        f"→ {row['measured_ns']:,.0f} ns per call, {row['calls']:,} calls; explains {row['share']:.0%} of the change"
        for row in operations
        if row["share"] >= min_share and not row["low"] <= 0 <= row["high"]
    ]


def hot_paths(profile: pd.DataFrame, label: str, max_rows: int = 15) -> Table:
    """The operations with the most CPU time; `profile` is the result of `analysis.hot_paths.hot_paths`."""
    table = Table(title=f"CPU time by operation: {label}", title_justify="left")
    table.add_column("operation")
    for heading in ("calls", "self time", "share", "mean", "longest"):
        table.add_column(heading, justify="right")
    for row in profile.head(max_rows).to_dict("records"):
        total, mean, longest = (number(row[name] / 1000, "us") for name in ("total_ns", "mean_ns", "max_ns"))
        table.add_row(row["operation"], number(row["calls"]), total, f"{row['share']:.1%}", mean, longest)
    return table


def contention(rows: pd.DataFrame, label: str) -> Table:
    """Lock hold times and waiting times; `rows` is the result of `analysis.contention.contention`."""
    table = Table(title=f"lock hold and wait times: {label}", title_justify="left")
    table.add_column("lock or wait")
    for heading in ("count", "total", "mean", "longest"):
        table.add_column(heading, justify="right")
    for what, row in rows.iterrows():
        total, mean, longest = (number(row[name] / 1000, "us") for name in ("total_ns", "mean_ns", "longest_ns"))
        table.add_row(str(what), number(row["times"]), total, mean, longest)
    return table


def confounded(pairs: Sequence[Mapping[str, Any]]) -> Table:
    """Pairs of points with sizes that calibration cannot tell apart; `pairs` are `Identifiability.to_dict()`."""
    table = Table(title="sizes that calibration cannot tell apart", title_justify="left")
    for heading in ("pair", "left out", "most similar"):
        table.add_column(heading)
    table.add_column("condition", justify="right")
    table.add_column("costs")
    for one in pairs:
        alike = ", ".join(one["closest"] or ())
        condition = f"{one['condition']:.0f}"
        costs = "looked up" if one["looked_up"] else "fitted line"
        table.add_row(one["pair"], ", ".join(one["aliased"]), alike, condition, costs)
    return table


def sensitivities(table: pd.DataFrame, max_rows: int = 3) -> Table:
    """The parameters with most influence on each metric; `table` is the result of `elasticity.sensitivity`."""
    shown = Table(title="change of the metric, in %, for a change of the parameter by 1 %", title_justify="left")
    for heading in ("metric", "parameter"):
        shown.add_column(heading)
    shown.add_column("elasticity", justify="right")
    for row in table.groupby("metric").head(max_rows).sort_values("metric", kind="stable").to_dict("records"):
        shown.add_row(row["metric"], row["parameter"], f"{row['elasticity']:+.2f}")
    return shown


def trends(history: pd.DataFrame) -> Table:
    """The trend of each series of cross-checks; `history` is the result of `comparison.history.trends`."""
    table = Table(title="prediction errors, closest to their tolerance first", title_justify="left")
    table.add_column("scenario")
    table.add_column("metric", no_wrap=True)
    for heading in ("checks", "failed", "kernels", "first", "last", "worst", "tolerance"):
        table.add_column(heading, justify="right")
    for row in history.to_dict("records"):
        errors = (error_text(row[name], row["unit"]) for name in ("first", "last", "worst", "tolerance"))
        counts = (str(row[name]) for name in ("checks", "failures", "kernels"))
        table.add_row(
            f"{row['scenario']} ({row['duration_s']:g} s, {row['platform']})", row["metric"], *counts, *errors
        )
    return table


def error_text(error: float | None, unit: str) -> str:
    """An error or tolerance as text: percentage points for a percentage, relative otherwise."""
    if error is None or error != error:
        return "–"
    return f"{error:.2f} points" if unit == "%" else f"{error:.1%}"
