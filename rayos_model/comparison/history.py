"""History of cross-checks: results over time, so that a trend shows before a tolerance is violated.

A history is a directory of Parquet files, which any Parquet reader reads as one table. A cross-check adds a small file;
when there are many, they are merged. Files are written atomically. A damaged file is skipped and reported. Must not
know how results are computed.
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
from rayos_model.contract import parquet
from rayos_model.errors import BadInput
from rayos_model.toolchain.atomic import storing, written_aside
from rayos_model.toolchain.cache import locked

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
MANY_FILES: Final = 256
"""Number of files beyond which a history is merged into one; reading a file takes some milliseconds."""
SERIES: Final = ["platform", "scenario", "duration_s", "metric"]
"""Columns that identify a series."""


def append(check: CrossCheck, folder: Path) -> Path:
    """Adds a cross-check's results as a new file; returns its path. Raises `StorageFailure`."""
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
    if len(_files(folder)) > MANY_FILES:
        _merge(folder)
    return target


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[!.]*.parquet")) if folder.is_dir() else []


def _read(file: Path) -> pa.Table | None:
    """The results in a file; None if it is damaged or holds something else."""
    try:
        with parquet.opened(file, "history"):
            return pq.read_table(file, schema=_SCHEMA, partitioning=None)
    except BadInput:
        return None


def _merge(folder: Path) -> None:
    """Replaces all readable files by one. Readers drop rows that they find twice, in the old files and in the new."""
    with storing(folder, "the history"), locked(folder / ".lock"):
        read = [(file, table) for file in _files(folder) if (table := _read(file)) is not None]
        target = folder / f"{read[-1][0].stem}-merged.parquet"
        with written_aside(target, "the history") as aside:
            pq.write_table(pa.concat_tables([table for _, table in read]), aside, compression="zstd")
        for file, _ in read:
            file.unlink(missing_ok=True)


def load(folder: Path) -> tuple[pd.DataFrame, list[Path]]:
    """All results in order of time, one row per metric, and the paths of damaged files, which are skipped.

    Columns: time, platform, scenario, duration_s, metric, unit, measured, predicted, error, tolerance, ok,
    kernel_sha256, package_version; error as in a cross-check. Raises `BadInput` when there is no history.
    """
    files = _files(folder)
    if not files:
        raise BadInput(f"{folder}: no history of cross-checks; `rayos crosscheck` starts one")
    read = [(file, _read(file)) for file in files]
    if any(table is None and not file.exists() for file, table in read):  # merged meanwhile
        return load(folder)
    tables = [table for _, table in read if table is not None]
    results = (pa.concat_tables(tables) if tables else _SCHEMA.empty_table()).to_pandas()
    results = results.drop_duplicates(ignore_index=True)
    damaged = [file for file, table in read if table is None]
    return results.sort_values("time", kind="stable", ignore_index=True), damaged


def chosen(results: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """The results of these metrics, or of all if none is given. Raises `BadInput` for a metric without results."""
    known = sorted(set(results["metric"]))
    for metric in metrics:
        if metric not in known:
            raise BadInput(
                f"no cross-check in the history has the metric {metric!r}; known: {', '.join(known) or 'none'}"
            )
    return results[results["metric"].isin(metrics)] if metrics else results


def trends(results: pd.DataFrame) -> pd.DataFrame:
    """One row per series (`SERIES`), the one whose last error is closest to its tolerance first.

    Further columns: unit, tolerance (the last), checks, failures, kernels (number of different ones), first, last and
    worst (errors), drift (last − first).
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
