"""Several processors that take turns on one clock (docs/mechanism.md, "Processors that take turns"; QEMU with icount).

The scheduler's policy is that of docs/mechanism.md for several processors. Must not know what threads do.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from heapq import heappop, heappush
from math import inf

from simpy import Environment, Event
from simpy.events import Timeout

from rayos_model.abi import COMPUTE_TURN_NS, ThreadId
from rayos_model.model.processor import BLOCK, BLOCKED, EXITED, READY, RUNNING, Body, Overheads, Processor, Thread

_STEPS_IN_CALL = 2
"""A client that an event wakes first goes to the end of its call: asks for the time, gets it. The timer is set then."""

IDLE = -1
"""The claim of an idle processor: below every priority."""


def _nothing() -> Body:
    return
    yield


class ComputingThread(Thread):
    """A thread that only computes, until it is killed; it gives up its turn every `COMPUTE_TURN_NS`."""

    __slots__ = ("until",)

    def __init__(self, index: int, name: str, priority: int) -> None:
        super().__init__(index, name, priority, _nothing())
        self.until: int | None = None  # when it gives up its present turn; None: at its next turn it is known


class _End(Enum):
    """Why a turn is over; or why it is not."""

    HALTED = auto()  # idle, or paused
    DEADLINE = auto()
    WAITS = auto()  # for SimPy's next event, which lies within it


class _Cpu:
    """One of the processors."""

    __slots__ = (
        *(
            "armed",
            "asleep",
            "claim",
            "due",
            "held",
            "id",
            "idle_ns",
            "idle_since",
            "overhead",
            "quantum_end",
            "resched",
        ),
        *("sleepers", "steps_in_call", "thread"),
    )

    def __init__(self, identity: int) -> None:
        self.id = identity
        self.thread: Thread | None = None
        self.claim = IDLE  # priority of its thread, or of a more urgent one it has been told to take
        self.resched = False
        self.due: list[Thread] = []  # sleepers whose time has come, not yet woken
        self.sleepers = 0
        self.asleep: list[tuple[int, int, Thread]] = []  # heap of (deadline, index, sleeper); some were woken since
        self.armed: float = inf  # what its timer is set to
        self.quantum_end = 0
        self.held = False  # its thread has blocked, but at the end of the turn before it lets it go
        self.steps_in_call = 0  # of its thread, until it has left the system call in which it was blocked
        self.overhead = 0  # ns to spend before its thread goes on
        self.idle_since = 0
        self.idle_ns = 0


class TurnTaking(Processor):
    """Several processors, one of which runs at any time; `now` is the clock they share."""

    def __init__(self, env: Environment, quantum_ns: int, overheads: Overheads, vcpus: int) -> None:
        super().__init__(env, quantum_ns, overheads)
        self._cpus = [_Cpu(identity) for identity in range(vcpus)]
        self._home: dict[Thread, _Cpu] = {}  # where each thread runs, or ran last
        self._queues: list[deque[Thread]] = [deque() for _ in range(32)]
        self._queued = 0  # bit p: priority p has a ready thread
        self._turn = 0  # whose turn it is
        self._within = False  # a turn waits for SimPy
        self._cut = False  # a deadline has come within it
        self._lost = False  # the next turn is lost, as the one before ended at a deadline
        self._resumption: Timeout | None = None

    # ---- what the rest of the model calls ---------------------------------------------------

    def spawn(self, thread: Thread) -> None:
        """Makes a new thread ready."""
        self._make_thread_ready(thread)
        self._resume_at(int(self.env.now))

    def wake(self, thread: Thread) -> None:
        """Makes a blocked thread ready; nothing if it is not."""
        if thread.state == BLOCKED:
            self.spawn(thread)

    def kill(self, thread: Thread) -> None:
        """Ends a thread; one that runs elsewhere has left its processor when that has its next turn."""
        if thread.state == READY:
            self._dequeue(thread)
        elif thread.state == BLOCKED and thread.deadline is not None:
            self._awake(thread)
        elif thread.state == RUNNING:
            self._home[thread].resched = True
        thread.state = EXITED
        if not isinstance(thread, ComputingThread):
            thread.body.close()

    def idle_ns(self) -> int:
        """Idle time so far, ns, of all processors."""
        return sum(cpu.idle_ns + (max(self.now - cpu.idle_since, 0) if cpu.thread is None else 0) for cpu in self._cpus)

    # ---- readiness -----------------------------------------------------------------------------

    def _make_thread_ready(self, thread: Thread) -> None:
        if thread.state == BLOCKED and thread.deadline is not None:
            self._awake(thread)
        thread.quantum_left = self.quantum_ns
        self._enqueue(thread, head=False)
        cpu = self._least_urgent(thread)
        if thread.priority > cpu.claim:
            cpu.claim = thread.priority
            cpu.resched = True

    def _least_urgent(self, thread: Thread) -> _Cpu:
        home = self._home.get(thread, self._cpus[0])
        return home if home.claim == IDLE else min(self._cpus, key=lambda cpu: cpu.claim)

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

    def _awake(self, thread: Thread) -> None:
        cpu = self._home[thread]
        cpu.sleepers -= 1
        self.sleepers = self._cpus[self._turn].sleepers

    def _alarm(self, thread: Thread, deadline: int) -> None:
        """A processor's timer; without effect if the sleeper was woken meanwhile."""
        thread.alarms.discard(deadline)
        if thread.state != BLOCKED or thread.deadline != deadline:
            return
        home = self._home[thread]
        home.due.append(thread)
        home.armed = inf
        self._cut = True
        self._resume_at(deadline)

    # ---- turns -------------------------------------------------------------------------------------

    def _resume_at(self, time: int) -> None:
        """Has the turns go on at `time`, after what else happens then."""
        if self._active:
            return
        pending = self._resumption
        if pending is not None and not pending.processed:
            pending.callbacks.clear()
        self._resumption = Timeout(self.env, max(time - int(self.env.now), 0))
        self._resumption.callbacks.append(self._resume)

    def _resume(self, _: Event) -> None:
        self._resumption = None
        self.now = max(self.now, int(self.env.now))
        if not self._within:
            self._turn, self._lost = 0, False
        elif self._cut:
            self._pass_turn(_End.DEADLINE)
        self._within = self._cut = False
        self._take_turns()

    def _take_turns(self) -> None:
        """Turns, until all processors are idle or one waits for SimPy's next event."""
        self._active = True
        idle = 0  # processors in a row with nothing to do
        while idle < len(self._cpus):
            cpu = self._cpus[self._turn]
            busy = cpu.thread is not None or cpu.resched or cpu.held or bool(cpu.due)
            idle = 0 if busy else idle + 1
            if not busy or self._lost:
                self._lost = False
                self._pass_turn(_End.HALTED)
                continue
            self.sleepers = cpu.sleepers
            end = self._run_turn(cpu)
            if end is _End.WAITS:
                self._within = True
                break
            self._pass_turn(end)
        self._active = False
        if self._within:
            self._resume_at(self.now)

    def _pass_turn(self, end: _End) -> None:
        self._turn = (self._turn + 1) % len(self._cpus)
        self._lost = end is _End.DEADLINE and self._turn > 0

    def _run_turn(self, cpu: _Cpu) -> _End:
        handled = self._interrupts(cpu)
        cpu.held = False
        if handled and cpu.thread is not None and self._set_timer(cpu):
            cpu.thread.suspended_at = self.now
            return _End.HALTED
        while True:
            thread = cpu.thread
            if thread is None:
                if not self._queued:
                    self._go_idle(cpu)
                    return _End.HALTED
                thread = self._dispatch_on(cpu)
                if not cpu.steps_in_call and self._set_timer(cpu):
                    return _End.HALTED
            if isinstance(thread, ComputingThread):
                return self._compute(cpu, thread)
            if thread.suspended_at is not None:
                self._note_absence(cpu, thread)
            if thread.remaining + cpu.overhead:
                end = self._spend(cpu, thread)
                if end is not None:
                    thread.suspended_at = self.now
                    return end
            goes_on = self._step(cpu, thread)
            left_call = cpu.steps_in_call == 1
            cpu.steps_in_call -= cpu.steps_in_call > 0
            cut = left_call and self._set_timer(cpu)
            if not goes_on:
                cpu.thread = None
                cpu.held = cut
            elif cpu.resched:
                self._preempt(cpu)
            else:
                thread.suspended_at = self.now if cut else None
            if cut:
                return _End.HALTED

    def _advance_to(self, end: int) -> _End | None:
        """Moves the clock on to `end`, or to the next deadline before it, which is why the turn is over."""
        quanta = [cpu.quantum_end for cpu in self._cpus if cpu.thread is not None and cpu.quantum_end > self.now]
        quantum, event = min(quanta, default=inf), self.env.peek()
        if end < quantum and end < event:
            self.now = end
            return None
        if event > quantum:
            self.now = int(quantum)
            return _End.DEADLINE
        self.now = max(self.now, int(event))
        self._cut |= quantum == event
        return _End.WAITS

    def _spend(self, cpu: _Cpu, thread: Thread) -> _End | None:
        """Spends overhead and burst of the thread; not None: not all of it."""
        start = self.now
        end = self._advance_to(start + cpu.overhead + thread.remaining)
        spent = self.now - start
        overhead = min(cpu.overhead, spent)
        cpu.overhead -= overhead
        thread.remaining -= spent - overhead
        return end

    def _compute(self, cpu: _Cpu, thread: ComputingThread) -> _End:
        if thread.until is None:
            thread.until = self.now + cpu.overhead + COMPUTE_TURN_NS
        cpu.overhead = 0
        end = self._advance_to(max(thread.until, self.now + 1))
        if end is not None:
            return end
        thread.until = None
        return _End.HALTED

    def _note_absence(self, cpu: _Cpu, thread: Thread) -> None:
        """The turns of others, within a burst."""
        assert thread.suspended_at is not None
        away = self.now + cpu.overhead - thread.suspended_at
        if away:
            thread.interruptions.append((thread.burst - thread.remaining, away))
        thread.suspended_at = None

    def _set_timer(self, cpu: _Cpu) -> bool:
        """Sets the processor's timer anew; whether that costs it the rest of its turn, as the earliest of all."""
        asleep = cpu.asleep
        while asleep and not (asleep[0][2].state == BLOCKED and asleep[0][2].deadline == asleep[0][0]):
            heappop(asleep)
        wanted: float = asleep[0][0] if asleep else inf
        if cpu.thread is not None:
            wanted = min(wanted, cpu.quantum_end)
        changed = wanted != cpu.armed
        cpu.armed = wanted
        return changed and wanted < min(other.armed for other in self._cpus if other is not cpu)

    # ---- one processor's scheduler -----------------------------------------------------------------

    def _interrupts(self, cpu: _Cpu) -> bool:
        """What came for this processor since its last turn: its timer, requests to look at the queue. Whether any."""
        quantum = cpu.thread is not None and cpu.quantum_end <= self.now
        if not (cpu.due or cpu.resched or quantum):
            return False
        if cpu.thread is None and not cpu.held:
            self.now += self.overheads.idle_wake
            cpu.idle_ns += max(self.now - cpu.idle_since, 0)
            cpu.idle_since = self.now
        else:
            cpu.overhead += self.overheads.interrupt
        due, cpu.due = sorted(cpu.due, key=lambda thread: (thread.deadline, thread.index)), []
        for thread in due:
            if thread.state == BLOCKED:
                self._make_thread_ready(thread)
        if quantum:
            self._quantum_ends(cpu)
        if cpu.resched:
            self._preempt(cpu)
        return True

    def _quantum_ends(self, cpu: _Cpu) -> None:
        thread = cpu.thread
        assert thread is not None
        cpu.quantum_end = self.now + self.quantum_ns
        cpu.armed = inf
        if self._queues[thread.priority] and thread.state == RUNNING:
            thread.quantum_left = self.quantum_ns
            self._set_thread_aside(cpu, thread, head=False)

    def _preempt(self, cpu: _Cpu) -> None:
        """Lets go of a thread that was killed, or for a more urgent one."""
        thread = cpu.thread
        cpu.resched = False
        cpu.claim = IDLE if thread is None else thread.priority
        if thread is None:
            return
        if thread.state == EXITED:
            cpu.thread = None
            if self.on_exit is not None:
                self.on_exit(thread)
        elif self._queued >> thread.priority > 1:
            thread.quantum_left = max(cpu.quantum_end - self.now, 0)
            self._set_thread_aside(cpu, thread, head=True)

    def _set_thread_aside(self, cpu: _Cpu, thread: Thread, *, head: bool) -> None:
        if thread.suspended_at is None:
            thread.suspended_at = self.now
        if isinstance(thread, ComputingThread):
            thread.until = None
        self._enqueue(thread, head=head)
        cpu.thread = None

    def _dispatch_on(self, cpu: _Cpu) -> Thread:
        priority = self._queued.bit_length() - 1
        thread = self._queues[priority][0]
        self._dequeue(thread)
        cpu.thread = thread
        cpu.claim = priority
        cpu.resched = False
        cpu.quantum_end = self.now + thread.quantum_left
        cpu.overhead += self.overheads.dispatch
        timed_out = thread.deadline is not None and thread.deadline <= self.now
        in_call = thread.index >= ThreadId.CLIENT0 and thread.suspended_at is None and not timed_out
        cpu.steps_in_call = _STEPS_IN_CALL if in_call else 0
        thread.state = RUNNING
        self._home[thread] = cpu
        return thread

    def _go_idle(self, cpu: _Cpu) -> None:
        cpu.claim = IDLE
        cpu.resched = False
        self._set_timer(cpu)
        self.now += cpu.overhead
        cpu.overhead = 0
        cpu.idle_since = self.now

    def _step(self, cpu: _Cpu, thread: Thread) -> bool:
        """Resumes the body until it wants CPU time; False when it blocked or ended instead."""
        for wish in thread.body:
            if wish is BLOCK:
                if self._sleep(cpu, thread):
                    return False
            elif wish > 0:  # type: ignore[operator]
                thread.burst = thread.remaining = wish  # type: ignore[assignment]
                thread.origin = self.now
                thread.interruptions = []
                return True
        thread.state = EXITED
        if self.on_exit is not None:
            self.on_exit(thread)
        self.now += thread.trailing
        return False

    def _sleep(self, cpu: _Cpu, thread: Thread) -> bool:
        deadline = thread.deadline
        if deadline is not None:
            if deadline <= self.now:
                return False
            cpu.sleepers += 1
            self.sleepers = cpu.sleepers
            heappush(cpu.asleep, (deadline, thread.index, thread))
            if deadline not in thread.alarms:
                thread.alarms.add(deadline)
                alarm = Timeout(self.env, deadline - int(self.env.now))
                alarm.callbacks.append(lambda _: self._alarm(thread, deadline))
        thread.state = BLOCKED
        self.now += thread.trailing
        thread.trailing = 0
        return True
