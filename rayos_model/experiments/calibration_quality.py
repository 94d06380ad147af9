"""The quality of a calibration: fit residuals, parameters that cannot be told apart, influence on predictions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pandas as pd

from rayos_model.calibration import load_calibration
from rayos_model.calibration.diagnostics import (
    Identifiability,
    fits,
    identifiability,
    load_segments,
    residuals,
)
from rayos_model.calibration.store import calibration_root
from rayos_model.costs.parameters import Parameters
from rayos_model.experiments.elasticity import sensitivity
from rayos_model.scenario import files

SENSITIVITY_SCENARIO: Final = "validation/mixed-4"
SENSITIVITY_DURATION_S: Final = 3.0


@dataclass(frozen=True)
class Diagnosis:
    """The diagnostics of one calibration; `segments` are the fitted observations with their residuals."""

    parameters: Parameters
    segments: pd.DataFrame
    fits: pd.DataFrame
    identifiability: tuple[Identifiability, ...]
    sensitivity: pd.DataFrame


def diagnose(platform: str, watch: Callable[[int, int], None] | None = None) -> Diagnosis:
    """Diagnostics of a platform's calibration. `watch`: see `sensitivity`. Raises `BadInput` when there is none."""
    parameters = load_calibration(platform)
    segments = load_segments(calibration_root() / platform)
    return Diagnosis(
        parameters,
        residuals(segments, parameters),
        fits(segments, parameters),
        tuple(identifiability(segments, parameters)),
        sensitivity(
            files.load(SENSITIVITY_SCENARIO).with_overrides(duration_s=SENSITIVITY_DURATION_S), parameters, watch
        ),
    )
