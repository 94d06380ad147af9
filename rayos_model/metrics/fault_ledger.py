"""What became of each injected fault, from a trace as it streams by. Must not know which system made the trace."""

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
    """One fault; `target` is a client id, or one of `FAULT_TARGET_…`. Times are ns since its injection; None: never.

    A partition or an outage lasts a while: recovery from it is counted from its end.
    """

    kind: FaultKind
    variant: int
    target: int
    injected_ns: int
    detected_after_ns: int | None = None
    recovered_after_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Cascade:
    """A failure of somebody whom nothing had struck: at what time, ns, and what was seen."""

    time_ns: int
    target: int
    seen: TraceKind


class FaultLedger:
    """Feed it trace records in the order written. Memory grows with the number of faults, not of records."""

    def __init__(self) -> None:
        self.faults: list[InjectedFault] = []
        self.cascades: list[Cascade] = []
        self._open: dict[int, InjectedFault] = {}

    def feed(self, records: Records) -> None:
        """Take in records (one-dimensional, `TRACE_DTYPE`)."""
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
        """One failure is seen more than once, by its cause and by its client's end: within a second it is the same."""
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
