"""What matters: each parameter a little more and a little less, on the model, with the same random numbers."""

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
    """Parameters in which every segment of a class of threads costs `factor` times as much."""

    def all_of(table: Mapping[str, Segment]) -> dict[str, Segment]:
        return {name: s.scaled(factor) if name.startswith(f"{thread}.") else s for name, s in table.items()}

    return parameters.model_copy(update={"segments": all_of(parameters.segments), "kinds": all_of(parameters.kinds)})


def default_keys(scenario: Scenario) -> list[str]:
    """Keys of a scenario that a tornado varies unless told: clients, display, quantum, what each group does."""
    keys = ["clients", "display.refresh_hz", "display.repaint_window_us", "machine.quantum_us"]
    for index, group in enumerate(scenario.clients):
        keys += [f"clients.{index}.rate_hz"] if group.rate else []
        keys += [f"clients.{index}.damage"] if group.workload in ("rendering", "input") else []
    return keys


def tornado(
    scenario: Scenario,
    *,
    share: float = 0.1,
    metrics: Sequence[str] = METRICS,
    keys: Sequence[str] | None = None,
    replications: int = 2,
    parameters: Parameters | None = None,
    jobs: int | None = None,
    store: str | Path = STORE,
    done: Callable[[int, int], None] = lambda finished, total: None,
) -> pd.DataFrame:
    """Each parameter `share` less and more: what becomes of each metric.

    Parameters are numeric keys of the scenario (default: `default_keys`) and the calibrated CPU costs of compositor and
    clients (`cost.compositor`, `cost.client`). A variation that makes no valid scenario is left out (NaN), such as more
    than the whole damage. Returns one row a parameter and metric: parameter, metric, unit, base, less, more (means over
    replications), swing (relative to the base), the widest swings of each metric first. Raises `BadInput`.
    """
    if not 0 < share < 1:
        raise BadInput(f"share: expected a number between 0 and 1, got {share:g}")
    if parameters is None:
        from rayos_model.calibration import load_calibration

        parameters = load_calibration()
    names = default_keys(scenario) if keys is None else list(keys)
    cells: dict[tuple[str, float], Scenario] = {("", 0.0): scenario}
    for key in names:
        for sign in (-1.0, 1.0):
            variant = _variant(scenario, key, 1 + sign * share)
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
                other = scaled(parameters, thread, 1 + sign * share)
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
        raise BadInput(f"{key}: expected a key with a number, this one is {value!r}")
    changed: Any = value * factor
    if isinstance(value, int):
        changed = round(changed)
    try:
        return with_changes(scenario, {key: changed})
    except BadInput:
        return None


def _current(scenario: Scenario, key: str) -> Any:
    """The value of a key; of a group's rate and damage also where it is the workload's default."""
    value = value_of(scenario, key)
    _, _, rest = key.partition("clients.")
    index, _, name = rest.partition(".")
    if value is None and index.isdigit():
        group = scenario.clients[int(index)]
        return {"rate_hz": group.rate, "damage": group.damage_share}.get(name)
    return value


def _means(values: Sequence[Values], metrics: Sequence[str]) -> dict[str, float]:
    return {metric: float(np.mean([v[metric].value if metric in v else np.nan for v in values])) for metric in metrics}
