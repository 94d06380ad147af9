"""The simulation model (SimPy). Knows nothing of QEMU, kernel runs or how its parameters were found."""

from rayos_model.toolchain import model_build

model_build.use()

from rayos_model.model.system import ModelSystem, simulate  # noqa: E402

__all__ = ["ModelSystem", "simulate"]
