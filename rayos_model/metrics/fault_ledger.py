"""Ledger of injected faults: detection, recovery and cascades, from a trace. Must not know which system made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from rayos_model.contract.abi import FaultKind, TraceKind
from rayos_model.contract.trace_record import Records

_OUTCOMES: Final = (TraceKind.M_FAULT_INJECTED, TraceKind.M_FAULT_DETECTED, TraceKind.M_FAULT_RECOVERED)
_LOSSES: Final = (TraceKind.M_CLIENT_DESTROYED, TraceKind.M_PROTOCOL_ERROR, TraceKind.M_HANG, TraceKind.M_CRASH)


@dataclass(slots=True)
class InjectedFault:
    """One injected fault."""

    kind: FaultKind
    variant: int
    target: int
    """Client id, or one of `FAULT_TARGET_…`."""
    injected_ns: int
    detected_after_ns: int | None = None
    """Since the injection; None: not detected."""
    recovered_after_ns: int | None = None
    """Since the injection, of a partition or outage since its end; None: not recovered from."""


@dataclass(frozen=True, slots=True)
class Cascade:
    """A failure of a target without an open injected fault; `seen` is the record that shows it."""

    time_ns: int
    target: int
    seen: TraceKind


class FaultLedger:
    """Follows faults through trace records, fed in the order written. Memory grows with the number of faults only."""

    def __init__(self) -> None:
        self.faults: list[InjectedFault] = []
        self.cascades: list[Cascade] = []
        self._open: dict[int, InjectedFault] = {}

    def feed(self, records: Records) -> None:
        """Process records (one-dimensional, `TRACE_DTYPE`)."""
        for row in records[np.isin(records["kind"], (*_OUTCOMES, *_LOSSES))]:
            kind, time_ns, arg = TraceKind(int(row["kind"])), int(row["time_ns"]), int(row["arg"])
            target = int(row["subject"])
            if kind in _LOSSES:
                left = kind is TraceKind.M_CLIENT_DESTROYED and arg == 0
                if not left and target not in self._open:
                    self._cascade(time_ns, target, kind)
            else:
                self._outcome(kind, time_ns, target & 0xFFFF, target >> 16, arg)

    def _outcome(self, what: TraceKind, time_ns: int, target: int, kind: int, arg: int) -> None:
        if what is TraceKind.M_FAULT_INJECTED:
            fault = self._open[target] = InjectedFault(FaultKind(kind), arg, target, time_ns)
            self.faults.append(fault)
            return
        found = self._open.get(target)
        if found is None:
            self._cascade(time_ns, target, what)
        elif what is TraceKind.M_FAULT_DETECTED:
            found.detected_after_ns = arg
        else:
            found.recovered_after_ns = arg
            del self._open[target]

    def _cascade(self, time_ns: int, target: int, seen: TraceKind) -> None:
        """Count a cascade. Records of one target within a second show the same failure: its cause, its client's end."""
        last = next((c for c in reversed(self.cascades) if c.target == target), None)
        if last is None or time_ns - last.time_ns > 1_000_000_000:
            self.cascades.append(Cascade(time_ns, target, seen))

    def metrics(self) -> dict[str, float]:
        """`faults.*`, `cascades`, `detection.time.*` and `recovery.time.*`."""
        values: dict[str, float] = {
            "faults.injected": len(self.faults),
            "faults.undetected": sum(fault.detected_after_ns is None for fault in self.faults),
            "faults.unrecovered": sum(fault.recovered_after_ns is None for fault in self.faults),
            "cascades": len(self.cascades),
        }
        times = {
            "detection": [f.detected_after_ns for f in self.faults if f.detected_after_ns is not None],
            "recovery": [f.recovered_after_ns for f in self.faults if f.recovered_after_ns is not None],
        }
        for name, sample in times.items():
            if sample:
                us = np.sort(np.array(sample, np.float64)) / 1000
                values |= {f"{name}.time.mean": float(us.mean()), f"{name}.time.max": float(us[-1])}
                for quantile, share in (("p50", 0.5), ("p99", 0.99)):
                    values[f"{name}.time.{quantile}"] = float(us[int(np.ceil(share * len(us))) - 1])
        return values
