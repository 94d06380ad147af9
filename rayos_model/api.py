"""Everything the command `rayos` does, as functions that return runs, data frames and plans.

    from rayos_model.api import load_scenario, plan, run, sweep

    prediction = run(load_scenario("soak-16", duration_s=20), on="model")
    table = sweep(load_scenario("soak-16", duration_s=20), {"clients": [16, 64, 128]})
    plan(load_scenario("soak-16"), "clients", ["commit_to_present.p99<100ms"]).value

In Jupyter, runs, cross-checks and plans are displayed as tables and figures. Like every script that starts worker
processes, a script that calls `sweep`, `plan` or `tornado` needs the guard `if __name__ == "__main__":` unless it sets
`jobs=1`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rayos_model.analysis.bottleneck import latency_split, utilisation
from rayos_model.analysis.bounds import bounds
from rayos_model.analysis.output import batch_means, batch_quantile, mser5, replications, until_precise
from rayos_model.backends import SystemName, host, system
from rayos_model.calibration import load_calibration, load_recorded
from rayos_model.comparison import crosscheck as _crosscheck
from rayos_model.comparison.agreement import CrossCheck
from rayos_model.experiments.design import Range
from rayos_model.experiments.plan import plan
from rayos_model.experiments.plan_result import Plan
from rayos_model.experiments.sweep import summary, sweep
from rayos_model.experiments.tornado import tornado
from rayos_model.report import notebook
from rayos_model.report.perfetto import slices, write_perfetto
from rayos_model.run.run import Run
from rayos_model.run.system import execute
from rayos_model.scenario.files import load
from rayos_model.scenario.keys import value_of, with_changes
from rayos_model.scenario.scenario import Scenario

__all__ = [
    "CrossCheck",
    "Plan",
    "Range",
    "Run",
    "Scenario",
    "batch_means",
    "batch_quantile",
    "bounds",
    "crosscheck",
    "latency_split",
    "load_run",
    "load_scenario",
    "mser5",
    "plan",
    "replications",
    "run",
    "slices",
    "summary",
    "sweep",
    "system",
    "tornado",
    "until_precise",
    "utilisation",
    "value_of",
    "with_changes",
    "write_perfetto",
]

notebook.register()


def load_scenario(
    name_or_path: str | Path, *, duration_s: float | None = None, seed: int | None = None, **changes: Any
) -> Scenario:
    """Loads a shipped scenario by name or a TOML file by path. Raises `BadInput`.

    `duration_s` (virtual seconds) and `seed` replace those of the scenario, `changes` other top-level keys, such as
    `clients=64`. For dotted keys see `with_changes`.
    """
    return with_changes(load(name_or_path), changes).with_overrides(duration_s=duration_s, seed=seed)


def load_run(path: str | Path) -> Run:
    """Reads a run from its folder. Raises `BadInput` when it is not a complete run."""
    return Run.load(path)


def run(
    scenario: Scenario | str,
    on: SystemName = "model",
    *,
    platform: str = "icount",
    trace_points: bool = False,
    out: str | Path | None = None,
) -> Run:
    """Runs a scenario, given as an object or by name, and keeps the run in `out` (default: a new folder below `runs/`).

    `on` is the system, `"model"` or `"kernel"`. `platform` is how QEMU executes the kernel, and whose calibration the
    model uses. With `trace_points` the trace contains every control-flow point. Raises `BadInput`, `PlatformFailure` or
    `StorageFailure`.
    """
    what = load(scenario) if isinstance(scenario, str) else scenario
    return execute(system(on, platform, trace_points=trace_points), what, out)


def crosscheck(
    scenarios: Scenario | str | Iterable[Scenario | str], *, platform: str = "icount", recorded: bool = False
) -> CrossCheck:
    """Runs scenarios on both systems and compares every metric with its tolerance.

    With `recorded` the kernel runs kept with the calibration are used, and QEMU is not needed. Raises `BadInput`,
    `PlatformFailure` or `StorageFailure`.
    """
    several = [scenarios] if isinstance(scenarios, Scenario | str) else list(scenarios)
    what = [load(one) if isinstance(one, str) else one for one in several]
    kernel = (lambda one: load_recorded(one, platform)) if recorded else system("kernel", platform)
    calibrated = load_calibration(platform).provenance.get("kernel_sha256")
    paced = None if recorded else host(platform)
    return _crosscheck.crosscheck(what, system("model", platform), kernel, platform, calibrated, host=paced)
