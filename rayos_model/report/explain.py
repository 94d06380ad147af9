"""Figures and tables of CPU use, latency parts, analytic bounds and tornado analysis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from rich.table import Table

from rayos_model.analysis.bottleneck import PARTS
from rayos_model.report.html import sections_page, write_page
from rayos_model.report.plots import COLOURS, svg, tidy
from rayos_model.report.tables import number

_HATCHES: Final = ("", "//", "", "..", "xx", "\\\\")
MIN_SWING: Final = 0.0005
"""Swings below this round to 0.0 % and are left out."""


def split_figure(bands: Mapping[str, pd.DataFrame]) -> Figure:
    """Mean parts of commit-to-present, stacked, one bar for each band of its distribution.

    `bands` maps the label of a run to its `split_by_band`; several runs are drawn side by side.
    """
    labels = [f"{band}\n{name}" if len(bands) > 1 else band for band in _band_names(bands) for name in bands]
    rows = [bands[name].loc[band] for band in _band_names(bands) for name in bands]
    figure = Figure(figsize=(6, 1.2 + 0.4 * len(rows)), layout="constrained")
    axis = figure.subplots()
    left = np.zeros(len(rows))
    for nth, part in enumerate(PARTS):
        widths = np.array([row[part] for row in rows])
        label = part.replace("_", " ")
        axis.barh(labels, widths, left=left, color=COLOURS[nth], hatch=_HATCHES[nth], edgecolor="white", label=label)
        left += widths
    axis.invert_yaxis()
    axis.set_xlabel("commit to present, ms")
    figure.legend(loc="outside upper center", ncols=3, fontsize="small")
    tidy(axis)
    return figure


def _band_names(bands: Mapping[str, pd.DataFrame]) -> list[str]:
    return [str(band) for band in next(iter(bands.values())).index]


def tornado_figure(table: pd.DataFrame, metric: str) -> Figure:
    """The swings of one metric around its base, widest first; `table` is the result of `tornado`."""
    rows = table[(table["metric"] == metric) & (table["swing"] >= MIN_SWING)]
    base = float(rows["base"].iloc[0])
    scale, unit = (1000.0, "ms") if rows["unit"].iloc[0] == "us" and base >= 1000 else (1.0, rows["unit"].iloc[0])
    figure = Figure(figsize=(6, 1 + 0.32 * len(rows)), layout="constrained")
    axis = figure.subplots()
    for column, colour, hatch in (("less", COLOURS[0], ""), ("more", COLOURS[1], "//")):
        offsets = (rows[column] - base) / scale
        axis.barh(rows["parameter"], offsets, left=base / scale, color=colour, hatch=hatch, label=column, alpha=0.85)
    axis.axvline(base / scale, color="black", linewidth=1)
    axis.invert_yaxis()
    axis.set_xlabel(f"{metric}, {unit}")
    axis.legend(fontsize="small")
    tidy(axis)
    return figure


def utilisation_figure(table: pd.DataFrame, max_rows: int = 12) -> Figure:
    """CPU use by thread and operation, the largest entries."""
    rows = table.head(max_rows)
    figure = Figure(figsize=(6, 1 + 0.3 * len(rows)), layout="constrained")
    axis = figure.subplots()
    axis.barh(rows["thread"] + " " + rows["operation"], rows["cpu_percent"], color=COLOURS[0])
    axis.invert_yaxis()
    axis.set_xlabel("CPU, % of the measured time")
    tidy(axis)
    return figure


def utilisation_table(table: pd.DataFrame, max_rows: int = 12) -> Table:
    """CPU use by thread and operation; the smaller entries summed in the last row."""
    result = _table("CPU use", ("thread", "operation", "CPU %", "segments", "mean"))
    for row in table.head(max_rows).to_dict("records"):
        mean = number(row["mean_us"], "us")
        cells = (f"{row['cpu_percent']:.3f}", f"{row['segments']:,}", mean)
        result.add_row(row["thread"], row["operation"], *cells)
    rest = table.iloc[max_rows:]
    if len(rest):
        result.add_row("others", "", f"{rest['cpu_percent'].sum():.3f}", f"{rest['segments'].sum():,}", "")
    return result


def split_table(bands: pd.DataFrame) -> Table:
    """Mean parts of commit-to-present in each band of its distribution, ms."""
    result = _table("parts of commit-to-present, ms", ("band", *(p.replace("_", " ") for p in PARTS), "total"))
    for band, row in bands.iterrows():
        result.add_row(str(band), *(f"{row[part]:.3f}" for part in (*PARTS, "total")))
    return result


def bounds_table(table: pd.DataFrame) -> Table:
    """Measured values beside their analytic bounds."""
    result = _table("analytic bounds", ("quantity", "measured", "analytic", "law"))
    for row in table.to_dict("records"):
        unit = row["unit"]
        result.add_row(row["quantity"], number(row["measured"], unit), number(row["analytic"], unit), row["law"])
    return result


def tornado_table(table: pd.DataFrame, delta: float) -> Table:
    """Each metric with each parameter changed by ± `delta`; swings below `MIN_SWING` are left out."""
    result = _table(
        f"each parameter changed by ± {delta:.0%}", ("metric", "parameter", "less", "base", "more", "swing")
    )
    for row in table[table["swing"] >= MIN_SWING].to_dict("records"):
        unit = row["unit"]
        cells = [number(row[name], unit) if row[name] == row[name] else "–" for name in ("less", "base", "more")]
        result.add_row(row["metric"], row["parameter"], *cells, f"{row['swing']:.1%}")
    return result


def page(title: str, figures: Mapping[str, Figure]) -> str:
    """A self-contained HTML page of figures with their headings."""
    return sections_page(title, {name: svg(figure) for name, figure in figures.items()})


def write(target: Path, title: str, figures: Mapping[str, Figure]) -> None:
    """The page as a file. Raises `StorageFailure`."""
    write_page(target, page(title, figures))


def _table(title: str, head: tuple[str, ...]) -> Table:
    result = Table(title=title, title_justify="left")
    for nth, name in enumerate(head):
        result.add_column(name, justify="left" if nth == 0 or name in ("operation", "law", "parameter") else "right")
    return result
