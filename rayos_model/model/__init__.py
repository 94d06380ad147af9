"""The simulation model (SimPy). Knows nothing of QEMU, kernel runs or how its parameters were found."""

from rayos_model.model.system import ModelSystem, simulate

__all__ = ["ModelSystem", "simulate"]
