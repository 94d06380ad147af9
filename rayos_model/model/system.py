"""The model as a system: runs a scenario in simulation and writes a run of the same form as the kernel's."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

from rayos_model.contract.abi import Detection
from rayos_model.contract.trace_record import Records
from rayos_model.costs.parameters import Parameters
from rayos_model.errors import BadInput
from rayos_model.metrics.collector import MetricsCollector
from rayos_model.metrics.metrics import Metrics
from rayos_model.model.disk.store import Contents
from rayos_model.model.interrupts import deferred_interrupts
from rayos_model.model.machine import Machine
from rayos_model.run.system import Progress, ProgressFn
from rayos_model.run.writer import RunWriter
from rayos_model.scenario.compile import build_image
from rayos_model.scenario.scenario import Scenario

VALIDATED_VCPUS: Final = {"icount": (1, 2, 4, 8, 16)}
"""Numbers of processors at which predictions were compared with the kernel, by platform."""


class ModelSystem:
    """Simulates scenarios with calibrated parameters; see docs/explanation/mechanism.md for what is simulated.

    `trace_points` keeps every control-flow point in the trace, not measurements only. The CPU time of a segment is then
    its own demand, without interrupts and dispatches (the kernel's includes them, and counts them). `detectors_off`
    blinds detectors of failures, which proves that a test that relies on them can fail. `disk` is what `power_cut` has
    left; without it a scenario with a disk starts with an empty one.
    """

    name = "model"

    def __init__(
        self,
        parameters: Parameters,
        trace_points: bool = False,
        detectors_off: Collection[Detection] = (),
        disk: Contents | None = None,
    ) -> None:
        self.parameters = parameters
        self.disk = disk
        self.trace_points = trace_points
        self.detectors_off = detectors_off

    def run(self, scenario: Scenario, writer: RunWriter, progress: ProgressFn) -> None:
        """Simulates the scenario to its end, feeding the writer.

        Raises `BadInput` for several processors with faults, or whose points are wanted.
        """
        if scenario.machine.vcpus > 1 and scenario.faults:
            raise BadInput(f"{scenario.name}: machine.vcpus: the model injects faults on one processor only")
        if scenario.machine.vcpus > 1 and self.trace_points:
            raise BadInput(f"{scenario.name}: machine.vcpus: the model traces points of one processor only")
        image = build_image(scenario, detectors_off=self.detectors_off)
        duration = image.settings.duration_ns

        def on_second(second: int, flips: int) -> None:
            progress(Progress(second * 1_000_000_000, duration, float(flips), "simulating"))

        with deferred_interrupts() as check:

            def records(chunk: Records) -> None:
                check()
                writer.trace(chunk)

            machine = Machine(image, self.parameters, records, writer.marker, on_second, self.trace_points, self.disk)
            machine.run()
        calibration = _identity(self.parameters.provenance)
        writer.provenance(platform=self.parameters.platform, calibration=calibration, trace_points=self.trace_points)
        platform, vcpus = self.parameters.platform, scenario.machine.vcpus
        if vcpus not in VALIDATED_VCPUS.get(platform, ()):
            writer.provenance(extrapolation=f"no kernel run on {vcpus} vCPUs of {platform} was compared with the model")
        if unseen := machine.segments_not_calibrated:
            writer.provenance(segments_not_calibrated=unseen)


def simulate(scenario: Scenario, parameters: Parameters) -> Metrics:
    """The metrics that a run of the model has, without keeping the run: for the many runs of a sweep or a search."""
    collector = MetricsCollector(scenario)
    with deferred_interrupts() as check:

        def records(chunk: Records) -> None:
            check()
            collector.feed(chunk)

        Machine(build_image(scenario), parameters, records, lambda line: None, lambda second, flips: None).run()
    return collector.result()


def power_cut(
    scenario: Scenario, parameters: Parameters, instant_ns: int, records: Callable[[Records], None]
) -> Contents:
    """What is on the disk when a run's power is cut at that instant, ns; `records` gets its trace until then.

    Raises `BadInput` when the scenario has no disk.
    """
    machine = Machine(build_image(scenario), parameters, records, lambda line: None, lambda second, flips: None)
    if machine.core.disk is None:
        raise BadInput(f"{scenario.name}: machine.disk_mb: there is no disk that could outlive a power cut")
    machine.run_until(instant_ns)
    return machine.core.disk.store.contents


def _identity(provenance: dict[str, Any]) -> dict[str, Any]:
    return {key: provenance.get(key) for key in ("kernel_sha256", "qemu_version", "date")}
