"""Failure injection on any system: what was injected, found, recovered from, and what it cost others.

injector = FailureInjector([ClientWorkload.of("rendering", count=8)], [Scenario.of("client_crash", rate_hz=1)], 60)
result = injector.run(ModelSystem(load_calibration("icount")))
assert result.passed, result.diagnostics

Must not know which system it runs on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rayos_model.contract.abi import FAULT_TARGET_DISK, FAULT_TARGET_HEAP, FAULT_TARGET_NETWORK, FaultKind
from rayos_model.contract.fault_kinds import FAULT_VARIANTS, FaultKindName
from rayos_model.harness.workload import ClientWorkload
from rayos_model.metrics.fault_ledger import Cascade, FaultLedger, InjectedFault
from rayos_model.metrics.metrics import Metrics
from rayos_model.run.run import Run
from rayos_model.run.system import ProgressFn, System, execute
from rayos_model.scenario.criteria import Criterion
from rayos_model.scenario.scenario import Scenario as RunScenario
from rayos_model.scenario.scenario import from_dict
from rayos_model.scenario.tables import NS, RECOVERY_LIMIT_S
from rayos_model.verdict.verdict import criteria_of

RECOVERY_LIMIT_NS: Final = round(RECOVERY_LIMIT_S * NS)

_SECONDLY: Final[Mapping[str, str]] = {
    "frame_rate.min": "fps",
    "frame_rate.mean": "fps",
    "commit_to_present.p99": "p99_us",
    "cpu.max": "cpu_percent",
    "cpu.mean": "cpu_percent",
    "memory.peak": "memory_kb",
}
"""Metrics whose criterion can be asked of a single second → the column of the per-second table."""


@dataclass(frozen=True, slots=True)
class FailureScenario:
    """A named failure and its schedule; `settings` are the other keys of `[[faults]]`: at_s or rate_hz, target …"""

    kind: FaultKindName
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, kind: FaultKindName, **settings: Any) -> FailureScenario:
        """A failure by name. Whether its settings are valid is found when a run is made of it."""
        return cls(kind, settings)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The failures there are."""
        return tuple(FAULT_VARIANTS)

    def to_fault(self) -> dict[str, Any]:
        """Its `[[faults]]` table."""
        return {"kind": self.kind, **self.settings}


Scenario = FailureScenario


class RecoveryValidator:
    """Judges the recovery of each fault of a run, from its trace and its per-second table."""

    def __init__(self, run: Run) -> None:
        self.run = run
        ledger = FaultLedger()
        ledger.feed(run.trace())
        self.faults: tuple[InjectedFault, ...] = tuple(ledger.faults)
        self.cascades: tuple[Cascade, ...] = tuple(ledger.cascades)
        criteria = criteria_of(run.scenario)
        self._asked = [(column, criteria[name]) for name, column in _SECONDLY.items() if name in criteria]

    def second_holds(self, second: int) -> bool:
        """Whether every criterion that can be asked of one second held in `[second, second + 1)`."""
        return all(self._holds(criterion, column, second) for column, criterion in self._asked)

    def _holds(self, criterion: Criterion, column: str, second: int) -> bool:
        measured = self.run.metrics.seconds[column][second]
        return measured is None or criterion.holds(measured)

    def criteria_recovery_ns(self, fault: InjectedFault) -> int | None:
        """From injection to the start of the first second in which all criteria hold again; 0 when they never broke.

        None when they do not hold again before the run ends.
        """
        first = fault.injected_ns // NS
        last = int(self.run.scenario.duration_s)
        for second in range(first, last):
            if self.second_holds(second):
                return 0 if second == first else second * NS - fault.injected_ns
        return None

    def late_seconds(self) -> list[int]:
        """Seconds that break a criterion although no fault struck within the recovery limit before them."""
        strikes = [fault.injected_ns for fault in self.faults]
        warmup = -(-self.run.scenario.warmup_ns // NS)
        return [
            second
            for second in range(warmup, int(self.run.scenario.duration_s))
            if not self.second_holds(second)
            and not any(at - NS < second * NS < at + RECOVERY_LIMIT_NS for at in strikes)
        ]

    def problems(self) -> Iterator[str]:
        """One line for each fault that was not detected or not recovered from in time, and for each cascade."""
        for fault in self.faults:
            what = f"{fault.kind.name.lower()} of {_name(fault.target)} at {fault.injected_ns / NS:.6f} s"
            if fault.detected_after_ns is None:
                yield f"{what}: not detected"
            if fault.recovered_after_ns is None or fault.recovered_after_ns >= RECOVERY_LIMIT_NS:
                yield f"{what}: not recovered from within {RECOVERY_LIMIT_S:g} s"
            criteria = self.criteria_recovery_ns(fault)
            if criteria is None or criteria >= RECOVERY_LIMIT_NS:
                yield f"{what}: criteria did not hold again within {RECOVERY_LIMIT_S:g} s"
        for cascade in self.cascades:
            yield (
                f"cascade: {cascade.seen.name} of {_name(cascade.target)} at {cascade.time_ns / NS:.6f} s, "
                "whom nothing had struck"
            )
        for second in self.late_seconds():
            yield f"cascade: criteria broken in second {second}, with no fault in the {RECOVERY_LIMIT_S:g} s before"


@dataclass(frozen=True, slots=True)
class FailureInjectionResult:
    """The outcome of a run with injected failures; `diagnostics` has one line for each thing that went wrong."""

    run: Run
    passed: bool
    faults: tuple[InjectedFault, ...]
    cascades: tuple[Cascade, ...]
    diagnostics: tuple[str, ...]

    @property
    def metrics(self) -> Metrics:
        return self.run.metrics

    def of_kind(self, kind: FaultKind) -> list[InjectedFault]:
        """The faults of one kind, in order of injection."""
        return [fault for fault in self.faults if fault.kind is kind]

    @classmethod
    def of(cls, run: Run) -> FailureInjectionResult:
        """Judge a finished run."""
        validator = RecoveryValidator(run)
        lines = [
            f"{verdict.metric}: required {verdict.required}, "
            + ("not measured" if verdict.measured is None else f"measured {verdict.measured:g} {verdict.unit}".rstrip())
            for verdict in run.verdicts
            if not verdict.ok
        ]
        lines += validator.problems()
        return cls(run, not lines, validator.faults, validator.cascades, tuple(lines))


class FailureInjector:
    """Clients, failures and a duration. Raises `BadInput` when they make no valid scenario."""

    def __init__(
        self,
        workloads: Iterable[ClientWorkload],
        failures: Iterable[FailureScenario],
        duration_s: float,
        *,
        name: str = "failure",
        seed: int = 1,
        criteria: Mapping[str, str] | None = None,
        **tables: Mapping[str, Any],
    ) -> None:
        """`tables` are further top-level tables of a scenario: `machine`, `display`, `limits`."""
        self.scenario = from_dict(
            {
                "name": name,
                "kind": "failure",
                "duration_s": duration_s,
                "seed": seed,
                "clients": [workload.to_group() for workload in workloads],
                "faults": [failure.to_fault() for failure in failures],
                "criteria": dict(criteria or {}),
                **tables,
            },
            source=name,
        )

    @classmethod
    def for_scenario(cls, scenario: RunScenario) -> FailureInjector:
        """An injector for a scenario that exists already."""
        injector = cls.__new__(cls)
        injector.scenario = scenario
        return injector

    def run(
        self, system: System, out: str | Path | None = None, progress: ProgressFn | None = None
    ) -> FailureInjectionResult:
        """Run on a system; see `systems.execute` for what is raised."""
        return FailureInjectionResult.of(execute(system, self.scenario, out, progress))


def _name(target: int) -> str:
    others = {FAULT_TARGET_HEAP: "the heap", FAULT_TARGET_NETWORK: "the network", FAULT_TARGET_DISK: "the disk"}
    return others.get(target, f"client {target}")
