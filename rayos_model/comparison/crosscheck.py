"""Cross-check: the same scenario on model and kernel, compared per metric and per event.

Predictions use calibrated parameters only. Must not fit anything to the runs that it compares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from rayos_model.analysis.degradation import DegradationAnalyzer
from rayos_model.calibration.pace import Host
from rayos_model.comparison.agreement import (
    CrossCheck,
    Measured,
    MetricCheck,
    ScenarioCheck,
    compare,
    compare_curves,
    compare_repeated,
    pair_events,
)
from rayos_model.metrics.metrics import OPERATION_KIND
from rayos_model.run.run import Run
from rayos_model.run.system import ProgressFn, System, execute
from rayos_model.scenario.scenario import Scenario
from rayos_model.toolchain.temporary import temporary_folder

RUNS: Final = 5
"""Runs of each system where runs vary: on several CPUs, and on a platform with noise."""

DETERMINISTIC: Final = "icount"
"""The platform without noise, on which a run repeats exactly."""


def runs_needed(scenario: Scenario, platform: str) -> int:
    """Default number of runs of each system in a comparison.

    With one CPU on `icount`, a run and its prediction can be compared event by event. With several CPUs, nanoseconds
    decide which thread runs where; on other platforms there is noise. There only distributions can be compared.
    """
    return 1 if scenario.machine.vcpus == 1 and platform == DETERMINISTIC else RUNS


def crosscheck(
    scenarios: Iterable[Scenario],
    model: System,
    kernel: System | Callable[[Scenario], Measured],
    platform: str,
    calibrated_kernel: str | None = None,
    progress: Callable[[str], ProgressFn] | None = None,
    repeat: int | None = None,
    host: Host | None = None,
) -> CrossCheck:
    """Runs each scenario on the model and on the kernel, and compares. Raises what running raises.

    * `kernel`: a system, or a function that returns the recorded run of a scenario.
    * `calibrated_kernel`: hash of the kernel that the model is calibrated on; a run of another one adds a notice.
    * `repeat`: number of runs of each system, each with the next seed: 1, or at least 3; default `runs_needed`.
    * `host`: for a kernel that runs against the wall clock. Its pace is measured before each kernel run and after the
      last one; its model at the mean pace replaces `model`.
    """

    def check(scenario: Scenario) -> ScenarioCheck:
        def run(system: System, role: str, number: int = 0, runs: int = 1) -> Run:
            seed = scenario.seed + number
            label = f"{scenario.name} on {role}" + (f" ({number + 1} of {runs})" if runs > 1 else "")
            out = Path(scratch, f"{role}-{seed}")
            return execute(system, scenario.with_overrides(seed=seed), out, progress and progress(label))

        with temporary_folder("crosscheck") as scratch:
            if callable(kernel):
                return check_runs(kernel(scenario), run(model, "model"), calibrated_kernel)
            runs = repeat or runs_needed(scenario, platform)
            if host is None:
                predicted = [run(model, "model", number, runs) for number in range(runs)]
                measured = [run(kernel, "kernel", number, runs) for number in range(runs)]
                pace_notices: tuple[str, ...] = ()
            else:
                paces, measured = [host.pace(progress)], []
                for number in range(runs):
                    measured.append(run(kernel, "kernel", number, runs))
                    paces.append(host.pace(progress))
                paced = host.model(paces)
                predicted = [run(paced, "model", number, runs) for number in range(runs)]
                pace_notices = (_pace_notice(scenario, [pace.general for pace in paces]),)
            if runs == 1:
                result = check_runs(measured[0], predicted[0], calibrated_kernel)
            else:
                result = check_repeated(measured, predicted, calibrated_kernel)
            return replace(result, notices=(*pace_notices, *result.notices))

    return CrossCheck(platform, tuple(map(check, scenarios)))


def _pace_notice(scenario: Scenario, paces: Sequence[float]) -> str:
    pace = float(np.exp(np.mean(np.log(paces))))
    return (
        f"{scenario.name}: predicted for a host that takes {pace:.2f} times as long as at calibration "
        f"({len(paces)} short runs between those compared: {min(paces):.2f} to {max(paces):.2f})"
    )


def check_runs(measured: Measured, predicted: Run, calibrated_kernel: str | None = None) -> ScenarioCheck:
    """Compare two runs of one scenario; also event by event if the kernel's run has its trace."""
    kinds = tuple(OPERATION_KIND.values())
    curves = _curves([measured], [predicted]) if isinstance(measured, Run) else ()
    return ScenarioCheck(
        predicted.scenario.name,
        (*curves, *compare(measured.metrics, predicted.metrics)),
        pair_events(measured.trace(*kinds), predicted.trace(*kinds)) if isinstance(measured, Run) else (),
        notices(measured.provenance, predicted.provenance, calibrated_kernel),
        predicted.scenario.duration_s,
        str(measured.provenance.get("kernel_sha256", "")),
    )


def check_repeated(
    measured: Sequence[Run], predicted: Sequence[Run], calibrated_kernel: str | None = None
) -> ScenarioCheck:
    """Compare several runs of one scenario on both systems."""
    kernel, model = measured[0].provenance, predicted[0].provenance
    spread = compare_repeated([run.metrics for run in measured], [run.metrics for run in predicted])
    return ScenarioCheck(
        predicted[0].scenario.name,
        (*_curves(measured, predicted), *spread),
        (),
        (
            *notices(kernel, model, calibrated_kernel),
            f"means of {len(measured)} runs of each system, each with another seed; a prediction also agrees "
            "within the 95 % prediction interval of one more run of the kernel",
        ),
        predicted[0].scenario.duration_s,
        str(kernel.get("kernel_sha256", "")),
    )


def _curves(measured: Sequence[Run], predicted: Sequence[Run]) -> tuple[MetricCheck, ...]:
    """Compare the degradation curves; nothing for a load without steps."""
    if len(predicted[0].scenario.load.steps) < 2:
        return ()
    kernel, model = ([DegradationAnalyzer.of(run) for run in runs] for runs in (measured, predicted))
    return compare_curves(kernel, model, noisy=len(measured) > 1 and measured[0].platform != DETERMINISTIC)


def notices(
    measured: Mapping[str, Any], predicted: Mapping[str, Any], calibrated_kernel: str | None
) -> tuple[str, ...]:
    """Notices about a comparison from the provenance of both runs, such as a stale calibration."""
    found = []
    kernel = measured.get("kernel_sha256")
    if calibrated_kernel and kernel and kernel != calibrated_kernel:
        found.append(
            f"STALE CALIBRATION: fitted on kernel {calibrated_kernel[:12]}, this run is kernel {str(kernel)[:12]}; "
            "run `rayos calibrate`"
        )
    if extrapolation := predicted.get("extrapolation"):
        found.append(f"extrapolation: {extrapolation}")
    unseen = predicted.get("segments_not_calibrated")
    if unseen:
        found.append(f"{len(unseen)} kinds of segments are not calibrated and cost the average of their last point")
    return tuple(found)
