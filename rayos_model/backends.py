"""Systems by name: the model with a calibration, or the kernel on a platform. The only place that makes them by name.

Model and hardware are imported only when chosen, so that the command line starts quickly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from rayos_model.errors import BadInput
from rayos_model.run.system import System

if TYPE_CHECKING:
    from rayos_model.calibration.pace import Host

SystemName = Literal["model", "kernel"]
"""The names of the two systems."""


def system(on: SystemName, platform: str = "icount", *, trace_points: bool = False, record: bool = False) -> System:
    """The model with the calibration of `platform`, or the kernel executed on `platform`.

    With `trace_points` traces contain every control-flow point. With `record` QEMU records kernel runs for a replay;
    the model ignores it. Raises `BadInput` for another name, an unknown platform, or a model without calibration.
    """
    if on == "kernel":
        from rayos_model.hardware import KernelSystem

        return KernelSystem(platform, trace_points, record=record)
    if on == "model":
        from rayos_model.calibration.store import load_calibration
        from rayos_model.model import ModelSystem

        return ModelSystem(load_calibration(platform), trace_points)
    raise BadInput(f"no system is named {on!r}: expected {' or '.join(get_args(SystemName))}")


def host(platform: str) -> Host | None:
    """What measures this host's speed on a platform; None when results on the platform do not depend on the host.

    Raises `BadInput` when the platform has no calibration.
    """
    from rayos_model.calibration.pace import Host
    from rayos_model.calibration.store import load_calibration
    from rayos_model.model import ModelSystem

    parameters = load_calibration(platform)
    if not parameters.pace_ns:
        return None
    return Host(system("kernel", platform, trace_points=True), parameters, ModelSystem)
