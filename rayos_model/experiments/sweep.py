"""Sweeps: the model at many points, a grid, a Latin hypercube or their product, as one tidy table.

Replication r of each point runs with the scenario's seed plus r: points share their random numbers, and any replication
can be repeated alone. Must not know how points are computed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from rayos_model.costs.parameters import Parameters
from rayos_model.errors import BadInput
from rayos_model.experiments.design import Point, Range, design
from rayos_model.experiments.evaluate import evaluate
from rayos_model.experiments.point_store import PointStore, Values, table_of
from rayos_model.experiments.workers import workers
from rayos_model.scenario.keys import describe, with_changes
from rayos_model.scenario.scenario import Scenario
from rayos_model.toolchain.atomic import written_aside


def sweep(
    scenario: Scenario,
    settings: Mapping[str, Sequence[Any] | Range],
    *,
    samples: int | None = None,
    replications: int = 1,
    parameters: Parameters | None = None,
    jobs: int | None = None,
    dask: str | None = None,
    out: str | Path | None = None,
    done: Callable[[int, int], None] = lambda finished, total: None,
) -> pd.DataFrame:
    """Runs the model at every point of a design and writes the results as one table.

    `settings` maps a dotted key to its values or to a `Range`, which is sampled by `samples` Latin hypercube points.
    `parameters` defaults to the shipped icount calibration, `jobs` to all cores; `dask` is the address of a scheduler.
    The table is written to `out` as Parquet (default: below `runs/`, named after the design). The folder
    `<stem of out>.points` beside it keeps finished points: an interrupted or extended sweep computes only the rest.

    Returns one row for each point, replication and metric. Columns: point, one per key, replication, seed, metric,
    value, unit, low, high (95 % interval of a quantile within its run). Raises `BadInput`, before anything is computed,
    when a point makes no valid scenario or one that ends less than 1 s after the start of its last client.
    """
    if replications < 1:
        raise BadInput(f"replications: expected at least 1, got {replications}")
    points = design(settings, samples, scenario.seed)
    bases = [_all_served(with_changes(scenario, point), point) for point in points]
    runs = [base.with_overrides(seed=base.seed + r) for base in bases for r in range(replications)]
    if parameters is None:
        from rayos_model.calibration import load_calibration

        parameters = load_calibration()
    target = Path(out) if out else default_target(scenario, points)
    store = PointStore(target.with_name(f"{target.stem}.points"))
    with workers(jobs, dask) as execute:
        results = evaluate(runs, parameters, store, execute, done)
    table = tidy(points, runs, results, replications)
    write_table(table, target)
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _all_served(scenario: Scenario, point: Point) -> Scenario:
    """The scenario of a point. Raises `BadInput` when it ends less than 1 s after the start of its last client."""
    if scenario.duration_s < scenario.settled_s:
        raise BadInput(
            f"{scenario.name} with {describe(point)}: expected a duration of at least {scenario.settled_s:g} s, "
            f"a second past the start of the last client, got {scenario.duration_s:g} s"
        )
    return scenario


def default_target(scenario: Scenario, points: Sequence[Point]) -> Path:
    """The default path of a sweep's table: the same for the same design, so that an interrupted sweep continues."""
    digest = hashlib.sha256(json.dumps([scenario.model_dump(mode="json"), points], sort_keys=True).encode())
    return Path("runs", f"{scenario.name}-sweep-{digest.hexdigest()[:8]}.parquet")


def tidy(points: Sequence[Point], runs: Sequence[Scenario], results: Sequence[Values], replications: int) -> pa.Table:
    """Results as one Arrow table; equal arguments give an identical table."""
    rows = []
    for index, (run, values) in enumerate(zip(runs, results, strict=True)):
        number, replication = divmod(index, replications)
        head = {"point": number, **points[number], "replication": replication, "seed": run.seed}
        rows += [{**head, **row} for row in table_of(values)]
    keys = [key for key in points[0] if key != "seed"]  # the seed is a column in any case
    fields = [("point", pa.int64()), *((key, _type([point[key] for point in points])) for key in keys)]
    fields += [("replication", pa.int64()), ("seed", pa.int64()), ("metric", pa.string()), ("value", pa.float64())]
    schema = pa.schema([*fields, ("unit", pa.string()), ("low", pa.float64()), ("high", pa.float64())])
    columns = [pa.array([_cell(row[field.name], field.type) for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _type(values: Sequence[Any]) -> pa.DataType:
    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return pa.int64()
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return pa.float64()
    return pa.string()


def _cell(value: Any, kind: pa.DataType) -> Any:
    return json.dumps(value) if kind == pa.string() and not isinstance(value, str | None) else value


def write_table(table: pa.Table, target: Path) -> None:
    """Writes the table as Parquet. Raises `StorageFailure`."""
    with written_aside(target, "the table") as aside:
        pq.write_table(table, aside, compression="zstd")


def summary(table: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """One row per point and one column per metric: the mean over replications."""
    keys = list(table.columns[: list(table.columns).index("replication")])
    chosen = table[table["metric"].isin(metrics)]
    wide = chosen.pivot_table(index=keys, columns="metric", values="value", aggfunc="mean", sort=False)
    return wide.reindex(columns=[name for name in metrics if name in wide.columns]).reset_index()
