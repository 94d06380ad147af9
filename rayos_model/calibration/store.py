"""Where calibrations and recorded kernel runs live, and how they are found again.

In a checkout `calibration/<platform>/`, in an installed package `rayos_model/_calibration/<platform>/`. Text only:
`parameters.json` (the fit), `segments.csv` (what was fitted, aggregated), `recorded/<scenario>/`
(validation runs of the kernel, without their traces).
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rayos_model.costs.parameters import Parameters
from rayos_model.errors import BadInput
from rayos_model.metrics.metrics import Metrics
from rayos_model.run.run import MARKERS, METRICS, PROVENANCE, SCENARIO, Run
from rayos_model.scenario.files import load
from rayos_model.scenario.scenario import Scenario
from rayos_model.toolchain.atomic import folder_aside
from rayos_model.toolchain.sources import PACKAGE

PARAMETERS = "parameters.json"
RECORDED = "recorded"


def calibration_root() -> Path:
    """The directory that holds one sub-directory a platform."""
    checkout = PACKAGE.parent / "calibration"
    return checkout if checkout.is_dir() else PACKAGE / "_calibration"


def load_calibration(platform: str = "icount") -> Parameters:
    """The shipped or last made calibration of a platform. Raises `BadInput` when there is none or it is damaged."""
    path = calibration_root() / platform / PARAMETERS
    try:
        return Parameters.load(path)
    except FileNotFoundError:
        raise BadInput(
            f"no calibration for platform {platform!r}: run `rayos calibrate --platform {platform}` first"
        ) from None
    except (OSError, ValidationError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise BadInput(f"{path}: damaged calibration ({first}); run `rayos calibrate --platform {platform}`") from None


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A kernel run kept without its trace: enough to compare every metric."""

    path: Path
    scenario: Scenario
    provenance: dict[str, Any]
    metrics: Metrics


def record(run: Run, root: Path) -> None:
    """Keeps a run's text files below `root`, replacing an older recording of the same scenario."""
    target = root / RECORDED / run.scenario.name
    with folder_aside(target, "the recorded run") as aside:
        for name in (SCENARIO, PROVENANCE, MARKERS, METRICS):
            shutil.copy(run.path / name, aside / name)


def load_recorded(scenario: Scenario, platform: str) -> RecordedRun:
    """The recorded kernel run of a scenario. Raises `BadInput` when none was kept or the scenario has changed since."""
    path = calibration_root() / platform / RECORDED / scenario.name
    if not path.is_dir():
        kept = sorted(p.name for p in path.parent.glob("*")) if path.parent.is_dir() else []
        raise BadInput(
            f"no recorded {platform} run of {scenario.name!r} (recorded: {', '.join(kept) or 'none'}); "
            "run without --recorded where QEMU is installed"
        )
    try:
        provenance = dict(json.loads((path / PROVENANCE).read_text("utf-8")))
        if not provenance:
            raise ValueError(f"{PROVENANCE} says nothing")
        metrics = Metrics.from_dict(json.loads((path / METRICS).read_text("utf-8")))
        recorded = load(path / SCENARIO)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path}: damaged recording: {error}") from None
    if recorded != scenario:
        raise BadInput(f"{path}: recorded for another version of {scenario.name!r}; run without --recorded")
    return RecordedRun(path, recorded, provenance, metrics)
