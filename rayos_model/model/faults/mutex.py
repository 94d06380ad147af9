"""Mutexes of client processes, with a wait-for graph (docs/explanation/faults.md, "Mutexes")."""

from __future__ import annotations

from collections import deque
from typing import Final

from rayos_model.contract.abi import Detection, EndReason
from rayos_model.model.clients.client import Client
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import BLOCK, Body
from rayos_model.model.process import Process

HOLD_NS: Final = 2_000_000
"""Between the two locks of a deadlock."""


class Mutexes:
    """Who holds which mutex, and who waits for it, in order."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self._owner: dict[int, Process] = {}
        self._waiting: dict[int, deque[Process]] = {}
        self._wants: dict[Process, int] = {}

    def lock(self, client: Client, mutex: int) -> Body:
        """Takes a mutex, or waits for it; who would close a cycle is killed, and its body ends here."""
        failures, processor = self.core.failures, self.core.processor
        timeout_ns = self.core.settings.lock_timeout_ns
        if mutex in self._owner:
            if failures.detector_on(Detection.DEADLOCK) and self._closes_cycle(client, mutex):
                failures.detected(client.id, Detection.DEADLOCK, client.thread.index)
                client.end_reason = EndReason.KILLED
                yield client.flow.to(("exit",))
                return
            self._wants[client] = mutex
            self._waiting.setdefault(mutex, deque()).append(client)
            while self._owner[mutex] is not client:
                client.thread.deadline = processor.now + timeout_ns if timeout_ns else None
                client.thread.trailing = client.flow.to(("block",))
                yield BLOCK
                owner = self._owner[mutex]
                if owner is not client and timeout_ns:
                    failures.detected(owner.id, Detection.DEADLOCK, client.thread.index)
                    self.core.processes.kill(owner)
        self._owner[mutex] = client
        yield client.flow.to(("lock",))

    def unlock(self, client: Client, mutex: int) -> Body:
        """Gives a mutex to who has waited longest."""
        self._hand_on(mutex)
        yield client.flow.to(("unlock",))

    def release_all(self, client: Process) -> None:
        """A dead client waits for nothing and holds nothing."""
        wanted = self._wants.pop(client, None)
        if wanted is not None:
            self._waiting[wanted].remove(client)
        for mutex in [mutex for mutex, owner in self._owner.items() if owner is client]:
            self._hand_on(mutex)

    def _hand_on(self, mutex: int) -> None:
        waiting = self._waiting.get(mutex)
        if not waiting:
            del self._owner[mutex]
            return
        owner = self._owner[mutex] = waiting.popleft()
        del self._wants[owner]
        self.core.processor.wake(owner.thread)

    def _closes_cycle(self, client: Client, mutex: int | None) -> bool:
        seen: set[int] = set()
        while mutex is not None and mutex in self._owner and mutex not in seen:
            if self._owner[mutex] is client:
                return True
            seen.add(mutex)
            mutex = self._wants.get(self._owner[mutex])
        return False


def locks_out(client: Client, mutexes: Mutexes, pair: int, *, second: bool) -> Body:
    """What each of two clients goes on with that take two mutexes in opposite order; who survives goes on as before."""
    first, last = (2 * pair + 1, 2 * pair) if second else (2 * pair, 2 * pair + 1)
    yield from mutexes.lock(client, first)
    yield from client.serve_until(mutexes.core.processor.now + HOLD_NS)
    yield from mutexes.lock(client, last)
    if client.end_reason is not EndReason.LEFT:
        return
    yield from mutexes.unlock(client, last)
    yield from mutexes.unlock(client, first)
    yield from client.go_on()
