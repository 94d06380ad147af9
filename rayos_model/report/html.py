"""Self-contained HTML pages of runs and cross-checks: one file, figures inline, readable on a phone and in print."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rayos_model import __version__
from rayos_model.errors import StorageFailure
from rayos_model.report import plots, tables
from rayos_model.run import Run
from rayos_model.units import METRIC_UNITS


def runs_page(runs: Sequence[Run], title: str = "", check: Mapping[str, Any] | None = None) -> str:
    """A page for one or several runs, with the comparison `check` (`CrossCheck.to_dict()`) where there is one."""
    figures = []
    if runs:
        figures.append(("Every second", plots.timeline(runs)))
    for operation in plots.measured_operations(runs):
        name = operation.replace("_", " ").capitalize()
        figures.append((f"{name}: distribution", plots.latency_cdf(runs, operation)))
        figures.append((f"{name}: tail", plots.latency_cdf(runs, operation, tail=True)))
    pair = event_pair(runs)
    if pair and plots.paired(*pair, "commit_to_present")[0].size:
        figures.append(("Event by event", plots.event_scatter(*pair)))
    names = [name for name in METRIC_UNITS if any(name in run.metrics.values for run in runs)]
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=title or ", ".join(plots.label_of(run) for run in runs) or "RayOS report",
            runs=runs,
            labels=[plots.label_of(run) for run in runs],
            rows=[(name, [tables.metric_text(run, name) for run in runs]) for name in names],
            figures=[(heading, Markup(plots.svg(figure))) for heading, figure in figures],
            screenshots=[(plots.label_of(run), _data_url(run.screenshot)) for run in runs if run.screenshot],
            check=check,
            check_figures=[Markup(plots.svg(plots.prediction_bars(one))) for one in check["scenarios"]]
            if check
            else [],
            version=__version__,
        )
    )


def crosscheck_page(check: Mapping[str, Any], title: str = "Model against kernel") -> str:
    """A page for a cross-check; `check` is `CrossCheck.to_dict()`."""
    return runs_page([], title, check)


def event_pair(runs: Sequence[Run]) -> tuple[Run, Run] | None:
    """(kernel run, model run) when the runs are one of each of the same scenario."""
    if len(runs) != 2 or runs[0].scenario != runs[1].scenario:
        return None
    by_system = {run.system: run for run in runs}
    return (by_system["kernel"], by_system["model"]) if by_system.keys() == {"kernel", "model"} else None


def write_page(path: Path, page: str) -> None:
    """Write a page. Raises `StorageFailure`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise StorageFailure(f"{path}: cannot write the report: {error.strerror or error}") from error


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("rayos_model.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"number": tables.number, "error": tables.error_text}
    return environment


def _data_url(png: Path | None) -> str:
    return "data:image/png;base64," + base64.b64encode(png.read_bytes()).decode() if png else ""
