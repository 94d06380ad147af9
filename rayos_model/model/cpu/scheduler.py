"""The scheduler: what the rest of the machine asks of its CPUs, be they one or several.

A thread is a generator. It yields an int to consume that many nanoseconds of CPU time, or ``BLOCK`` to wait until
another part calls :meth:`Scheduler.wake` or its deadline passes. The scheduler knows nothing of what threads do.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from rayos_model.model.cpu.clock import Clock
from rayos_model.model.cpu.thread import MIN_QUANTUM_NS, Body, Overheads, Thread
from rayos_model.model.pcg32 import Random


class Scheduler:
    """Preemptive fixed priorities, round robin among equals; subclasses say on how many CPUs, and how these run."""

    def __init__(self, env: Clock, quantum_ns: int, overheads: Overheads, jitter: Random | None) -> None:
        self.env = env
        self.quantum_ns = quantum_ns
        self.overheads = overheads
        self._jitter = jitter
        self.parallel = False
        """CPUs run in parallel: what a thread does inside a burst, others see meanwhile."""
        self.now = env.instant()
        """Time of the code that executes now, ns; never behind SimPy's."""
        self.sleepers = 0
        """Threads blocked with a deadline, on the CPU that executes now."""
        self.executing = 0
        """Number of the CPU that executes now."""
        self.space_switches = 0
        """Times that the CPU that executes now was given another address space."""
        self.timer_set_for: dict[int, int] = {}
        """By index of a thread: when the timer was last set to another instant for it, ns."""
        self.on_exit: Callable[[Thread], None] | None = None
        """A thread's body has ended."""
        self.on_burst: Callable[[Thread], None] | None = None
        """A burst was consumed; `Thread.time_at` says when."""
        self.on_block: Callable[[Thread, int], None] | None = None
        """A thread blocks; its trailing time begins at this instant."""

    @abstractmethod
    def begin(self, thread: Thread) -> None:
        """Runs a new thread at the start of the scenario."""

    @abstractmethod
    def spawn(self, thread: Thread) -> None:
        """Makes a new thread ready."""

    @abstractmethod
    def wake(self, thread: Thread) -> None:
        """Makes a blocked thread ready; nothing if it is not. A running caller is preempted at its next yield."""

    @abstractmethod
    def kill(self, thread: Thread) -> None:
        """Ends a thread; nothing if it has ended."""

    @abstractmethod
    def idle_ns(self) -> int:
        """Idle time so far, ns, summed over the CPUs."""

    @abstractmethod
    def current_thread(self) -> Thread | None:
        """The thread whose code executes now; None outside of any."""

    def note_timer(self) -> None:
        """From now on keeps `timer_set_for`."""
        return

    def restart(self, thread: Thread, body: Body) -> None:
        """Abandons what a thread that is ready or blocked was doing; it goes on with another body."""
        self.wake(thread)
        thread.body.close()
        thread.body = body
        thread.burst = thread.remaining = thread.trailing = 0
        thread.suspended_at = None

    def seek(self, thread: Thread, claimed: set[int], *, several: bool = False) -> int:
        """Cost of finding a CPU for a thread that is about to be woken, ns; one of `several` in a row.

        `claimed` holds the numbers of CPUs that threads woken just before will have claimed; its own is added.
        """
        return 0

    def _fresh_quantum(self) -> int:
        """A full quantum or, with jitter, one that random draws shorten; as in kernel/core/sched.c."""
        if self._jitter is None:
            return self.quantum_ns
        draw = self._jitter.next()
        half = self.quantum_ns >> (draw & 7) >> 1
        return max(half + (half * (draw >> 22) >> 10), MIN_QUANTUM_NS)
