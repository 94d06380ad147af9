"""Elasticity of each predicted metric to each calibrated parameter, by finite differences.

All runs draw the same random numbers, so the difference between two is the effect of the parameter alone.
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
"""Relative step of a parameter. Quantiles are exact to 0.4 %, so they resolve elasticities of 0.04 and more."""

_MIN_ELASTICITY: Final = 0.005
"""Smaller ones are left out of the table."""


def sensitivity(
    scenario: Scenario, parameters: Parameters, watch: Callable[[int, int], None] | None = None
) -> pd.DataFrame:
    """Elasticity of each of `METRICS` to each parameter: change of the metric in % per 1 % of the parameter.

    One row for each pair, largest magnitude first, without those below 0.005. Columns: parameter, metric, elasticity.
    A parameter is a scheduling overhead, a number of pages, or the costs of one operation (thread and point) taken
    together. `watch(done, total)` is called before each run.
    """
    base = simulate(scenario, parameters)
    changed = dict(variations(parameters, 1 + STEP))
    rows = []
    for done, (name, other) in enumerate(changed.items()):
        if watch:
            watch(done, len(changed))
        effect = elasticities(base, simulate(scenario, other))
        rows += [(name, metric, value) for metric, value in effect.items() if abs(value) >= _MIN_ELASTICITY]
    table = pd.DataFrame(rows, columns=["parameter", "metric", "elasticity"])
    return table.sort_values("elasticity", key=lambda column: -column.abs(), kind="stable", ignore_index=True)


def elasticities(base: Metrics, changed: Metrics) -> Mapping[str, float]:
    """Elasticity of each metric that both runs measured; `changed` has one parameter larger by `STEP`."""
    return {
        name: float(np.log(changed[name] / base[name]) / np.log1p(STEP))
        for name in METRICS
        if name in base.values and name in changed.values and base[name] > 0 and changed[name] > 0
    }


def variations(parameters: Parameters, factor: float) -> Iterator[tuple[str, Parameters]]:
    """Yields each parameter's name and the parameters with that one multiplied by `factor`."""
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
