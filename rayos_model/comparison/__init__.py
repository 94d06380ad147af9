"""Comparison of runs: model against kernel (cross-check and its history), and two runs of one system.

Must not know how a run is made, nor how results are shown.
"""

from rayos_model.comparison.attribution import OperationChange, attribute, attribute_to_calibration
from rayos_model.comparison.runs import Change, Comparison, compare_runs

__all__ = ["Change", "Comparison", "OperationChange", "attribute", "attribute_to_calibration", "compare_runs"]
