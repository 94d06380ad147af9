"""Failure tests: faults injected at set times or rates, each to be detected and recovered from without a cascade.

    injector = FailureInjector([ClientWorkload.of("rendering", count=8)], [Scenario.of("client_crash", rate_hz=1)], 60)
    result = injector.run(ModelSystem(load_calibration("icount")))
    assert result.passed, result.diagnostics

A cascade is a failure of a client that no fault was injected into. Must not know which system it runs on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from rayos_model.contract.abi import FAULT_TARGET_DISK, FAULT_TARGET_HEAP, FAULT_TARGET_NETWORK, FaultKind
from rayos_model.contract.fault_kinds import FAULT_VARIANTS, FaultKindName
from rayos_model.harness.harness import Harness, Result, failed_criteria
from rayos_model.harness.workload import ClientWorkload
from rayos_model.metrics.fault_ledger import Cascade, FaultLedger, InjectedFault
from rayos_model.run.run import Run
from rayos_model.scenario.criteria import Criterion
from rayos_model.scenario.tables import NS, RECOVERY_LIMIT_S
from rayos_model.verdict.verdict import criteria_of

RECOVERY_LIMIT_NS: Final = round(RECOVERY_LIMIT_S * NS)
"""Recovery must take less than this, every kind of fault."""

_SECONDLY: Final[Mapping[str, str]] = {
    "frame_rate.min": "fps",
    "frame_rate.mean": "fps",
    "commit_to_present.p99": "p99_us",
    "cpu.max": "cpu_percent",
    "cpu.mean": "cpu_percent",
    "memory.peak": "memory_kb",
}
"""Metrics whose criterion can be judged within one second → the column of the per-second table."""


@dataclass(frozen=True, slots=True)
class FailureScenario:
    """A failure by name and its schedule; `settings` are the other keys of `[[faults]]`: at_s or rate_hz, target …"""

    kind: FaultKindName
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, kind: FaultKindName, **settings: Any) -> FailureScenario:
        """A failure by name. Its settings are validated when an injector is made of it."""
        return cls(kind, settings)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of all failures."""
        return tuple(FAULT_VARIANTS)

    def to_fault(self) -> dict[str, Any]:
        """The failure's `[[faults]]` table."""
        return {"kind": self.kind, **self.settings}


Scenario = FailureScenario
"""The name in the specification."""


class RecoveryValidator:
    """The recovery of each fault of a run, judged from its trace and its per-second table."""

    def __init__(self, run: Run) -> None:
        self.run = run
        ledger = FaultLedger()
        ledger.feed(run.trace())
        self.faults: tuple[InjectedFault, ...] = tuple(ledger.faults)
        self.cascades: tuple[Cascade, ...] = tuple(ledger.cascades)
        criteria = criteria_of(run.scenario)
        self._criteria = [(column, criteria[name]) for name, column in _SECONDLY.items() if name in criteria]

    def second_holds(self, second: int) -> bool:
        """Whether every criterion that can be judged within one second held in `[second, second + 1)`."""
        return all(self._holds(criterion, column, second) for column, criterion in self._criteria)

    def _holds(self, criterion: Criterion, column: str, second: int) -> bool:
        measured = self.run.metrics.seconds[column][second]
        return measured is None or criterion.holds(measured)

    def criteria_recovery_ns(self, fault: InjectedFault) -> int | None:
        """Time from injection to the start of the first second in which all criteria hold again, ns.

        0 when they hold in the second of the injection; None when they do not hold again before the run ends.
        """
        first = fault.injected_ns // NS
        last = int(self.run.scenario.duration_s)
        for second in range(first, last):
            if self.second_holds(second):
                return 0 if second == first else second * NS - fault.injected_ns
        return None

    def late_seconds(self) -> list[int]:
        """Seconds after warm-up that break a criterion without a fault in the recovery limit before them."""
        injected = [fault.injected_ns for fault in self.faults]
        warmup = -(-self.run.scenario.warmup_ns // NS)
        return [
            second
            for second in range(warmup, int(self.run.scenario.duration_s))
            if not self.second_holds(second)
            and not any(at - NS < second * NS < at + RECOVERY_LIMIT_NS for at in injected)
        ]

    def problems(self) -> Iterator[str]:
        """One line for each fault that was not detected or not recovered from within the limit, and each cascade."""
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
                "without an injected fault"
            )
        for second in self.late_seconds():
            yield f"cascade: criteria broken in second {second}, with no fault in the {RECOVERY_LIMIT_S:g} s before"


@dataclass(frozen=True, slots=True)
class FailureInjectionResult(Result):
    """The outcome of a failure test: the injected faults with their recovery, and failures without an injected fault.

    `diagnostics` has a line for each failed criterion, each fault without timely recovery, and each cascade.
    """

    faults: tuple[InjectedFault, ...]
    cascades: tuple[Cascade, ...]

    @classmethod
    def of(cls, run: Run) -> Self:
        """Judges a finished run."""
        validator = RecoveryValidator(run)
        lines = (*failed_criteria(run), *validator.problems())
        return cls(run, not lines, lines, validator.faults, validator.cascades)

    def of_kind(self, kind: FaultKind) -> list[InjectedFault]:
        """The faults of one kind, in order of injection."""
        return [fault for fault in self.faults if fault.kind is kind]


class FailureInjector(Harness[FailureInjectionResult]):
    """Clients with failures injected into them or into the system around them."""

    kind = "failure"
    result = FailureInjectionResult

    def __init__(
        self,
        workloads: Iterable[ClientWorkload],
        failures: Iterable[FailureScenario],
        duration_s: float,
        *,
        name: str | None = None,
        seed: int = 1,
        criteria: Mapping[str, str] | None = None,
        **tables: Any,
    ) -> None:
        """As `Harness`, with the failures to inject."""
        tables["faults"] = [failure.to_fault() for failure in failures]
        super().__init__(workloads, duration_s, name=name, seed=seed, criteria=criteria, **tables)


def _name(target: int) -> str:
    others = {FAULT_TARGET_HEAP: "the heap", FAULT_TARGET_NETWORK: "the network", FAULT_TARGET_DISK: "the disk"}
    return others.get(target, f"client {target}")
