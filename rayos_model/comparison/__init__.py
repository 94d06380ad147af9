"""Comparing runs of one scenario: statistics over blocks of time, verdicts, and which operation explains a change."""

from rayos_model.comparison.attribution import OperationChange, attribute, attribute_to_calibration
from rayos_model.comparison.runs import Change, Comparison, compare_runs

__all__ = ["Change", "Comparison", "OperationChange", "attribute", "attribute_to_calibration", "compare_runs"]
