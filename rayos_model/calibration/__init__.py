"""Calibration: parameters of the model, fitted from dedicated kernel runs. Never sees a validation scenario."""

from rayos_model.calibration.store import RecordedRun, load_calibration, load_recorded, record

__all__ = ["RecordedRun", "load_calibration", "load_recorded", "record"]
