"""Model against kernel: the same scenario on both, metric by metric and event by event.

The prediction is made from calibrated parameters before the kernel's run is looked at; nothing is fitted here.
"""

from __future__ import annotations

import tempfile
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

RUNS: Final = 5
"""Of each system, where one run is as good as another: on several processors, and where a platform has noise."""

DETERMINISTIC: Final = "icount"
"""The platform without noise."""


def runs_needed(scenario: Scenario, platform: str) -> int:
    """How many runs of each system a comparison takes where nobody says it.

    On one processor of `icount` a run and its prediction follow each other event by event. On several, which thread
    runs where is decided within nanoseconds, and elsewhere there is noise: there only distributions can be compared.
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
    """Runs each scenario on the model, then on the kernel (or takes its recorded run), and compares.

    `kernel` is a system, or a function that gives the recorded run of a scenario. `calibrated_kernel` is the hash of
    the kernel that the model was calibrated on; a run of another is noticed loudly. `repeat` (1, or at least 3;
    default: `runs_needed`) is how often both run, each time with the next seed. `host`, where the kernel runs against
    the wall clock, tells its pace before each of the kernel's runs and after the last; predictions are made for that
    pace, by a model of its own in place of `model`. Raises what running raises.
    """

    def check(scenario: Scenario) -> ScenarioCheck:
        def run(system: System, role: str, number: int = 0, runs: int = 1) -> Run:
            seed = scenario.seed + number
            label = f"{scenario.name} on {role}" + (f" ({number + 1} of {runs})" if runs > 1 else "")
            out = Path(scratch, f"{role}-{seed}")
            return execute(system, scenario.with_overrides(seed=seed), out, progress and progress(label))

        with tempfile.TemporaryDirectory(prefix="rayos-crosscheck-") as scratch:
            if callable(kernel):
                return check_runs(kernel(scenario), run(model, "model"), calibrated_kernel)
            runs = repeat or runs_needed(scenario, platform)
            if host is None:
                predicted = [run(model, "model", number, runs) for number in range(runs)]
                measured = [run(kernel, "kernel", number, runs) for number in range(runs)]
                told: tuple[str, ...] = ()
            else:
                paces, measured = [host.pace(progress)], []
                for number in range(runs):
                    measured.append(run(kernel, "kernel", number, runs))
                    paces.append(host.pace(progress))
                paced = host.model(paces)
                predicted = [run(paced, "model", number, runs) for number in range(runs)]
                told = (_pace_notice(scenario, [pace.general for pace in paces]),)
            if runs == 1:
                result = check_runs(measured[0], predicted[0], calibrated_kernel)
            else:
                result = check_repeated(measured, predicted, calibrated_kernel)
            return replace(result, notices=(*told, *result.notices))

    return CrossCheck(platform, tuple(map(check, scenarios)))


def _pace_notice(scenario: Scenario, paces: Sequence[float]) -> str:
    pace = float(np.exp(np.mean(np.log(paces))))
    return (
        f"{scenario.name}: predicted for a host on which things take {pace:.2f} times as long as when it was "
        f"calibrated ({len(paces)} short runs between those compared: {min(paces):.2f} to {max(paces):.2f})"
    )


def check_runs(measured: Measured, predicted: Run, calibrated_kernel: str | None = None) -> ScenarioCheck:
    """The comparison of two runs of one scenario; event by event where the kernel's run has kept its trace."""
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
    """The comparison of several runs of one scenario on both systems."""
    kernel, model = measured[0].provenance, predicted[0].provenance
    spread = compare_repeated([run.metrics for run in measured], [run.metrics for run in predicted])
    return ScenarioCheck(
        predicted[0].scenario.name,
        (*_curves(measured, predicted), *spread),
        (),
        (
            *notices(kernel, model, calibrated_kernel),
            f"means of {len(measured)} runs of each system, each with a seed of its own; a prediction also agrees "
            "within the 95 % interval of one more run of the kernel",
        ),
        predicted[0].scenario.duration_s,
        str(kernel.get("kernel_sha256", "")),
    )


def _curves(measured: Sequence[Run], predicted: Sequence[Run]) -> tuple[MetricCheck, ...]:
    """The comparison of the degradation curves, where the load goes in steps."""
    if len(predicted[0].scenario.load.steps) < 2:
        return ()
    kernel, model = ([DegradationAnalyzer.of(run) for run in runs] for runs in (measured, predicted))
    return compare_curves(kernel, model, noisy=len(measured) > 1 and measured[0].platform != DETERMINISTIC)


def notices(
    measured: Mapping[str, Any], predicted: Mapping[str, Any], calibrated_kernel: str | None
) -> tuple[str, ...]:
    """What a reader of a comparison must know, from the provenance of both runs: a stale calibration above all."""
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
        found.append(f"{len(unseen)} kinds of segments were never seen in calibration and cost their kind's average")
    return tuple(found)
