"""Everything the command `rayos` does, as functions: data frames, figures and objects that show themselves in Jupyter.

    from rayos_model.api import load_scenario, plan, run, sweep

    prediction = run(load_scenario("soak-16", duration_s=20), on="model")
    table = sweep(load_scenario("soak-16", duration_s=20), {"clients": [16, 64, 128]})
    plan(load_scenario("soak-16"), "clients", ["commit_to_present.p99<100ms"]).value

A script that calls `sweep` or `plan` with more than one job guards its top level with `if __name__ == "__main__":`, as
any that starts worker processes.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from rayos_model import crosscheck as _crosscheck
from rayos_model.analysis.bottleneck import latency_split, utilisation
from rayos_model.analysis.bounds import bounds
from rayos_model.analysis.output import batch_means, batch_quantile, mser5, replications, until_precise
from rayos_model.analysis.sensitivity import tornado
from rayos_model.calibration import load_calibration, load_recorded
from rayos_model.calibration.pace import Host
from rayos_model.crosscheck import CrossCheck
from rayos_model.keys import value_of, varied
from rayos_model.model import ModelSystem
from rayos_model.plan import Plan, plan
from rayos_model.run import Run
from rayos_model.scenario import Scenario, load
from rayos_model.sweep import Range, summary, sweep
from rayos_model.systems import System, execute
from rayos_model.timeline import slices, write_perfetto

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
    "varied",
    "write_perfetto",
]


def load_scenario(
    name_or_path: str | Path, *, duration_s: float | None = None, seed: int | None = None, **changes: Any
) -> Scenario:
    """A shipped scenario by name, or one from a file; for another duration or seed, with `clients=…` or other
    top-level keys changed (dotted keys: `varied`). Raises `BadInput`.
    """
    return varied(load(name_or_path), changes).with_overrides(duration_s=duration_s, seed=seed)


def load_run(path: str | Path) -> Run:
    """A run that was kept. Raises `BadInput` when it is not complete."""
    return Run.load(path)


def system(on: Literal["model", "kernel"], platform: str = "icount", *, trace_points: bool = False) -> System:
    """The model (with the calibration of a platform) or the kernel (on a platform). Raises `BadInput`."""
    if on == "kernel":
        from rayos_model.hardware import KernelSystem

        return KernelSystem(platform, trace_points)
    return ModelSystem(load_calibration(platform), trace_points)


def host(platform: str) -> Host | None:
    """What tells the pace of this host; None where the platform does not depend on it. Raises `BadInput`."""
    parameters = load_calibration(platform)
    if not parameters.pace_ns:
        return None
    return Host(system("kernel", platform, trace_points=True), parameters, ModelSystem)


def run(
    scenario: Scenario | str,
    on: Literal["model", "kernel"] = "model",
    *,
    platform: str = "icount",
    trace_points: bool = False,
    out: str | Path | None = None,
) -> Run:
    """Run a scenario and keep the run in `out` (default: a new directory below `runs/`).

    Raises `BadInput`, `PlatformFailure` (of the kernel) or `StorageFailure`.
    """
    what = load(scenario) if isinstance(scenario, str) else scenario
    return execute(system(on, platform, trace_points=trace_points), what, out)


def crosscheck(
    scenarios: Scenario | str | Iterable[Scenario | str], *, platform: str = "icount", recorded: bool = False
) -> CrossCheck:
    """Run scenarios on both systems and compare; with `recorded` the kept kernel runs take the kernel's place.

    Raises `BadInput`, `PlatformFailure` or `StorageFailure`.
    """
    several = [scenarios] if isinstance(scenarios, Scenario | str) else list(scenarios)
    what = [load(one) if isinstance(one, str) else one for one in several]
    kernel = (lambda one: load_recorded(one, platform)) if recorded else system("kernel", platform)
    calibrated = load_calibration(platform).provenance.get("kernel_sha256")
    paced = None if recorded else host(platform)
    return _crosscheck.crosscheck(what, system("model", platform), kernel, platform, calibrated, host=paced)
