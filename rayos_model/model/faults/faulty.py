"""What a client does once a fault has struck it; one function a kind (docs/explanation/faults.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from rayos_model.contract.abi import MAX_HANDLES, BatchTag, Detection, FaultKind
from rayos_model.contract.trace_record import TraceKind
from rayos_model.model.cpu.thread import BLOCK, Body
from rayos_model.model.ipc import wire

if TYPE_CHECKING:
    from rayos_model.model.clients.client import Client

CHUNK_PAGES: Final = 256
TRIES: Final = 64
WILD_SENDS: Final = 3
"""How many of a hostile client's wild system calls are a `send`, on average."""
_REASON_FAULT = 1  # M_CLIENT_DESTROYED, kernel/abi.h
_VECTORS = (14, 6)  # page fault, illegal instruction


def _stop(client: Client) -> Body:
    """Waits for ever."""
    client.thread.deadline = None
    while True:
        client.thread.trailing = client.flow.to(("block",))
        yield BLOCK


def _processor_fault(client: Client, vector: int) -> Body:
    """The processor finds it, and the kernel ends the client."""
    machine = client.machine
    machine.measure(TraceKind.M_CRASH, client.id, vector, client.thread.index)
    if not machine.failures.detector_on(Detection.CRASH):
        yield from _stop(client)
    machine.failures.detected(client.id, Detection.CRASH, client.thread.index)
    client.end_reason = _REASON_FAULT
    yield client.flow.to(("exit",))


def _crash(client: Client, variant: int) -> Body:
    yield from _processor_fault(client, _VECTORS[variant])


def _overrun(client: Client, variant: int) -> Body:
    """Past its buffer lies a page that is not there."""
    yield from _processor_fault(client, _VECTORS[0])


def _exhaust(client: Client, variant: int) -> Body:
    yield from (_exhaust_memory, _exhaust_surfaces, _exhaust_pools)[variant](client)


def _exhaust_memory(client: Client) -> Body:
    """Takes shared memory until it is refused, and goes on with a pool larger than what it has."""
    machine = client.machine
    limit = machine.settings.client_memory_kb // 4 if machine.failures.detector_on(Detection.LIMIT) else 0
    for _ in range(MAX_HANDLES - 1):
        if limit and machine.memory.shared_by(client) + CHUNK_PAGES > limit:
            machine.failures.detected(client.id, Detection.LIMIT, client.thread.index)
            yield from client.send(BatchTag.EXHAUST, batch=wire.EXHAUST_POOLS, refused=Detection.LIMIT)
            yield from client.thrown_out()
            return
        yield client.thread.masking(client.flow.to(("shm", CHUNK_PAGES)))
        client.shm_pages = CHUNK_PAGES
        machine.memory.allocate_shm(client, CHUNK_PAGES)
    yield from _stop(client)


def _exhaust_surfaces(client: Client) -> Body:
    yield from _exhaust_objects(client, client.machine.settings.client_surfaces, wire.EXHAUST_SURFACES)


def _exhaust_pools(client: Client) -> Body:
    yield client.thread.masking(client.flow.to(("shm", 1)))
    client.shm_pages = 1
    client.machine.memory.allocate_shm(client, 1)
    yield from _exhaust_objects(client, client.machine.settings.client_pools, wire.EXHAUST_POOLS)


def _exhaust_objects(client: Client, limit: int, batch: wire.Batch) -> Body:
    """One more in each batch, until it is refused. A window has one surface and one pool."""
    has = len(client.machine.compositor.seats[client.id].surfaces)
    if not client.machine.failures.detector_on(Detection.LIMIT):
        limit = 0
    for _ in range(min(limit - has, TRIES) if limit else TRIES):
        yield from client.send(BatchTag.EXHAUST, batch=batch)
    if limit and limit - has < TRIES:
        yield from client.send(BatchTag.EXHAUST, batch=batch, refused=Detection.LIMIT)
        yield from client.thrown_out()
    else:
        yield from _stop(client)


def _stop_reading(client: Client, variant: int) -> Body:
    yield from _stop(client)


def _fuzz(client: Client, variant: int) -> Body:
    """Wild system calls, whose time the next `send` pays; odd requests; one that breaks the protocol."""
    for _ in range(WILD_SENDS):
        yield client.flow.to(("enter.hostile", 0, 0))
    yield from client.send(BatchTag.HOSTILE)
    yield from client.send(BatchTag.POISON, refused=Detection.PROTOCOL)
    if client.dropped:
        yield from client.thrown_out()
    else:
        yield from _stop(client)


FAULTY: dict[FaultKind, Callable[[Client, int], Body]] = {
    FaultKind.CLIENT_CRASH: _crash,
    FaultKind.MEMORY_CORRUPTION: _overrun,
    FaultKind.BUFFER_EXHAUSTION: _exhaust,
    FaultKind.EVENT_QUEUE_OVERFLOW: _stop_reading,
    FaultKind.HANG: _stop_reading,
    FaultKind.HOSTILE_CLIENT: _fuzz,
}
