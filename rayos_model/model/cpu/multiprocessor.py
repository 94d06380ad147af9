"""Several CPUs: the scheduler's policy for them and the kernel lock (docs/explanation/scheduler.md).

A subclass decides which of them runs when, and how far the clock moves meanwhile. Must not know what threads do.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import deque

from rayos_model.contract.abi import COMPUTE_TURN_NS
from rayos_model.model.cpu.clock import NEVER, Call, Clock
from rayos_model.model.cpu.scheduler import Scheduler
from rayos_model.model.cpu.thread import (
    BLOCK,
    BLOCKED,
    EXITED,
    LEAVE,
    READY,
    RUNNING,
    Overheads,
    Thread,
)
from rayos_model.model.cpu.virtual_cpu import (
    _LOCKED,
    IDLE,
    MAX_IPI_DELAY_NS,
    ComputingThread,
    Cpu,
    Phase,
    SmpSettings,
    Stop,
    _by_deadline,
)


class Multiprocessor(Scheduler):
    """Several CPUs that share the ready queues and the kernel lock."""

    def __init__(self, env: Clock, quantum_ns: int, overheads: Overheads, several: SmpSettings) -> None:
        super().__init__(env, quantum_ns, overheads, several.jitter)
        self._seek_ns = round(overheads.cpu_search_ns * (several.vcpus - 1))
        self._cpus = [Cpu(identity, several.ipi_delay_seed) for identity in range(several.vcpus)]
        self._home: dict[Thread, Cpu] = {}  # where each thread runs, or ran last
        self._killed: set[Thread] = set()  # killed, but still on a CPU
        self._queues: list[deque[Thread]] = [deque() for _ in range(32)]
        self._queued = 0  # bit p: priority p has a ready thread
        self._current: Cpu | None = None  # the CPU whose code executes now
        self._locked: Cpu | None = None  # the holder of the kernel lock

    # ---- provided by a subclass ----------------------------------------------------------------

    @abstractmethod
    def _advance(self, cpu: Cpu, wanted: int) -> int:
        """Lets a CPU run for up to `wanted` ns; returns for how long, and if that is less, the CPU stops."""

    @abstractmethod
    def _timer_set(self, cpu: Cpu) -> bool:
        """Programs a CPU's timer with `Cpu.wanted`; whether that stops the CPU."""

    def _may_interrupt(self, cpu: Cpu) -> bool:
        """Whether a CPU can accept its pending interrupt at once."""
        return True

    @abstractmethod
    def _interrupt_raised(self, cpu: Cpu) -> None:
        """An interrupt is pending on a CPU."""

    @abstractmethod
    def _unlocked(self) -> None:
        """The kernel lock has been released."""

    # ---- what the rest of the model calls ---------------------------------------------------

    def begin(self, thread: Thread) -> None:
        """Runs a new thread on the first CPU at the start of the scenario."""
        cpu = self._home[thread] = self._cpus[0]
        cpu.thread, cpu.claim, cpu.idle_since = thread, thread.priority, None
        cpu.phase, cpu.halted = Phase.LEAVE, False
        thread.state = RUNNING
        cpu.quantum_end = self.now + self.quantum_ns
        cpu.set_timer()
        self._interrupt_raised(cpu)

    def spawn(self, thread: Thread) -> None:
        """Makes a thread ready."""
        if thread.state == BLOCKED and thread.deadline is not None:
            self._cancel_sleep(thread)
        home = self._home.get(thread)
        if home is not None and home.thread is thread:  # it is still on its CPU and continues
            thread.state = RUNNING
            return
        thread.quantum_left = self._fresh_quantum()
        self._enqueue(thread, head=False)
        cpu = self._least_urgent(thread)
        if thread.priority > cpu.claim:
            cpu.claim = thread.priority
            self._request_reschedule(cpu)

    def wake(self, thread: Thread) -> None:
        """Makes a blocked thread ready; nothing if it is not."""
        if thread.state == BLOCKED:
            self.spawn(thread)

    def kill(self, thread: Thread) -> None:
        """Ends a thread; one that runs on another CPU leaves it when the IPI arrives there."""
        if thread.state == READY:
            self._dequeue(thread)
        elif thread.state == BLOCKED and thread.deadline is not None:
            self._cancel_sleep(thread)
        elif thread.state == RUNNING:
            self._request_reschedule(self._home[thread])
            self._killed.add(thread)
        thread.state = EXITED
        if not isinstance(thread, ComputingThread):
            thread.body.close()
        if self._current is not None:
            self._current.set_timer()

    def seek(self, thread: Thread, claimed: set[int], *, several: bool = False) -> int:
        """Cost of finding a CPU for a thread that is about to be woken, ns: 0 if its last CPU is idle.

        For one of `several` woken in a row, the cost of the IPI is included.
        """
        tell = self.overheads.bql_hold_ns if several else 0
        if thread.state != BLOCKED:
            return 0
        home = self._home.get(thread, self._cpus[0])
        if home.claim == IDLE and home.id not in claimed:
            claimed.add(home.id)
            return tell
        others = [cpu for cpu in self._cpus if cpu.id not in claimed]
        if others:
            least = min(others, key=lambda cpu: cpu.claim)
            if thread.priority > least.claim:
                claimed.add(least.id)
                return self._seek_ns + tell
        return self._seek_ns

    def current_thread(self) -> Thread | None:
        return None if self._current is None else self._current.thread

    def idle_ns(self) -> int:
        return sum(cpu.idle_ns + (0 if cpu.idle_since is None else self.now - cpu.idle_since) for cpu in self._cpus)

    # ---- readiness -----------------------------------------------------------------------------

    def _least_urgent(self, thread: Thread) -> Cpu:
        home = self._home.get(thread, self._cpus[0])
        return home if home.claim == IDLE else min(self._cpus, key=lambda cpu: cpu.claim)

    def _request_reschedule(self, cpu: Cpu) -> None:
        """Makes a CPU choose its thread anew; another CPU is sent an IPI when the present one leaves the kernel."""
        cpu.need_resched = True
        current = self._current
        if current is None:
            self._send_ipi(cpu)
        elif cpu is not current and cpu not in current.ipi_targets:
            current.ipi_targets.append(cpu)

    def _send_ipi(self, cpu: Cpu) -> None:
        """Sends an IPI, which may be delivered late."""
        if cpu.delays is None:
            self._ipi_arrived(cpu)
            return
        heard = self.now + (cpu.delays.next() * MAX_IPI_DELAY_NS >> 32)
        self.env.set_alarm(heard, Call(lambda: self._ipi_arrived(cpu)))

    def _ipi_arrived(self, cpu: Cpu) -> None:
        cpu.ipi_pending = True
        self._interrupt_raised(cpu)

    def _enqueue(self, thread: Thread, *, head: bool) -> None:
        thread.state = READY
        queue = self._queues[thread.priority]
        if head:
            queue.appendleft(thread)
        else:
            queue.append(thread)
        self._queued |= 1 << thread.priority

    def _dequeue(self, thread: Thread) -> None:
        queue = self._queues[thread.priority]
        queue.remove(thread)
        if not queue:
            self._queued &= ~(1 << thread.priority)

    def _cancel_sleep(self, thread: Thread) -> None:
        """Removes a sleeper from its CPU; the timer of another CPU then expires without effect."""
        cpu = self._home[thread]
        first = thread is min(cpu.sleeping, key=_by_deadline)
        del cpu.sleeping[thread]
        if cpu is self._current:
            self.sleepers = len(cpu.sleeping)
            if first:
                cpu.set_timer()

    # ---- running one CPU -------------------------------------------------------------------------

    def _execute(self, cpu: Cpu) -> Stop:
        """Runs a CPU until something stops it."""
        self._current, self.sleepers, cpu.halted = cpu, len(cpu.sleeping), False
        self.executing, self.space_switches = cpu.id, cpu.space_switches
        stop = self._until_stopped(cpu)
        self._current, cpu.halted = None, stop is Stop.HALTED
        self._note_suspension(cpu)
        return stop

    def _until_stopped(self, cpu: Cpu) -> Stop:
        while True:
            if cpu.kernel_ns or cpu.phase in _LOCKED:
                if not self._lock(cpu):
                    return Stop.SPINS
                cpu.kernel_ns -= self._advance(cpu, cpu.kernel_ns)
                if cpu.kernel_ns:
                    return Stop.TIME
            if cpu.phase is Phase.INTERRUPT:
                self._interrupt(cpu)
            elif cpu.phase is Phase.CHOOSE:
                self._choose(cpu)
            elif cpu.phase is Phase.LEAVE:
                if self._leave_kernel(cpu):
                    return Stop.TIMER
            elif cpu.interrupted and self._locked is not cpu:
                if not self._may_interrupt(cpu):
                    return Stop.AWAITS
                cpu.kernel_ns = self._interrupt_cost_on(cpu)
                cpu.phase = Phase.INTERRUPT
                self._note_suspension(cpu)
            elif cpu.thread is None:
                return Stop.HALTED
            else:
                stop = self._go_on(cpu, cpu.thread)
                if stop is not None:
                    return stop

    def _interrupt_cost_on(self, cpu: Cpu) -> int:
        """Cost of the pending interrupt up to the scheduling decision, ns."""
        if cpu.thread is not None:
            return self.overheads.interrupt_ns
        return self.overheads.wake_up() if cpu.timer_due else self.overheads.ipi_wake_ns

    def _lock(self, cpu: Cpu) -> bool:
        if self._locked is None:
            self._locked = cpu
        return self._locked is cpu

    def _note_suspension(self, cpu: Cpu) -> None:
        """The CPU's thread makes no progress from now on."""
        if cpu.thread is not None and cpu.thread.suspended_at is None:
            cpu.thread.suspended_at = self.now

    def _go_on(self, cpu: Cpu, thread: Thread) -> Stop | None:
        """Runs the thread to the end of its burst, then takes the next step of its body."""
        if isinstance(thread, ComputingThread):
            return self._compute(cpu, thread)
        if thread.suspended_at is not None:
            if self.now > thread.suspended_at:
                thread.interruptions.append((thread.burst - thread.remaining, self.now - thread.suspended_at))
            thread.suspended_at = None
        while thread.remaining:
            ahead = thread.locked_from - (thread.burst - thread.remaining)
            if ahead <= 0 and not self._lock(cpu):
                return Stop.SPINS
            stretch = thread.remaining if ahead <= 0 else min(thread.remaining, ahead)
            spent = self._advance(cpu, stretch)
            thread.remaining -= spent
            if spent < stretch:
                return Stop.TIME
        self._step(cpu, thread)
        return None

    def _compute(self, cpu: Cpu, thread: ComputingThread) -> Stop:
        if thread.until is None:
            thread.until = self.now + COMPUTE_TURN_NS
        left = max(thread.until - self.now, 1)
        if self._advance(cpu, left) < left:
            return Stop.TIME
        thread.until = None
        return Stop.PAUSED

    # ---- scheduling on one CPU -----------------------------------------------------------------

    def _leave_kernel(self, cpu: Cpu) -> bool:
        """Leaves the kernel; whether that stops the CPU."""
        cpu.phase = Phase.RUN
        self._unlock(cpu)
        self._send_pending_ipis(cpu)
        return cpu.wanted != cpu.armed and self._timer_set(cpu)

    def _unlock(self, cpu: Cpu) -> None:
        if self._locked is cpu:
            self._locked = None
            self._unlocked()

    def _send_pending_ipis(self, cpu: Cpu) -> None:
        ipi_targets, cpu.ipi_targets = cpu.ipi_targets, []
        for other in ipi_targets:
            self._send_ipi(other)

    def _interrupt(self, cpu: Cpu) -> None:
        """Handles the pending timer interrupt and IPIs of a CPU."""
        cpu.phase = Phase.LEAVE
        if cpu.timer_due:
            self._timer(cpu)
        cpu.timer_due = cpu.ipi_pending = False
        if cpu.need_resched and cpu.phase is Phase.LEAVE:
            self._preempt(cpu)

    def _timer(self, cpu: Cpu) -> None:
        for sleeper in sorted(cpu.sleeping, key=_by_deadline):
            if cpu.sleeping[sleeper] > self.now:
                break
            self.spawn(sleeper)
        thread = cpu.thread
        if thread is not None and cpu.quantum_end <= self.now:
            cpu.quantum_end = self.now + self._fresh_quantum()
            if self._queues[thread.priority] and thread.state == RUNNING:
                thread.quantum_left = cpu.quantum_end - self.now
                self._requeue(cpu, thread, head=False)
                return
        if not cpu.need_resched:
            cpu.set_timer()

    def _preempt(self, cpu: Cpu) -> None:
        """Takes the CPU from a thread that was killed or has blocked, or that a more urgent one preempts."""
        thread = cpu.thread
        cpu.need_resched = False
        cpu.claim = IDLE if thread is None else thread.priority
        if thread is None:
            if self._queued:
                cpu.phase = Phase.CHOOSE
        elif thread.state != RUNNING:
            cpu.kernel_ns += thread.remaining
            thread.remaining = 0
            self._vacate(cpu, thread)
        elif self._queued >> thread.priority > 1:
            thread.quantum_left = max(cpu.quantum_end - self.now, 0)
            self._requeue(cpu, thread, head=True)

    def _vacate(self, cpu: Cpu, thread: Thread) -> None:
        cpu.thread = None
        cpu.phase = Phase.CHOOSE
        if thread in self._killed:
            self._killed.remove(thread)
            if self.on_exit is not None:
                self.on_exit(thread)

    def _requeue(self, cpu: Cpu, thread: Thread, *, head: bool) -> None:
        self._note_suspension(cpu)
        self._enqueue(thread, head=head)
        cpu.thread = None
        cpu.phase = Phase.CHOOSE

    def _choose(self, cpu: Cpu) -> None:
        """Dispatches the most urgent ready thread, or idles."""
        cpu.phase = Phase.LEAVE
        cpu.need_resched = False
        if not self._queued:
            cpu.claim = IDLE
            if cpu.idle_since is None:
                cpu.idle_since = self.now
                cpu.kernel_ns += self.overheads.idle_lock_hold_ns
            cpu.set_timer()
            return
        if cpu.idle_since is not None:
            cpu.idle_ns += self.now - cpu.idle_since
            cpu.idle_since = None
        priority = self._queued.bit_length() - 1
        thread = self._queues[priority][0]
        self._dequeue(thread)
        thread.state = RUNNING
        self._home[thread] = cpu
        cpu.thread, cpu.claim = thread, priority
        cpu.quantum_end = self.now + thread.quantum_left
        if thread.space != cpu.space:  # a kernel thread is given the kernel's own (docs/explanation/kernel.md, "Locks")
            cpu.space = thread.space
            self.space_switches = cpu.space_switches = cpu.space_switches + 1
        cpu.kernel_ns += self.overheads.dispatch_ns
        cpu.set_timer()
        if cpu.wanted != cpu.armed:
            self.timer_set_for[thread.index] = self.now
        if not (thread.remaining or isinstance(thread, ComputingThread)):
            cpu.phase = Phase.RUN  # finish the system call in which it blocked

    def _step(self, cpu: Cpu, thread: Thread) -> None:
        """Resumes the body until it wants CPU time, blocks or ends; the latter two after `trailing`, ns."""
        if thread.state == BLOCKED and thread.deadline is not None and thread.deadline <= self.now:
            self._cancel_sleep(thread)  # passed meanwhile
            thread.state = RUNNING
        if thread.state != RUNNING:
            self._vacate(cpu, thread)
            return
        thread.locked_from = NEVER
        if thread.leaving:  # the kernel exit is done
            thread.leaving = False
            self._begin_burst(cpu, thread, 0)
            return
        for wish in thread.body:
            if wish is BLOCK:
                if self._sleep(cpu, thread):
                    burst, thread.trailing = thread.trailing, 0
                    if self.overheads.block_lock_hold_ns:
                        thread.locked_from = max(burst - self.overheads.block_lock_hold_ns, 0)
                    break
            elif wish == LEAVE:
                burst, thread.leaving, thread.locked_from = self.overheads.syscall_exit_ns, True, 0
                break
            elif wish:
                burst = wish  # type: ignore[assignment]
                break
        else:
            burst, thread.trailing = thread.trailing, 0
            thread.state = EXITED
            if self.on_exit is not None:
                self.on_exit(thread)
        prepaid = min(thread.prepaid, burst)
        thread.prepaid = burst if thread.leaving else 0
        self._begin_burst(cpu, thread, burst, prepaid)

    def _begin_burst(self, cpu: Cpu, thread: Thread, burst: int, done: int = 0) -> None:
        """The thread wants `burst` ns of CPU time, of which `done` have been spent already."""
        thread.burst, thread.remaining = burst, burst - done
        thread.origin = self.now - done
        thread.interruptions = []
        if cpu.need_resched:
            self._preempt(cpu)
        if cpu.phase is Phase.RUN and not (self._locked is cpu and thread.locked_from == 0):
            cpu.phase = Phase.LEAVE

    def _sleep(self, cpu: Cpu, thread: Thread) -> bool:
        if thread.deadline is not None:
            if thread.deadline <= self.now:
                return False
            cpu.sleeping[thread] = thread.deadline
            self.sleepers = len(cpu.sleeping)
        thread.state = BLOCKED
        return True
