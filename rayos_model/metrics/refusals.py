"""Client instances that fail to start, or end early, for lack of memory, from a trace.

A client that cannot be created leaves no record. Refusals are therefore the difference between what the scenario asks
for and what the trace shows. Must not know which system made the trace.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from rayos_model.contract.abi import EndReason, TraceKind
from rayos_model.contract.trace_record import Records
from rayos_model.scenario.scenario import Scenario
from rayos_model.scenario.tables import NS, ClientGroup

_KINDS: Final = (TraceKind.M_CLIENT_CREATED, TraceKind.M_CLIENT_DESTROYED, TraceKind.M_PROTOCOL_ERROR)
_NO_MEMORY: Final = 2
"""wl_display.error.no_memory"""
_SLACK_NS: Final = 1_000_000
"""Tolerance for the start and end of a client, ns; creating a process takes well below a millisecond."""


class RefusalTracker:
    """Counts refused client instances in trace records, fed in the order written.

    An instance is refused if it was due and did not start, gave up because it was refused memory, or ended early
    without a fault or a timeline event. In a scenario with faults the protocol error `no_memory` is provoked and does
    not count. Memory grows with the number of clients, not of records.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._duration_ns = scenario.duration_ns
        self._groups = [group for group in scenario.clients for _ in range(group.count)]
        self._due_ns = _first_starts(scenario.clients)
        self._closed_ns = _closings(scenario)
        self._respawn_ns = round(scenario.machine.respawn_ms * 1e6) if scenario.kind == "failure" else None
        self._tolerant = bool(scenario.faults)
        self._since_ns: dict[int, int] = {}
        self._out_of_memory: set[int] = set()
        self._cut_short: list[int] = []

    @property
    def refused(self) -> int:
        """Client instances refused so far, including those that did not start."""
        return len(self._cut_short) + len(self._due_ns)

    @property
    def clients(self) -> list[int]:
        """Client ids of the refused instances, ascending."""
        return sorted({*self._cut_short, *self._due_ns})

    def feed(self, records: Records) -> None:
        """Process records (one-dimensional, `TRACE_DTYPE`); other kinds and background load are ignored."""
        for row in records[np.isin(records["kind"], _KINDS)]:
            client, time_ns, arg = int(row["subject"]), int(row["time_ns"]), int(row["arg"])
            if client >= len(self._groups):
                continue
            match TraceKind(int(row["kind"])):
                case TraceKind.M_CLIENT_CREATED:
                    self._due_ns.pop(client, None)
                    self._since_ns[client] = time_ns
                case TraceKind.M_PROTOCOL_ERROR if arg == _NO_MEMORY and not self._tolerant:
                    self._out_of_memory.add(client)
                case TraceKind.M_CLIENT_DESTROYED:
                    self._ended(client, time_ns, arg)

    def _ended(self, client: int, time_ns: int, reason: int) -> None:
        lifetime_s = self._groups[client].lifetime_s
        end_ns = self._duration_ns
        if lifetime_s is not None:
            end_ns = min(end_ns, self._since_ns[client] + round(lifetime_s * NS))
        early = time_ns + _SLACK_NS < min(end_ns, self._closed_ns.get(client, end_ns))
        out_of_memory = reason == EndReason.PROTOCOL and client in self._out_of_memory
        if reason == EndReason.REFUSED or (reason == EndReason.LEFT and early) or out_of_memory:
            self._cut_short.append(client)
        self._out_of_memory.discard(client)
        delay_ns = 0 if reason == EndReason.LEFT else self._respawn_ns
        if lifetime_s is not None or (reason != EndReason.LEFT and delay_ns is not None):
            next_ns = time_ns + (delay_ns or 0)
            if next_ns + _SLACK_NS < self._duration_ns:
                self._due_ns[client] = next_ns


def _first_starts(groups: tuple[ClientGroup, ...]) -> dict[int, int]:
    """Client → time of its first start, ns."""
    starts = [
        round(group.start_s * NS) + index * round(group.stagger_ms * 1e6)
        for group in groups
        for index in range(group.count)
    ]
    return dict(enumerate(starts))


def _closings(scenario: Scenario) -> dict[int, int]:
    """Client → time of the first `close` event for it, ns."""
    closings: dict[int, int] = {}
    asked = [(round(event.at_s * NS), event.group) for event in scenario.timeline if event.action == "close"]
    for at_ns, group in sorted(asked, key=lambda one: one[0], reverse=True):
        index = 0
        for number, one in enumerate(scenario.clients):
            if group in (None, number):
                closings |= dict.fromkeys(range(index, index + one.count), at_ns)
            index += one.count
    return closings
