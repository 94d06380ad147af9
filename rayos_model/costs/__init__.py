"""Costs: calibrated parameters, and the cache, TLB and memory state that costs depend on.

Calibration computes these states from a trace, the model from its own walk; both use this code. Must not know how
parameters are fitted (`calibration/`) nor how they are spent (`model/`).
"""

from rayos_model.toolchain import model_build

model_build.use()
