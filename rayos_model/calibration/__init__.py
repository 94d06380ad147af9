"""Calibration: fits the model's parameters to dedicated kernel runs, and stores them with recorded runs.

Must not see a validation scenario, nor how the model spends the parameters.
"""

from rayos_model.calibration.store import RecordedRun, load_calibration, load_recorded, record

__all__ = ["RecordedRun", "load_calibration", "load_recorded", "record"]
