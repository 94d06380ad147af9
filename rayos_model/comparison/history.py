"""The results of all cross-checks, so that a trend shows before a tolerance is broken.

A history is a directory of small Parquet files, one a cross-check, which any Parquet reader takes as one table. Each is
written aside and renamed: writers need no lock, and a file that was cut off is left out and named, not fatal.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from rayos_model import __version__
from rayos_model.comparison.agreement import CrossCheck
from rayos_model.errors import BadInput
from rayos_model.toolchain.atomic import written_aside

_SCHEMA: Final = pa.schema(
    [
        ("time", pa.timestamp("us", "UTC")),
        *((name, pa.string()) for name in ("platform", "scenario")),
        ("duration_s", pa.float64()),
        *((name, pa.string()) for name in ("metric", "unit")),
        *((name, pa.float64()) for name in ("measured", "predicted", "error", "tolerance")),
        ("ok", pa.bool_()),
        *((name, pa.string()) for name in ("kernel_sha256", "package_version")),
    ]
)
SERIES: Final = ["platform", "scenario", "duration_s", "metric"]
"""Columns whose values must be equal for results to be of one trend."""


def append(check: CrossCheck, folder: Path) -> Path:
    """Adds a cross-check's results: a file of its own, which is returned. Raises `StorageFailure`."""
    now = datetime.now(UTC)
    rows = [
        {
            "time": now,
            "platform": check.platform,
            "scenario": one.scenario,
            "duration_s": one.duration_s,
            **{key: value for key, value in metric.to_dict().items() if key != "name"},
            "metric": metric.name,
            "kernel_sha256": one.kernel_sha256,
            "package_version": __version__,
        }
        for one in check.scenarios
        for metric in one.metrics
    ]
    target = folder / f"{now:%Y%m%d-%H%M%S-%f}-{uuid.uuid4().hex[:8]}.parquet"
    with written_aside(target, "the result") as aside:
        pq.write_table(pa.Table.from_pylist(rows, _SCHEMA), aside)
    return target


def load(folder: Path) -> tuple[pd.DataFrame, list[Path]]:
    """All results in order of time, one row a metric, and the files that are damaged and were left out.

    Columns: time, platform, scenario, duration_s, metric, unit, measured, predicted, error, tolerance, ok,
    kernel_sha256, package_version; error as in a cross-check. Raises `BadInput` when there is no history.
    """
    files = sorted(folder.glob("[!.]*.parquet")) if folder.is_dir() else []
    if not files:
        raise BadInput(f"{folder}: no history; `rayos crosscheck` begins one")
    tables, damaged = [], []
    for file in files:
        try:
            tables.append(pq.read_table(file, schema=_SCHEMA))
        except (OSError, pa.ArrowException):
            damaged.append(file)
    table = pa.concat_tables(tables) if tables else _SCHEMA.empty_table()
    return table.to_pandas().sort_values("time", kind="stable", ignore_index=True), damaged


def chosen(results: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """The results of these metrics, of all where none is named. Raises `BadInput` when one was never checked."""
    known = sorted(set(results["metric"]))
    for metric in metrics:
        if metric not in known:
            raise BadInput(
                f"no cross-check in the history has a metric {metric!r}; it has {', '.join(known) or 'none'}"
            )
    return results[results["metric"].isin(metrics)] if metrics else results


def trends(results: pd.DataFrame) -> pd.DataFrame:
    """One row a series (platform, scenario, duration, metric), the one nearest to its tolerance first.

    Columns besides: checks, failures, kernels (different ones), first, last, worst (errors), drift (last − first),
    tolerance (the last).
    """
    results = results.assign(failed=~results["ok"].astype(bool), size=results["error"].abs())
    groups = results.groupby(SERIES, sort=True)
    ends = groups[["unit", "tolerance", "error"]]
    worst = results.loc[results["size"].fillna(np.inf).groupby([results[key] for key in SERIES]).idxmax()]
    table = ends.last().rename(columns={"error": "last"})
    table = table.assign(
        checks=groups.size(),
        failures=groups["failed"].sum(),
        kernels=groups["kernel_sha256"].nunique(),
        first=groups["error"].first(),
        worst=worst.set_index(SERIES)["error"],
    ).reset_index()
    table["drift"] = table["last"] - table["first"]
    nearness = (table["last"].abs() / table["tolerance"]).fillna(np.inf)
    return table.iloc[np.argsort(-nearness.to_numpy(), kind="stable")].reset_index(drop=True)
