"""The host's scheduler: Linux' EEVDF (since 6.12), which multiplexes the threads of a virtual machine on the cores.

All threads have one weight. *Virtual runtime* is the CPU time a thread has had. A thread is *eligible* while its
virtual runtime is not above the mean of its core. The eligible thread with the earliest *deadline* runs; the deadline
is one slice after the virtual runtime at which the thread last began a slice.

* Preemption: a thread runs until it sleeps, or until its slice is over at a tick or at a wake-up on its core. A
  wake-up preempts it at once if it is no longer eligible.
* Delayed dequeue: a thread that sleeps while it is not eligible competes until it is, and wakes on the same core.
  Others wake on an idle core if there is one, after `wake_ns`.
* Idle balancing: an idle core pulls a waiting thread with cold caches, at a tick, or at once when its queue becomes
  empty. The latter is attempted with the probability of its recent success (`NI_RANDOM`, since 6.18).
* Periodic balancing: a busy core pulls threads from a core with a much higher *load*, the recent part of the time its
  threads were runnable (PELT).

Must not know what threads do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from rayos_model.model.cpu.clock import Call, Clock
from rayos_model.model.pcg32 import Random

HOT_NS: Final = 500_000
"""Time after its last run for which a thread's caches are hot, ns: Linux' `sysctl_sched_migration_cost`."""
LOAD_HALF_LIFE_NS: Final = 32 * 1_048_576
"""Half-life of a thread's load, ns: 32 periods of Linux' `update_load_avg`."""
MUCH_MORE_PERCENT: Final = 117
"""Ratio of loads from which cores are imbalanced, percent: `imbalance_pct` of cores that share a cache."""
_BALANCE_NS: Final = 32_000_000  # period of periodic balancing (`busy_factor` times 1 ms a core), or half of it
_COLD_TRIES: Final = 1  # failed attempts before hot threads are pulled: `cache_nice_tries`
_LOOKS: Final = 1024


@dataclass(frozen=True, slots=True)
class HostSettings:
    """A host: number of cores, slice, period and phase of its tick.

    `wake_ns` is the time an idle core takes to run a woken thread, `switch_ns` the time of a thread switch.
    """

    cores: int
    slice_ns: int
    tick_ns: int
    phase_ns: int = 0
    wake_ns: int = 0
    switch_ns: int = 0


class HostThread:
    """A thread of the host, asleep at first; `resume` is called when it gets a core, `lose` when it loses it."""

    __slots__ = (
        *("awake", "core", "deadline", "lag", "load", "load_at", "lose", "protected_until", "ran_at", "resume"),
        "vruntime",
    )

    def __init__(self, resume: Callable[[], None], lose: Callable[[], None]) -> None:
        self.resume = resume
        self.lose = lose
        self.core: Core | None = None  # its core, or its last one
        self.awake = False
        self.vruntime = 0
        self.deadline = 0
        self.protected_until = 0  # virtual runtime up to which it keeps the core while it is eligible
        self.lag = 0  # by how much its virtual runtime was below the mean when it left its core
        self.ran_at = -HOT_NS  # end of its last known run
        self.load = 0.0  # decayed part of the time that it was runnable, at `load_at`
        self.load_at = 0

    def update_load(self, now: int) -> None:
        """Decays its load to `now`; called before its state changes and before the load is read."""
        keep = 0.5 ** ((now - self.load_at) / LOAD_HALF_LIFE_NS)
        self.load = self.load * keep + (1 - keep) * self.awake
        self.load_at = now

    @property
    def running(self) -> bool:
        """Whether it has a core."""
        return self.core is not None and self.core.current is self


class Core:
    """One of the host's cores."""

    __slots__ = ("balance_at", "competing", "current", "in_vain", "since", "ticking", "vtime")

    def __init__(self) -> None:
        self.current: HostThread | None = None
        self.competing: list[HostThread] = []  # besides the current thread
        self.since = 0  # instant up to which the current thread's virtual runtime is booked
        self.ticking = False
        self.vtime = 0  # the mean when threads last competed
        self.balance_at = 0  # instant of its next periodic balancing
        self.in_vain = 0  # consecutive periodic balancings that pulled nothing

    def mean(self) -> int:
        """Mean virtual runtime of its threads, ns."""
        total = sum(thread.vruntime for thread in self.competing)
        number = len(self.competing)
        if self.current is not None:
            total, number = total + self.current.vruntime, number + 1
        if number:
            self.vtime = total // number
        return self.vtime

    def waiting(self) -> int:
        """Number of runnable threads that wait for it."""
        return sum(thread.awake for thread in self.competing)

    def wanted(self) -> int:
        """Number of runnable threads, the current one included."""
        return self.waiting() + (self.current is not None)

    def had_slice(self) -> bool:
        """Whether the current thread may be preempted."""
        return self.current is not None and self.current.vruntime >= self.current.protected_until

    def first(self) -> HostThread:
        """Which of those that compete runs next."""
        mean, current = self.mean(), self.current
        if current is not None and current.vruntime > mean:
            current = None
        if current is not None and current.vruntime < current.protected_until:
            return current
        best: HostThread | None = None
        for thread in self.competing:
            if thread.vruntime <= mean and (best is None or thread.deadline < best.deadline):
                best = thread
        if best is None or (current is not None and current.deadline < best.deadline):
            best = current
        assert best is not None
        return best


class Host:
    """Runs the threads of one virtual machine."""

    def __init__(self, env: Clock, settings: HostSettings, chance: Random) -> None:
        self._env = env
        self._chance = chance
        self._looks, self._found, self._share = _LOOKS // 2, _LOOKS // 4, _LOOKS // 2
        self._slice_ns = settings.slice_ns
        self._tick_ns = settings.tick_ns
        self._phase_ns = settings.phase_ns
        self._wake_ns = settings.wake_ns
        self._switch_ns = settings.switch_ns
        self._cores = [Core() for _ in range(settings.cores)]
        self._threads: list[HostThread] = []  # all that ever woke
        self._lag_limit_ns = max(2 * settings.slice_ns, settings.tick_ns)

    # ---- what threads do -------------------------------------------------------------------------

    def wake(self, thread: HostThread) -> None:
        """Makes a thread runnable; nothing if it is."""
        if thread.awake:
            return
        core = thread.core
        if core is None:
            self._threads.append(thread)
        thread.update_load(self._env.instant())
        thread.awake = True
        if core is not None and thread in core.competing:
            self._account(core)
            if thread.vruntime < core.mean():
                core.competing.remove(thread)
                thread.lag = 0
                self._place(thread, core)
        else:
            core = self._core_for(thread)
            self._account(core)
            self._place(thread, core)
        if core.current is None:
            self._take(core, self._wake_ns)
            return
        first = core.first()
        if first is thread or (first is not core.current and core.had_slice()):
            self._switch(core)
        else:
            self._tick_from_now(core)

    def sleep(self, thread: HostThread) -> None:
        """The current thread of a core sleeps."""
        core = thread.core
        assert core is not None and core.current is thread
        self._account(core)
        thread.update_load(core.since)
        thread.awake = False
        if thread.vruntime > core.mean():
            core.competing.append(thread)
        else:
            self._keep_lag(thread)
        core.current = None
        self._take(core, left=True)

    # ---- cores -------------------------------------------------------------------------------------

    def _core_for(self, thread: HostThread) -> Core:
        """Core of a waking thread: its last one or an idle one; of a new thread, that with the fewest threads."""
        last = thread.core or min(self._cores, key=Core.wanted)
        return next((core for core in self._cores if not core.wanted()), last) if last.wanted() else last

    def _place(self, thread: HostThread, core: Core) -> None:
        """Adds a thread to a core's threads with the lag it had when it left."""
        others = len(core.competing) + (core.current is not None)
        lag = thread.lag + thread.lag // others if others else 0  # its coming moves the mean
        thread.core, thread.vruntime = core, core.mean() - lag
        thread.deadline = thread.vruntime + self._slice_ns
        core.competing.append(thread)

    def _keep_lag(self, thread: HostThread) -> None:
        assert thread.core is not None
        lag = thread.core.mean() - thread.vruntime
        thread.lag = max(-self._lag_limit_ns, min(lag, self._lag_limit_ns))

    def _account(self, core: Core) -> None:
        """Charges the current thread for its time so far; it begins a new slice when it has had one."""
        now, current = self._env.instant(), core.current
        if current is not None:
            current.ran_at = now
            current.vruntime += now - core.since
            if current.vruntime >= current.deadline:
                current.deadline = current.vruntime + self._slice_ns
        core.since = now

    def _take(self, core: Core, late_ns: int = 0, *, left: bool = False) -> None:
        """Dispatches a thread on a free core, `late_ns` from now: one of its own, or one pulled from another core.

        `left`: it has just been left.
        """
        while core.competing and not (thread := core.first()).awake:
            core.competing.remove(thread)
            thread.lag = 0
        if not core.competing and not (self._look(core) if left else self._pull(core)):
            return
        thread = core.first()
        core.competing.remove(thread)
        core.current, core.since = thread, self._env.instant()
        thread.protected_until = thread.deadline
        self._tick_from_now(core)
        self._env.set_alarm(core.since + max(late_ns, self._switch_ns), Call(partial(self._resume, thread)))

    def _resume(self, thread: HostThread) -> None:
        if thread.running:
            thread.resume()

    def _look(self, core: Core) -> bool:
        """Idle balancing, attempted with its recent success rate; a skipped attempt counts as a failure."""
        worth = self._share + 1
        found = self._chance.next() * _LOOKS >> 32 <= worth and self._pull(core)
        self._looks += 1
        self._found += round(_LOOKS / worth) * found
        if self._looks >= _LOOKS:
            self._share = self._found
            self._looks //= 2
            self._found //= 2
        return found

    def _pull(self, core: Core) -> bool:
        """Pulls a cold thread that waits for another core."""
        other = max(self._cores, key=Core.waiting)
        cold = self._env.instant() - HOT_NS
        waiting = [thread for thread in other.competing if thread.awake and thread.ran_at <= cold]
        if not waiting:
            return False
        self._move(min(waiting, key=lambda one: one.ran_at), core)
        return True

    def _move(self, thread: HostThread, core: Core) -> None:
        """Moves a waiting thread to another core; it keeps the rest of its slice."""
        assert thread.core is not None
        self._account(thread.core)
        left_ns = thread.deadline - thread.vruntime
        self._keep_lag(thread)
        thread.core.competing.remove(thread)
        self._account(core)
        self._place(thread, core)
        thread.deadline = thread.vruntime + left_ns

    def _balance(self, core: Core) -> None:
        """Periodic balancing: pulls waiting threads from the core with the greatest load, longest wait first."""
        now = self._env.instant()
        if now < core.balance_at or not core.wanted():
            return
        loads = dict.fromkeys(self._cores, 0.0)
        for thread in self._threads:
            assert thread.core is not None
            thread.update_load(now)
            loads[thread.core] += thread.load
        busiest = max(self._cores, key=lambda one: loads[one])
        mean = sum(loads.values()) / len(loads)
        much_more = 100 * loads[busiest] > MUCH_MORE_PERCENT * loads[core] and loads[core] < mean
        taken = much_more and self._take_load(core, busiest, min(loads[busiest] - mean, mean - loads[core]))
        core.in_vain = core.in_vain + 1 if much_more and not taken else 0
        core.balance_at = now + (1 if taken else 2) * _BALANCE_NS - self._tick_ns
        self._tick_from_now(core)

    def _take_load(self, core: Core, other: Core, wanted: float) -> bool:
        """Whether one core has pulled anything from another; failed attempts lower the bar."""
        cold = self._env.instant() - (HOT_NS if core.in_vain <= _COLD_TRIES else 0)
        taken = False
        for thread in sorted(other.competing, key=lambda one: one.ran_at):
            if wanted > 0 and thread.awake and thread.ran_at <= cold and thread.load <= wanted * 2**core.in_vain:
                self._move(thread, core)
                wanted -= thread.load
                taken = True
        return taken

    def _switch(self, core: Core) -> None:
        """Preempts the current thread of a core."""
        current = core.current
        assert current is not None
        core.current = None
        core.competing.append(current)
        current.lose()
        self._take(core)

    # ---- ticks ---------------------------------------------------------------------------------------

    def _tick_from_now(self, core: Core) -> None:
        if core.competing and not core.ticking:
            core.ticking = True
            now = self._env.instant()
            until = self._tick_ns - (now - self._phase_ns) % self._tick_ns
            self._env.set_alarm(now + until, Call(partial(self._tick, core)))

    def _tick(self, core: Core) -> None:
        core.ticking = False
        self._account(core)
        for other in self._cores:
            self._balance(other)
            if not other.wanted():
                self._take(other)
        if core.had_slice() and core.first() is not core.current:
            self._switch(core)
        self._tick_from_now(core)
