"""Self-contained HTML pages of runs and cross-checks: one file, figures inline, readable on a phone and in print."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from rayos_model import __version__
from rayos_model.analysis.hot_paths import has_points, hot_paths
from rayos_model.contract.metric_units import METRIC_UNITS, OPERATIONS, STATISTICS
from rayos_model.report import plots, tables
from rayos_model.report.flame import flame_graph
from rayos_model.run.run import Run
from rayos_model.scenario.tables import NS
from rayos_model.toolchain.atomic import written_aside
from rayos_model.verdict.verdict import Verdict

_HOTTEST: Final = 25
_MAX_DRAWN: Final = 16
"""Number of runs that the figures show, the first ones; tables show all."""
_MIN_FOR_TAIL: Final = 100
"""Samples that a tail plot needs; with fewer it shows chance."""


def runs_page(
    runs: Sequence[Run],
    title: str = "",
    check: Mapping[str, Any] | None = None,
    comparison: Mapping[str, Any] | None = None,
) -> str:
    """The page of one or several runs, optionally with a cross-check or a comparison of them.

    `check` is `CrossCheck.to_dict()`, `comparison` is `Comparison.to_dict()`.
    """
    operations = plots.measured_operations(runs)
    labels = plots.labels_of(runs)
    drawn = runs[:_MAX_DRAWN]
    names = [name for name in METRIC_UNITS if any(name in run.metrics.values for run in runs)]
    names = [name for name in names if name.partition(".")[0] not in OPERATIONS]
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            title=title or ", ".join(dict.fromkeys(run.scenario.name for run in runs)) or "RayOS report",
            runs=runs,
            drawn=len(drawn),
            labels=labels,
            descriptions=list(dict.fromkeys(run.scenario.description for run in runs if run.scenario.description)),
            extents=list(dict.fromkeys(map(_extent, runs))),
            verdicts=_verdict_tables(runs, labels),
            statistics=STATISTICS,
            latencies=[
                (operation, label, [tables.metric_text(run, f"{operation}.{name}") for name in STATISTICS])
                for operation in operations
                for run, label in zip(runs, labels, strict=True)
            ],
            rows=[(name, [tables.metric_text(run, name) for run in runs]) for name in names],
            timeline=Markup(plots.svg(plots.timeline(drawn))) if runs else "",
            figures=[(heading, Markup(plots.svg(figure))) for heading, figure in _figures(drawn)],
            screenshots=[
                (label, _data_url(run.screenshot)) for run, label in zip(drawn, labels, strict=False) if run.screenshot
            ],
            check=check,
            check_figures=[Markup(plots.svg(plots.prediction_bars(one))) for one in check["scenarios"]]
            if check
            else [],
            profiles=[
                (label, Markup(flame_graph(table)), table.head(_HOTTEST).to_dict("records"))
                for run, label in zip(drawn, labels, strict=False)
                if has_points(run)
                for table in [hot_paths(run)]
            ],
            comparison=comparison,
            comparison_figure=Markup(plots.svg(plots.changes(comparison))) if comparison else "",
            explanations=tables.explanations(comparison["operations"]) if comparison else [],
            version=__version__,
        )
    )


def _extent(run: Run) -> str:
    """Number of clients, duration and start of measurement: what a scenario's description leaves out."""
    what = run.scenario
    clients = f"{what.client_count} client{'s' if what.client_count != 1 else ''}"
    return f"{clients}, {what.duration_s:,g} s, measured from {what.warmup_ns / NS:,.4g} s on"


def _figures(runs: Sequence[Run]) -> Iterator[tuple[str, Figure]]:
    with_tail = plots.measured_operations(runs, min_count=_MIN_FOR_TAIL)
    for operation in plots.measured_operations(runs):
        name = operation.replace("_", " ").capitalize()
        yield f"{name}: distribution", plots.latency_cdf(runs, operation)
        if operation in with_tail:
            yield f"{name}: tail", plots.latency_cdf(runs, operation, tail=True)
    pair = event_pair(runs)
    if pair and plots.paired(*pair, "commit_to_present")[0].size:
        yield "Event by event", plots.event_scatter(*pair)


def _verdict_tables(runs: Sequence[Run], labels: Sequence[str]) -> list[tuple[list[str], list[list[Verdict]]]]:
    """One table for the runs with the same criteria: (labels of the runs, rows with one verdict per run)."""
    groups: dict[tuple[tuple[str, str], ...], tuple[list[str], list[tuple[Verdict, ...]]]] = {}
    for run, label in zip(runs, labels, strict=True):
        criteria = tuple((verdict.metric, verdict.required) for verdict in run.verdicts)
        names, columns = groups.setdefault(criteria, ([], []))
        names.append(label)
        columns.append(run.verdicts)
    return [(names, [list(row) for row in zip(*columns, strict=True)]) for names, columns in groups.values()]


def crosscheck_page(check: Mapping[str, Any], title: str = "Model against kernel") -> str:
    """The page of a cross-check; `check` is `CrossCheck.to_dict()`."""
    return runs_page([], title, check)


def comparison_page(runs: Sequence[Run], comparison: Mapping[str, Any]) -> str:
    """The page of a comparison of two runs; `comparison` is `Comparison.to_dict()`."""
    return runs_page(runs, f"{comparison['scenario']}: baseline against current", comparison=comparison)


def sections_page(title: str, sections: Mapping[str, str]) -> str:
    """A page of sections: heading (none if empty) → HTML."""
    parts = {heading: Markup(body) for heading, body in sections.items()}
    return environment().get_template("sections.html.j2").render(title=title, sections=parts, version=__version__)


def run_summary(run: Run) -> str:
    """A run for a notebook: verdicts and metrics as two small HTML tables."""
    verdicts = [
        (row.metric, row.required, tables.number(row.measured, row.unit), "pass" if row.ok else "FAIL")
        for row in run.verdicts
    ]
    metrics = [(name, tables.number(value.value, value.unit)) for name, value in run.metrics.values.items()]
    caption = f"{run.label}, {run.scenario.duration_s:g} s: {'passed' if run.passed else 'FAILED'}"
    return _table(caption, ("criterion", "required", "measured", ""), verdicts) + (
        f"<details><summary>{len(metrics)} metrics</summary>{_table('', ('metric', 'value'), metrics)}</details>"
    )


def crosscheck_summary(check: Mapping[str, Any]) -> str:
    """A cross-check for a notebook: one HTML table per scenario."""
    return "".join(
        _table(
            f"{scenario['scenario']}: model {'agrees' if scenario['ok'] else 'DISAGREES'} with kernel",
            ("metric", "measured", "predicted", "error", ""),
            [
                (
                    row["name"],
                    tables.number(row["measured"], row["unit"]),
                    tables.number(row["predicted"], row["unit"]),
                    tables.error_text(row["error"], row["unit"]),
                    str(tables.agreement(row)),
                )
                for row in scenario["metrics"]
            ],
        )
        for scenario in check["scenarios"]
    )


def _table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    columns = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f"<table><caption>{escape(caption)}</caption><tr>{columns}</tr>{cells}</table>"


def event_pair(runs: Sequence[Run]) -> tuple[Run, Run] | None:
    """(kernel run, model run) when the two runs are of the same scenario on different systems, else None."""
    if len(runs) != 2 or runs[0].scenario != runs[1].scenario:
        return None
    by_system = {run.system: run for run in runs}
    return (by_system["kernel"], by_system["model"]) if by_system.keys() == {"kernel", "model"} else None


def write_page(path: Path, page: str) -> None:
    """Writes a page. Raises `StorageFailure`."""
    with written_aside(path, "the page") as aside:
        aside.write_text(page, encoding="utf-8")


def environment() -> Environment:
    """The environment of all page templates, with the filters that format numbers."""
    environment = Environment(
        loader=PackageLoader("rayos_model.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "number": tables.number,
        "error": tables.error_text,
        "plain": _plain,
        "change": tables.change_text,
        "interval": tables.interval_text,
    }
    return environment


def _plain(value: Any) -> str:
    """A value of a provenance as one line of text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _data_url(png: Path | None) -> str:
    return "data:image/png;base64," + base64.b64encode(png.read_bytes()).decode() if png else ""
