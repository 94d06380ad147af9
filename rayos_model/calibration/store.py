"""Store of calibrations and recorded kernel runs.

It is `calibration/<platform>/` in a checkout, `rayos_model/_calibration/<platform>/` in an installed package, and holds
text only: `parameters.json` (the fit), `segments.csv` (the segments fitted, aggregated), `recorded/<scenario>/`
(validation runs of the kernel, without their traces).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rayos_model.contract import strict
from rayos_model.costs.parameters import Parameters
from rayos_model.errors import BadInput
from rayos_model.metrics.metrics import METRICS_FORM, Metrics
from rayos_model.run.provenance import PROVENANCE_FORM
from rayos_model.run.run import MARKERS, METRICS, PROVENANCE, SCENARIO, Run
from rayos_model.scenario.files import load
from rayos_model.scenario.scenario import Scenario
from rayos_model.toolchain.atomic import folder_aside
from rayos_model.toolchain.sources import PACKAGE

PARAMETERS = "parameters.json"
RECORDED = "recorded"


def calibration_root() -> Path:
    """The directory with one sub-directory per platform."""
    checkout = PACKAGE.parent / "calibration"
    return checkout if checkout.is_dir() else PACKAGE / "_calibration"


def load_calibration(platform: str = "icount") -> Parameters:
    """The stored calibration of a platform. Raises `BadInput` when there is none or it is damaged."""
    path = calibration_root() / platform / PARAMETERS
    if not path.exists():
        raise BadInput(f"no calibration for platform {platform!r}: run `rayos calibrate --platform {platform}` first")
    try:
        return Parameters.load(path)
    except BadInput as error:
        raise BadInput(f"{error}; `rayos calibrate --platform {platform}` makes a new calibration") from None


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A kernel run stored without its trace; every metric can be compared."""

    path: Path
    scenario: Scenario
    provenance: dict[str, Any]
    metrics: Metrics


def record(run: Run, root: Path) -> None:
    """Stores a run's text files below `root`; replaces an older recording of the same scenario."""
    target = root / RECORDED / run.scenario.name
    with folder_aside(target, "the recorded run") as aside:
        for name in (SCENARIO, PROVENANCE, MARKERS, METRICS):
            shutil.copy(run.path / name, aside / name)


def load_recorded(scenario: Scenario, platform: str) -> RecordedRun:
    """The recorded kernel run of a scenario.

    Raises `BadInput` when there is none, when it is damaged, or when the scenario has changed since.
    """
    path = calibration_root() / platform / RECORDED / scenario.name
    if not path.is_dir():
        kept = sorted(p.name for p in path.parent.glob("*")) if path.parent.is_dir() else []
        raise BadInput(
            f"no recorded {platform} run of {scenario.name!r} (recorded: {', '.join(kept) or 'none'}); "
            "run without --recorded where QEMU is installed"
        )
    recorded = load(path / SCENARIO)
    provenance = strict.read(path / PROVENANCE, PROVENANCE_FORM).model_dump(exclude_unset=True)
    try:
        metrics = Metrics.of(strict.read(path / METRICS, METRICS_FORM))
    except ValueError as error:
        raise BadInput(f"{path / METRICS}: {error}") from None
    if recorded != scenario:
        raise BadInput(f"{path}: recorded for another version of {scenario.name!r}; run without --recorded")
    return RecordedRun(path, recorded, provenance, metrics)
