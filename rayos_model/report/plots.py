"""Figures of runs, cross-checks and calibrations: one function each, returning a matplotlib `Figure` without window.

Colours are those of Okabe and Ito, distinguishable by colour-blind readers; lines also differ in dash, for print.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from rayos_model.analysis.degradation import DegradationAnalyzer
from rayos_model.comparison.history import SERIES
from rayos_model.contract.metric_units import OPERATIONS
from rayos_model.errors import BadInput
from rayos_model.metrics.metrics import OPERATION_KIND
from rayos_model.run.run import Run
from rayos_model.toolchain.atomic import written_aside
from rayos_model.trace.pairing import pair

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES: Final = ("-", "--", ":", "-.", (0, (5, 1)), (0, (1, 1)), (0, (3, 1, 1, 1)))
_GREY: Final = "#767676"
_SMALL: Final = (4.6, 3.2)  # inches; small, so that text stays legible where a phone shrinks the figure


def labels_of(runs: Sequence[Run]) -> list[str]:
    """Distinct labels of runs: the system within one scenario, else scenario and system; plus the folder if needed."""
    same = len({run.scenario.name for run in runs}) == 1
    labels = [f"{run.system} ({run.platform})" if same and run.platform else run.label for run in runs]
    if len(set(labels)) < len(labels):
        labels = [f"{label}, {run.path.name}" for label, run in zip(labels, runs, strict=True)]
    return labels


def timeline(runs: Sequence[Run]) -> Figure:
    """Frame rate, CPU, memory and commit-to-present p99 per second, one panel each, runs overlaid."""
    panels = (("fps", "page flips / s"), ("cpu_percent", "CPU %"), ("memory_kb", "memory, MB"), ("p99_us", "p99, ms"))
    scale = {"memory_kb": 1 / 1024, "p99_us": 1 / 1000}
    figure = Figure(figsize=(6, 6.5), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True)
    labels = labels_of(runs)
    for axis, (column, label) in zip(axes, panels, strict=True):
        for index, run in enumerate(runs):
            values = np.array(run.metrics.seconds[column], dtype=np.float64) * scale.get(column, 1)
            axis.plot(run.metrics.seconds["time_s"], values, label=labels[index], **_style(index))
        axis.set_ylabel(label)
        top = axis.dataLim.ymax
        axis.set_ylim(0, 1.15 * top if np.isfinite(top) and top > 0 else None)
        tidy(axis)
    axes[-1].set_xlabel("time, s")
    if len(runs) > 1:
        axes[0].legend(loc="lower right", fontsize="small")
    return figure


def latency_cdf(runs: Sequence[Run], operation: str, *, tail: bool = False) -> Figure:
    """Cumulative distribution of an operation's latency; with `tail` the share above each latency, logarithmic."""
    figure = Figure(figsize=_SMALL, layout="constrained")
    axis = figure.subplots()
    longest = max((run.metrics.histogram(operation).maximum_ns for run in runs), default=0)
    per_unit, unit = (1e6, "ms") if longest >= 10_000_000 else (1e3, "µs")
    low, high, labels = np.inf, 0.0, labels_of(runs)
    for index, run in enumerate(runs):
        values, share = run.metrics.histogram(operation).distribution()
        if tail:
            keep = share < 1
            values, share = values[keep], 1 - share[keep]
        elif values.size:
            values, share = np.append(values[0], values), np.append(0.0, share)
        if values.size:
            low, high = min(low, values[0] / per_unit), max(high, values[-1] / per_unit)
            axis.plot(values / per_unit, share, label=labels[index], drawstyle="steps-post", **_style(index))
    axis.set_xlabel(f"{operation.replace('_', ' ')}, {unit}")
    axis.set_ylabel("fraction of samples above" if tail else "fraction of samples at or below")
    tidy(axis)
    if high > 0:
        _latency_scale(axis, low, high)
        axis.set_yscale("log" if tail else "linear")
        axis.legend(fontsize="small")
    else:
        axis.text(0.5, 0.5, "all samples are equal" if tail else "no samples", ha="center", transform=axis.transAxes)
    return figure


def prediction_bars(check: Mapping[str, Any]) -> Figure:
    """Error of each prediction over its tolerance; `check` is an entry of `CrossCheck.to_dict()["scenarios"]`."""
    rows = list(check["metrics"])
    figure = Figure(figsize=(6, 0.9 + 0.26 * max(1, len(rows))), layout="constrained")
    axis = figure.subplots()
    shares = [_share_of_tolerance(row) for row in rows]
    at = np.arange(len(rows))
    colours = [COLOURS[0] if row["ok"] else COLOURS[1] for row in rows]
    axis.barh(at, np.clip(shares, -2, 2), color=colours, hatch=["" if row["ok"] else "//" for row in rows])
    for edge in (-1, 1):
        axis.axvline(edge, color="black", linestyle="--", linewidth=1)
    axis.axvline(0, color=_GREY, linewidth=0.8)
    axis.set_yticks(at, [row["name"] for row in rows])
    axis.invert_yaxis()
    axis.set_xlim(-2.05, 2.05)
    axis.set_xlabel("prediction error / tolerance (dashed: the tolerance)")
    axis.set_title(check["scenario"])
    tidy(axis)
    return figure


def changes(comparison: Mapping[str, Any]) -> Figure:
    """Relative changes with their intervals and noise floors; `comparison` is `Comparison.to_dict()`."""
    rows = [row for row in comparison["metrics"] if row["low"] is not None and row["unit"] != "%"]
    figure = Figure(figsize=(6, 0.9 + 0.24 * max(1, len(rows))), layout="constrained")
    axis = figure.subplots()
    for at, row in enumerate(rows):
        colour = {"regressed": COLOURS[1], "improved": COLOURS[2]}.get(row["verdict"], COLOURS[0])
        if row["floor"] is not None:
            axis.barh(at, 200 * row["floor"], left=-100 * row["floor"], height=0.8, color=_GREY, alpha=0.2)
        axis.plot([100 * row["low"], 100 * row["high"]], [at, at], color=colour, linewidth=1.4)
        axis.plot(100 * row["change"], at, "o" if row["verdict"] in ("same", "not judged") else "D", color=colour)
    axis.axvline(0, color=_GREY, linewidth=0.8)
    axis.set_yticks(range(len(rows)), [row["name"] for row in rows])
    axis.invert_yaxis()
    axis.set_xlabel("change, % (bar: noise floor; line: 95 % interval)")
    tidy(axis)
    return figure


def residuals(rows: pd.DataFrame, pairs: Sequence[str] = ()) -> Figure:
    """Residuals against fitted costs, of the given pairs (default: all).

    `rows` is the result of `calibration.diagnostics.residuals`.
    """
    chosen = rows[rows["pair"].isin(pairs)] if pairs else rows
    chosen = chosen[chosen["expected_ns"] > 0]
    figure = Figure(figsize=_SMALL, layout="constrained")
    axis = figure.subplots()
    weight = rows["n"] * rows["cpu_ns"] / (rows["n"] * rows["cpu_ns"]).sum()
    for index, (thread, group) in enumerate(chosen.groupby(chosen["kind"].str.partition(".")[0])):
        relative = 100 * group["residual_ns"] / group["expected_ns"]
        size = 4 + 400 * weight[group.index]
        colour = COLOURS[index % 7]
        dots = axis.scatter(group["expected_ns"], relative, s=size, alpha=0.5, color=colour)
        dots.set_rasterized(True)
        axis.scatter([], [], s=20, color=colour, label=str(thread))  # a legend needs marks of one size
    axis.axhline(0, color=_GREY, linewidth=0.8)
    if len(chosen):
        _latency_scale(axis, float(chosen["expected_ns"].min()), float(chosen["expected_ns"].max()))
    axis.set_xlabel("fitted cost, ns")
    axis.set_ylabel("residual, %")
    axis.legend(fontsize="small")
    tidy(axis)
    return figure


def history(results: pd.DataFrame, max_series: int = 7) -> Figure:
    """Prediction errors over time in units of the tolerance: the `max_series` series that came closest to it.

    `results` is the table that `comparison.history.load` returns.
    """
    results = results.assign(share=results["error"] / results["tolerance"])
    series = [rows for _, rows in results.groupby(SERIES, sort=True)]
    series.sort(key=lambda rows: -np.nan_to_num(rows["share"].abs().max(), nan=np.inf))
    figure = Figure(figsize=(7, 4), layout="constrained")
    axis = figure.subplots()
    for index, rows in enumerate(series[:max_series]):
        label = f"{rows['scenario'].iloc[0]} {rows['metric'].iloc[0]}"
        axis.plot(rows["time"], rows["share"], marker="o", markersize=3, label=label, **_style(index))
    for edge in (-1, 1):
        axis.axhline(edge, color="black", linestyle="--", linewidth=1)
    axis.set_ylabel("error / tolerance (dashed: the tolerance)")
    axis.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    figure.autofmt_xdate()
    tidy(axis)
    return figure


def degradation(curves: Mapping[str, DegradationAnalyzer]) -> Figure:
    """p99 of commit-to-present against load, relative to that at the lowest load, with 95 % bands.

    `curves` maps a label to a curve. A level at which no frame was shown has no point. Dotted vertical lines are knees.
    """
    figure = Figure(figsize=_SMALL, layout="constrained")
    axis = figure.subplots()
    for index, (label, curve) in enumerate(curves.items()):
        shown = [point for point in curve.points if np.isfinite(point.p99_ratio.value)]
        levels = [100 * point.level for point in shown]
        bands = [point.p99_ratio for point in shown]
        axis.plot(levels, [band.value for band in bands], label=label, marker="o", markersize=3, **_style(index))
        axis.fill_between(
            levels, [b.low for b in bands], [b.high for b in bands], color=COLOURS[index % len(COLOURS)], alpha=0.15
        )
        if curve.knee is not None:
            axis.axvline(100 * curve.knee, color=COLOURS[index % len(COLOURS)], linestyle=":", linewidth=1)
    axis.set_xlabel("load, % of the full load")
    axis.set_ylabel("relative p99 of commit to present")
    axis.set_ylim(bottom=0)
    axis.legend(fontsize="small", loc="lower left")
    tidy(axis)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Writes a figure in the format that its suffix names. Raises `BadInput` for an unknown one, `StorageFailure`."""
    try:
        with written_aside(path, "the figure") as aside:
            figure.savefig(aside, dpi=150)
    except ValueError as error:
        raise BadInput(f"{path}: {str(error).splitlines()[0]}") from None


def event_scatter(
    measured: Run, predicted: Run, operation: str = "commit_to_present", max_points: int = 20_000
) -> Figure:
    """Latency of each event on one system against the latency of the same event on the other.

    Events correspond by client and ordinal. At most `max_points` points are drawn, evenly spaced.
    """
    x, y = paired(measured, predicted, operation)
    step = max(1, -(-len(x) // max_points))
    per_unit, unit = (1e6, "ms") if len(x) and x.max() >= 10_000_000 else (1e3, "µs")
    figure = Figure(figsize=_SMALL, layout="constrained", dpi=150)
    axis = figure.subplots()
    if len(x):
        low, high = float(min(x.min(), y.min())) / per_unit, float(max(x.max(), y.max())) / per_unit
        axis.plot([low, high], [low, high], color=_GREY, linewidth=1, label="equal")
        label = f"{len(x):,} events"
        dots = axis.scatter(x[::step] / per_unit, y[::step] / per_unit, s=4, alpha=0.4, color=COLOURS[0], label=label)
        dots.set_rasterized(True)  # thousands of vector marks make a large file
        axis.legend(fontsize="small")
    axis.set_xlabel(f"{operation.replace('_', ' ')} on {measured.system}, {unit}")
    axis.set_ylabel(f"on {predicted.system}, {unit}")
    tidy(axis)
    return figure


def paired(first: Run, second: Run, operation: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Latencies, ns, of the events in both runs: two arrays of equal length, paired by client and ordinal."""
    a, b = (run.trace(OPERATION_KIND[operation]) for run in (first, second))
    a, b = (trace[trace["time_ns"] < first.scenario.duration_ns] for trace in (a, b))
    at_a, at_b = pair(a, b)
    return a["arg"][at_a].astype(np.int64), b["arg"][at_b].astype(np.int64)


def svg(figure: Figure) -> str:
    """A figure as an `<svg>` element for a page, with a text alternative for screen readers."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")), dpi=150)
    text = buffer.getvalue()
    return f'<svg role="img" aria-label="{escape(_in_words(figure))}"' + text[text.index("<svg") + len("<svg") :]


def measured_operations(runs: Sequence[Run], min_count: int = 1) -> list[str]:
    """The operations of which a run has at least `min_count` measurements."""
    return [name for name in OPERATIONS if any(run.metrics.histogram(name).count >= min_count for run in runs)]


def _in_words(figure: Figure) -> str:
    """The text alternative of a figure: axes and legends."""
    axes = figure.axes
    drawn = ", ".join(filter(None, (axis.get_title() or axis.get_ylabel() for axis in axes)))
    legends = [legend for axis in axes if (legend := axis.get_legend())] + figure.legends
    labels = dict.fromkeys(text.get_text() for legend in legends for text in legend.get_texts())
    against = " against ".join(filter(None, (drawn, axes[-1].get_xlabel())))
    return ": ".join(filter(None, (against, ", ".join(labels))))


def _share_of_tolerance(row: Mapping[str, Any]) -> float:
    error, tolerance = row.get("error"), row.get("tolerance")
    if error is None or not tolerance:
        return 0.0 if row["ok"] else 2.0
    return float(error) / float(tolerance)


def _style(index: int) -> dict[str, Any]:
    return {"color": COLOURS[index % 7], "linestyle": _DASHES[index % 7], "linewidth": 1.4}


def _latency_scale(axis: Any, low: float, high: float) -> None:
    """Scales the x axis: logarithmic when the values span a decade, else linear; plain numbers in both cases."""
    if high < 10 * max(low, 1e-6):
        axis.xaxis.set_major_locator(MaxNLocator(5))
        return
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())


def tidy(axis: Any) -> None:
    """The grid and frame common to all figures."""
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
