"""What a client does once a fault has struck it; one function a kind (docs/explanation/faults.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from rayos_model.contract.abi import MAX_HANDLES, BatchTag, Detection, EndReason, FaultKind, TraceKind
from rayos_model.model.clients.client import Client
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import BLOCK, Body
from rayos_model.model.ipc import wire

CHUNK_PAGES: Final = 256
TRIES: Final = 64
WILD_SENDS: Final = 3
"""How many of a hostile client's wild system calls are a `send`, on average."""
_VECTORS = (14, 6)  # page fault, illegal instruction


def _stop(client: Client) -> Body:
    """Waits for ever."""
    client.thread.deadline = None
    while True:
        client.thread.trailing = client.flow.to(("block",))
        yield BLOCK


def _processor_fault(core: Core, client: Client, vector: int) -> Body:
    """The processor finds it, and the kernel ends the client."""
    core.measure(TraceKind.M_CRASH, client.id, vector, client.thread.index)
    if not core.failures.detector_on(Detection.CRASH):
        yield from _stop(client)
    core.failures.detected(client.id, Detection.CRASH, client.thread.index)
    client.end_reason = EndReason.FAULT
    yield client.flow.to(("exit",))


def _crash(core: Core, client: Client, variant: int) -> Body:
    yield from _processor_fault(core, client, _VECTORS[variant])


def _overrun(core: Core, client: Client, variant: int) -> Body:
    """Past its buffer lies a page that is not there."""
    yield from _processor_fault(core, client, _VECTORS[0])


def _exhaust(core: Core, client: Client, variant: int) -> Body:
    yield from (_exhaust_memory, _exhaust_surfaces, _exhaust_pools)[variant](core, client)


def _exhaust_memory(core: Core, client: Client) -> Body:
    """Takes shared memory until it is refused, and goes on with a pool larger than what it has."""
    limit = core.settings.client_memory_kb // 4 if core.failures.detector_on(Detection.LIMIT) else 0
    for _ in range(MAX_HANDLES - 1):
        if limit and core.memory.shared_by(client) + CHUNK_PAGES > limit:
            core.failures.detected(client.id, Detection.LIMIT, client.thread.index)
            yield from client.send(BatchTag.EXHAUST, batch=wire.EXHAUST_POOLS, refused=Detection.LIMIT)
            yield from client.thrown_out()
            return
        yield client.thread.masking(client.flow.to(("shm", CHUNK_PAGES)))
        client.shm_pages = CHUNK_PAGES
        core.memory.allocate_shm(client, CHUNK_PAGES)
    yield from _stop(client)


def _exhaust_surfaces(core: Core, client: Client) -> Body:
    yield from _exhaust_objects(core, client, core.settings.client_surfaces, wire.EXHAUST_SURFACES)


def _exhaust_pools(core: Core, client: Client) -> Body:
    yield client.thread.masking(client.flow.to(("shm", 1)))
    client.shm_pages = 1
    core.memory.allocate_shm(client, 1)
    yield from _exhaust_objects(core, client, core.settings.client_pools, wire.EXHAUST_POOLS)


def _exhaust_objects(core: Core, client: Client, limit: int, batch: wire.Batch) -> Body:
    """One more in each batch, until it is refused. A window has one surface and one pool."""
    has = core.display.surfaces_of(client)
    if not core.failures.detector_on(Detection.LIMIT):
        limit = 0
    for _ in range(min(limit - has, TRIES) if limit else TRIES):
        yield from client.send(BatchTag.EXHAUST, batch=batch)
    if limit and limit - has < TRIES:
        yield from client.send(BatchTag.EXHAUST, batch=batch, refused=Detection.LIMIT)
        yield from client.thrown_out()
    else:
        yield from _stop(client)


def _stop_reading(core: Core, client: Client, variant: int) -> Body:
    yield from _stop(client)


def _fuzz(core: Core, client: Client, variant: int) -> Body:
    """Wild system calls, whose time the next `send` pays; odd requests; one that breaks the protocol."""
    for _ in range(WILD_SENDS):
        yield client.flow.to(("enter.hostile", 0, 0))
    yield from client.send(BatchTag.HOSTILE)
    yield from client.send(BatchTag.POISON, refused=Detection.PROTOCOL)
    if client.dropped:
        yield from client.thrown_out()
    else:
        yield from _stop(client)


_BODIES: Final[dict[FaultKind, Callable[[Core, Client, int], Body]]] = {
    FaultKind.CLIENT_CRASH: _crash,
    FaultKind.MEMORY_CORRUPTION: _overrun,
    FaultKind.BUFFER_EXHAUSTION: _exhaust,
    FaultKind.EVENT_QUEUE_OVERFLOW: _stop_reading,
    FaultKind.HANG: _stop_reading,
    FaultKind.HOSTILE_CLIENT: _fuzz,
}


def struck(core: Core, client: Client, kind: FaultKind, variant: int) -> Body:
    """The body that replaces that of a client's thread when a fault strikes it, wherever that was."""
    yield from _BODIES[kind](core, client, variant)
