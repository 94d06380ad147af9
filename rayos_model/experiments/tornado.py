"""Tornado analysis: the effect of each parameter, a little smaller and a little larger, on each metric.

All runs draw the same random numbers, so a difference is the effect of the parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from rayos_model.contract.metric_units import METRIC_UNITS
from rayos_model.costs.parameters import Parameters, Segment
from rayos_model.errors import BadInput
from rayos_model.experiments.evaluate import evaluate
from rayos_model.experiments.point_store import PointStore, Values
from rayos_model.experiments.workers import workers
from rayos_model.scenario.keys import value_of, with_changes
from rayos_model.scenario.scenario import Scenario

METRICS: Final = ("commit_to_present.p99", "buffer_commit.p99", "frame_rate.mean", "cpu.mean")
STORE: Final = Path("runs", "tornado.points")
COSTS: Final = ("compositor", "client")


def scaled(parameters: Parameters, thread: str, factor: float) -> Parameters:
    """The parameters with every CPU cost of one class of threads multiplied by `factor`."""

    def all_of(table: Mapping[str, Segment]) -> dict[str, Segment]:
        return {name: s.scaled(factor) if name.startswith(f"{thread}.") else s for name, s in table.items()}

    return parameters.model_copy(update={"segments": all_of(parameters.segments), "kinds": all_of(parameters.kinds)})


def default_keys(scenario: Scenario) -> list[str]:
    """The default keys of a tornado: number of clients, display, quantum, rate and damage of each group."""
    keys = ["clients", "display.refresh_hz", "display.repaint_window_us", "machine.quantum_us"]
    for index, group in enumerate(scenario.clients):
        keys += [f"clients.{index}.rate_hz"] if group.rate else []
        keys += [f"clients.{index}.damage"] if group.workload in ("rendering", "input") else []
    return keys


def tornado(
    scenario: Scenario,
    *,
    delta: float = 0.1,
    metrics: Sequence[str] = METRICS,
    keys: Sequence[str] | None = None,
    replications: int = 2,
    parameters: Parameters | None = None,
    jobs: int | None = None,
    store: str | Path = STORE,
    done: Callable[[int, int], None] = lambda finished, total: None,
) -> pd.DataFrame:
    """Each metric with each parameter multiplied by 1 − `delta` and by 1 + `delta`.

    Parameters are numeric keys of the scenario (default: `default_keys`) and the calibrated CPU costs of compositor and
    clients (`cost.compositor`, `cost.client`). A change that makes no valid scenario, such as damage above 1, is NaN.
    Returns one row for each parameter and metric, the widest swings of each metric first. Columns: parameter, metric,
    unit; base, less, more (means over replications, in the unit); swing (range relative to base). Raises `BadInput`.
    """
    if not 0 < delta < 1:
        raise BadInput(f"delta: expected a number between 0 and 1, got {delta:g}")
    if parameters is None:
        from rayos_model.calibration import load_calibration

        parameters = load_calibration()
    names = default_keys(scenario) if keys is None else list(keys)
    cells: dict[tuple[str, float], Scenario] = {("", 0.0): scenario}
    for key in names:
        for sign in (-1.0, 1.0):
            variant = _variant(scenario, key, 1 + sign * delta)
            if variant is not None:
                cells[key, sign] = variant
    runs = [one.with_overrides(seed=one.seed + r) for one in cells.values() for r in range(replications)]
    kept = PointStore(Path(store))
    means: dict[tuple[str, float], dict[str, float]] = {}
    with workers(jobs) as execute:
        results = evaluate(runs, parameters, kept, execute, done)
        for index, cell in enumerate(cells):
            means[cell] = _means(results[index * replications : (index + 1) * replications], metrics)
        for thread in COSTS:
            for sign in (-1.0, 1.0):
                other = scaled(parameters, thread, 1 + sign * delta)
                means[f"cost.{thread}", sign] = _means(evaluate(runs[:replications], other, kept, execute), metrics)
    nothing = dict.fromkeys(metrics, np.nan)
    rows = []
    for metric in metrics:
        base = means["", 0.0][metric]
        for name in (*names, *(f"cost.{thread}" for thread in COSTS)):
            less, more = (means.get((name, sign), nothing)[metric] for sign in (-1.0, 1.0))
            ends = [end for end in (less, more) if not np.isnan(end)]
            swing = (max(*ends, base) - min(*ends, base)) / abs(base) if ends and base else np.nan
            rows.append((name, metric, METRIC_UNITS[metric], base, less, more, swing))
    table = pd.DataFrame(rows, columns=["parameter", "metric", "unit", "base", "less", "more", "swing"])
    table["order"] = table["metric"].map({metric: i for i, metric in enumerate(metrics)})
    return table.sort_values(["order", "swing"], ascending=[True, False], ignore_index=True).drop(columns="order")


def _variant(scenario: Scenario, key: str, factor: float) -> Scenario | None:
    value = _current(scenario, key)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise BadInput(f"{key}: expected a key with a numeric value, got {value!r}")
    changed: Any = value * factor
    if isinstance(value, int):
        changed = round(changed)
    try:
        return with_changes(scenario, {key: changed})
    except BadInput:
        return None


def _current(scenario: Scenario, key: str) -> Any:
    """The value of a key; for rate and damage of a group, the default of its workload where none is given."""
    value = value_of(scenario, key)
    _, _, rest = key.partition("clients.")
    index, _, name = rest.partition(".")
    if value is None and index.isdigit():
        group = scenario.clients[int(index)]
        return {"rate_hz": group.rate, "damage": group.damage_share}.get(name)
    return value


def _means(values: Sequence[Values], metrics: Sequence[str]) -> dict[str, float]:
    return {metric: float(np.mean([v[metric].value if metric in v else np.nan for v in values])) for metric in metrics}
