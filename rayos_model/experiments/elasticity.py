"""How much each predicted metric depends on each calibrated parameter: elasticities, by finite differences.

All runs draw the same random numbers, so that the difference of two is the parameter's effect and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
import pandas as pd

from rayos_model.contract.metric_units import OPERATIONS
from rayos_model.costs.parameters import Parameters
from rayos_model.metrics.metrics import Metrics
from rayos_model.model import simulate
from rayos_model.scenario.scenario import Scenario

METRICS: Final = (
    *(f"{operation}.{statistic}" for operation in OPERATIONS for statistic in ("mean", "p99")),
    "cpu.mean",
    "memory.peak",
)
STEP: Final = 0.1
"""Relative step of a parameter; a quantile, known to 0.4 %, resolves elasticities from 0.04 on."""

_LEAST: Final = 0.005


def sensitivity(
    scenario: Scenario, parameters: Parameters, watch: Callable[[int, int], None] | None = None
) -> pd.DataFrame:
    """Elasticity of each of `METRICS` to each parameter: per cent of the metric for a per cent of the parameter.

    Columns: parameter, metric, elasticity; the largest first; those below 0.005 are left out. A parameter is all
    costs of one operation (thread and point) together, an overhead of scheduling, or a number of pages. `watch` is told
    (runs made, runs in all).
    """
    base = simulate(scenario, parameters)
    changed = dict(variations(parameters, 1 + STEP))
    rows = []
    for done, (name, other) in enumerate(changed.items()):
        if watch:
            watch(done, len(changed))
        effect = elasticities(base, simulate(scenario, other))
        rows += [(name, metric, value) for metric, value in effect.items() if abs(value) >= _LEAST]
    table = pd.DataFrame(rows, columns=["parameter", "metric", "elasticity"])
    return table.sort_values("elasticity", key=lambda column: -column.abs(), kind="stable", ignore_index=True)


def elasticities(base: Metrics, changed: Metrics) -> Mapping[str, float]:
    """Of the metrics that both have, to a parameter that is larger by `STEP`."""
    return {
        name: float(np.log(changed[name] / base[name]) / np.log1p(STEP))
        for name in METRICS
        if name in base.values and name in changed.values and base[name] > 0 and changed[name] > 0
    }


def variations(parameters: Parameters, factor: float) -> Iterator[tuple[str, Parameters]]:
    """Each parameter by name, with the set in which it, and it only, is multiplied by `factor`."""
    for overhead in ("dispatch_ns", "interrupt_ns", "idle_wake_ns", "space_switch_ns"):
        scaled = getattr(parameters.scheduling, overhead) * factor
        scheduling = parameters.scheduling.model_copy(update={overhead: scaled})
        yield f"scheduling.{overhead.removesuffix('_ns')}", parameters.model_copy(update={"scheduling": scheduling})
    for pages in ("base_pages", "pages_per_client", "pages_per_shm_page"):
        memory = parameters.memory.model_copy(update={pages: getattr(parameters.memory, pages) * factor})
        yield f"memory.{pages}", parameters.model_copy(update={"memory": memory})
    for kind in sorted(parameters.kinds):
        thread, _, label = kind.partition(".")
        segments = {
            pair: segment.scaled(factor) if pair.startswith(f"{thread}.") and pair.endswith(f">{label}") else segment
            for pair, segment in parameters.segments.items()
        }
        kinds = parameters.kinds | {kind: parameters.kinds[kind].scaled(factor)}
        yield kind, parameters.model_copy(update={"segments": segments, "kinds": kinds})
