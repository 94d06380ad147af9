"""A mutex of the host that does not spin: a thread that finds it locked sleeps."""

from __future__ import annotations

from collections import deque
from functools import partial

from rayos_model.model.cpu.clock import Call, Clock
from rayos_model.model.cpu.host import Host, HostThread


class Mutex:
    """A mutex between host threads. A thread that finds it owned sleeps, which frees its core.

    The owner releases it after its hold time, or as soon as it has a core again after that. The release wakes the
    first sleeper if any thread fell asleep since the last wake-up; any running thread may take the mutex before the
    woken one gets there. A woken thread wakes the next one when it releases the mutex.
    """

    def __init__(self, env: Clock, host: Host) -> None:
        self._env = env
        self._host = host
        self._owner: HostThread | None = None
        self._until = 0
        self._asleep: deque[HostThread] = deque()
        self._woken: set[HostThread] = set()
        self._contended = False

    def take(self, thread: HostThread, ns: int) -> bool:
        """Takes it for `ns`; False if it is owned, and the thread, which had a core, now sleeps for it."""
        if self.locked_against(thread):
            self.block_on(thread)
            return False
        self._owner = thread
        if thread in self._woken:
            self._woken.remove(thread)
            self._contended = True
        self._until = self._env.instant() + ns
        self._env.set_alarm(self._until, Call(partial(self._expire, thread)))
        return True

    def locked_against(self, thread: HostThread) -> bool:
        """Whether another thread owns it."""
        return self._owner is not None and self._owner is not thread

    def release_at(self) -> int:
        """Instant of its release; now if it is free or its owner has no core."""
        now = self._env.instant()
        return max(now, self._until) if self._owner is not None and self._owner.running else now

    def block_on(self, thread: HostThread) -> None:
        """A running thread sleeps until it is woken to try again."""
        self._contended = True
        self._asleep.append(thread)
        self._host.sleep(thread)

    def blocks(self, thread: HostThread) -> bool:
        """Whether a thread sleeps for it."""
        return thread in self._asleep

    def release(self, thread: HostThread) -> None:
        """A thread gives it back, if it has it."""
        if self._owner is not thread:
            return
        self._owner = None
        if self._contended:
            self._contended = False
            if self._asleep:
                first = self._asleep.popleft()
                self._woken.add(first)
                self._host.wake(first)

    def resume(self, thread: HostThread) -> bool:
        """A thread has got a core: whether it goes on. If it was woken for the lock it first takes and releases it."""
        if thread in self._woken and not self.take(thread, 0):
            return False
        self._expire(thread)
        return thread.running

    def _expire(self, thread: HostThread) -> None:
        if thread.running and self._env.instant() >= self._until:
            self.release(thread)
