"""What a client does once a fault has struck it; one function a kind (docs/mechanism.md, "Faults")."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rayos_model.abi import Detection, FaultKind, TraceKind
from rayos_model.model.processor import BLOCK, Body

if TYPE_CHECKING:
    from rayos_model.model.client import Client

_REASON_FAULT = 1  # M_CLIENT_DESTROYED, kernel/abi.h
_VECTORS = (14, 6)  # page fault, illegal instruction


def _wait_forever(client: Client) -> Body:
    client.thread.deadline = None
    while True:
        client.thread.trailing = client.flow.to(("block",))
        yield BLOCK


def _processor_fault(client: Client, vector: int) -> Body:
    """The processor finds it, and the kernel ends the client."""
    machine = client.machine
    machine.measure(TraceKind.M_CRASH, client.id, vector, client.thread.index)
    if not machine.failures.detector_on(Detection.CRASH):
        yield from _wait_forever(client)
    machine.failures.detected(client.id, Detection.CRASH, client.thread.index)
    client.end_reason = _REASON_FAULT
    yield client.flow.to(("exit",))


def _crash(client: Client, variant: int) -> Body:
    yield from _processor_fault(client, _VECTORS[variant])


def _overrun(client: Client, variant: int) -> Body:
    """Past its buffer lies a page that is not there."""
    yield from _processor_fault(client, _VECTORS[0])


FAULTY: dict[FaultKind, Callable[[Client, int], Body]] = {
    FaultKind.CLIENT_CRASH: _crash,
    FaultKind.MEMORY_CORRUPTION: _overrun,
}
