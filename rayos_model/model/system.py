"""The model as a system: runs a scenario in simulation and writes a run of the same form as the kernel's."""

from __future__ import annotations

from typing import Any

from rayos_model.errors import BadInput
from rayos_model.image import build_image
from rayos_model.model.machine import Machine
from rayos_model.parameters import Parameters
from rayos_model.run import RunWriter
from rayos_model.scenario import Scenario
from rayos_model.systems import Progress, ProgressFn


class ModelSystem:
    """Simulates scenarios with calibrated parameters; see docs/mechanism.md for what is simulated."""

    name = "model"

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters

    def run(self, scenario: Scenario, writer: RunWriter, progress: ProgressFn) -> None:
        """Simulates the scenario to its end, feeding the writer. Raises `BadInput` for more than one vCPU."""
        if scenario.machine.vcpus > 1:
            raise BadInput(
                f"{scenario.name}: machine.vcpus: the model knows one processor so far; run it on the kernel"
            )
        image = build_image(scenario)
        duration = image.settings.duration_ns

        def on_second(second: int, flips: int) -> None:
            progress(Progress(second * 1_000_000_000, duration, float(flips), "simulating"))

        machine = Machine(image, self.parameters, writer.trace, writer.marker, on_second)
        machine.run()
        writer.provenance(platform=self.parameters.platform, calibration=_identity(self.parameters.provenance))
        unseen = sorted(machine.compositor_costs.unseen | machine.client_costs.unseen)
        if unseen:
            writer.provenance(segments_not_calibrated=unseen)


def _identity(provenance: dict[str, Any]) -> dict[str, Any]:
    return {key: provenance.get(key) for key in ("kernel_sha256", "qemu_version", "date")}
