"""One CPU: preemptive fixed priorities, round robin among equals (docs/explanation/mechanism, "Scheduler policy").

Speed: between two events of the SimPy queue nothing can disturb the CPU, so it runs ahead on its own clock
(:attr:`Scheduler.now`) and asks SimPy for an event only where a burst reaches past the next one.
"""

from __future__ import annotations

from typing import Final

from rayos_model.model.cpu.clock import NEVER, Alarm, Call, Clock
from rayos_model.model.cpu.scheduler import Scheduler
from rayos_model.model.cpu.thread import (
    BLOCK,
    BLOCKED,
    EXITED,
    KERNEL_SPACE,
    READY,
    RUNNING,
    Overheads,
    Thread,
)
from rayos_model.model.pcg32 import Random

_NO_OVERHEADS: Final = Overheads()


class Uniprocessor(Scheduler):
    """One CPU. Completed bursts resume their thread; time not spent on any thread is idle.

    Accounts what operational laws need: idle time, the time integral of the number of runnable threads
    (`runnable_area`), and the sum of the threads' stays (`stay_ns`); by Little's law the last two are equal whenever
    all threads are blocked.
    """

    def __init__(
        self, env: Clock, quantum_ns: int, overheads: Overheads = _NO_OVERHEADS, jitter: Random | None = None
    ) -> None:
        super().__init__(env, quantum_ns, overheads, jitter)
        self._dispatch_ns = overheads.dispatch_ns
        self.running: Thread | None = None
        self.stay_ns = 0
        self.idle_before = 0  # idle ns up to the last time the processor left idle
        self._loaded: Thread | None = None  # whose address space is
        self._asleep: dict[Thread, int] | None = None  # until when, where it is noted
        self._armed = NEVER  # what the timer is set to, likewise
        self._idle_since = self.now  # may lie ahead of now by the last thread's trailing time
        self._ready: list[list[Thread]] = [[] for _ in range(32)]  # by priority
        self._mask = 0  # bit p: priority p has a ready thread
        self._area = 0  # sum of the instants at which the number of runnable threads fell, less those at which it rose
        self._overhead = 0  # ns of overhead to consume before the running thread's burst goes on
        self._pending: Alarm | None = None  # the event that ends the running thread's current stretch
        self._stretch_since = 0
        self._horizon = 0  # while it runs threads, the instant of SimPy's next event
        self._quantum_end = 0  # of the running thread
        self._active = False  # inside _go
        self._leaving_idle = False
        self._last_interrupt = -1
        self._held: list[tuple[Thread, int]] = []  # expiries that wait for the end of a system call
        self._carried = 0  # ns of interrupts that came meanwhile: whoever runs next has them

    # ---- what the rest of the model calls ---------------------------------------------------

    def begin(self, thread: Thread) -> None:
        self.spawn(thread)

    def note_timer(self) -> None:
        self._asleep = {}

    def spawn(self, thread: Thread) -> None:
        self._announce()
        self._make_ready(thread)

    def wake(self, thread: Thread) -> None:
        if thread.state == BLOCKED:
            if not self._active:
                self._announce()
            self._make_ready(thread)

    def kill(self, thread: Thread) -> None:
        """Ends a thread that is ready or blocked; nothing if it has ended."""
        if thread.state == READY:
            queue = self._ready[thread.priority]
            queue.remove(thread)
            if not queue:
                self._mask &= ~(1 << thread.priority)
            self._leave(thread, EXITED)
        elif thread.state == BLOCKED and thread.deadline is not None:
            self.sleepers -= 1
            if self._asleep is not None:
                del self._asleep[thread]
        thread.state = EXITED
        thread.body.close()

    @property
    def runnable_area(self) -> int:
        """The time integral of the number of runnable threads so far, ns (integrated by parts)."""
        runnable = sum(map(len, self._ready)) + (self.running is not None)
        return self._area + runnable * self.now

    def current_thread(self) -> Thread | None:
        return self.running

    def idle_ns(self) -> int:
        if self.running is None and self.now > self._idle_since:
            return self.idle_before + self.now - self._idle_since
        return self.idle_before

    # ---- readiness ---------------------------------------------------------------------------

    def _make_ready(self, thread: Thread) -> None:
        if thread.state == BLOCKED and thread.deadline is not None:
            self.sleepers -= 1
            if self._asleep is not None:
                del self._asleep[thread]
        now, priority = self.now, thread.priority
        thread.state = READY
        thread.ready_since = now
        thread.quantum_left = self.quantum_ns if self._jitter is None else self._fresh_quantum()
        self._area -= now
        self._ready[priority].append(thread)
        self._mask |= 1 << priority

    def _announce(self) -> None:
        """A thread becomes ready: outside of the processor's own work, the scheduler decides after the caller.

        The caller may schedule more at this instant; the processor would run ahead of it.
        """
        if not self._active:
            self._suspend()
            self._at(self.env.instant(), Call(lambda: self._reconsider(0)))

    def _at(self, instant: int, alarm: Alarm) -> None:
        """Asks SimPy for something to happen at an instant, ns."""
        if instant < self._horizon:
            self._horizon = instant
        self.env.set_alarm(instant, alarm)

    def _leave(self, thread: Thread, state: int) -> None:
        thread.state = state
        self._area += self.now
        self.stay_ns += self.now - thread.ready_since

    def _expire(self, thread: Thread) -> None:
        """The timer interrupt that ends a sleep; stale if the thread was woken meanwhile."""
        deadline = self.env.instant()
        thread.alarms.discard(deadline)
        if thread.state != BLOCKED or thread.deadline != deadline:
            return
        if self._pending is not None:
            self._suspend()
        elif self.now < deadline:
            self.now = deadline
        running = self.running
        if running is not None and running.masks_interrupts() and not self._overhead:
            self._held.append((thread, deadline))
            self._go()
            return
        self._armed = NEVER
        self._make_ready(thread)
        cost = self._interrupt_cost(deadline)
        if running is not None and cost:
            running.interruptions.append((running.burst - running.remaining, cost))
            self._overhead += cost
        self._reconsider(self.overheads.wake_up())

    def _interrupt_cost(self, deadline: int) -> int:
        """Of the timer interrupt at a deadline; those that sleep until the same share one."""
        cost = self.overheads.interrupt_ns if deadline != self._last_interrupt else 0
        self._last_interrupt = deadline
        return cost

    def _release(self) -> None:
        """A system call is done: the timer interrupts that it held up come, also those whose sleeper it has woken."""
        for thread, deadline in self._held:
            if thread.state == BLOCKED and thread.deadline == deadline:
                self._make_ready(thread)
            self._carried += self._interrupt_cost(deadline)
        self._held.clear()

    # ---- running ---------------------------------------------------------------------------------

    def _reconsider(self, idle_wake: int) -> None:
        """Readiness changed: the scheduler decides, on an idle processor `idle_wake` ns from now."""
        if self.running is not None:
            self._suspend()
            self._go()
        elif not self._leaving_idle:
            start = self.now + idle_wake
            if start < self._idle_since:
                start = self._idle_since
            if start < self.env.horizon():
                self._leave_idle(start)
            else:
                self._leave_idle_at(start)

    def _leave_idle_at(self, start: int) -> None:
        self._leaving_idle = True
        self._at(start, Call(lambda: self._leave_idle(start)))

    def _leave_idle(self, start: int) -> None:
        self._leaving_idle = False
        self.now = start
        self.idle_before += start - self._idle_since
        self._go()

    def _suspend(self) -> None:
        """Moves the processor's clock to SimPy's now and books what the running thread has consumed by then."""
        self.now = max(self.now, self.env.instant())
        if self._pending is not None:
            self._pending.cancelled = True
            self._pending = None
            self._consume(self.now - self._stretch_since)

    def _consume(self, spent: int) -> None:
        thread = self.running
        assert thread is not None
        overhead = min(self._overhead, spent)
        self._overhead -= overhead
        thread.remaining -= spent - overhead

    def _stretch_ends(self) -> None:
        self._suspend()
        self._go()

    def _go(self) -> None:
        """Runs threads until a burst reaches past the next event or none is ready."""
        self._active = True
        self._horizon = self.env.horizon()
        thread = self.running
        free = thread is None or self._run(thread, thread.remaining + self._overhead == 0)
        while free and self._mask:
            free = self._dispatch()
        if free:
            self._idle_since = self.now + self._overhead + self._carried
            self._overhead = self._carried = 0
        self._active = False

    def _dispatch(self) -> bool:
        """Hands the processor to the most urgent ready thread; whether it is free again."""
        priority = self._mask.bit_length() - 1
        queue = self._ready[priority]
        self.running = thread = queue.pop(0)
        if not queue:
            self._mask ^= 1 << priority
        thread.state = RUNNING
        if thread.space != KERNEL_SPACE and thread is not self._loaded:
            self._load(thread)
        self._quantum_end = self.now + thread.quantum_left
        if self._asleep is not None:
            self._set_timer(thread, min(self._asleep.values(), default=NEVER))
        self._overhead += self._dispatch_ns + self._carried
        self._carried = 0
        suspended_at = thread.suspended_at
        if suspended_at is None:
            return self._run(thread, True)
        away = self.now + self._overhead - suspended_at
        thread.interruptions.append((thread.burst - thread.remaining, away))
        thread.suspended_at = None
        return self._run(thread, False)

    def _load(self, thread: Thread) -> None:
        """Its address space takes the place of another, if that is still there."""
        before = self._loaded
        if before is not None and before.state != EXITED:
            self._overhead += self.overheads.space_switch(before.touched)
        self._loaded = thread
        self.space_switches += 1

    def _set_timer(self, thread: Thread, earliest: int) -> None:
        """The timer is one-shot: set anew for a thread if the end of its quantum or the earliest sleeper says so."""
        wanted = min(self._quantum_end, earliest)
        if wanted != self._armed:
            self._armed = wanted
            self.timer_set_for[thread.index] = self.now

    def _run(self, thread: Thread, completed: bool) -> bool:
        """Runs the running thread, at first its body if the last burst is `completed`.

        True when it has left the processor, False when its burst reaches past the next event.
        """
        body = thread.body
        more_urgent = 2 << thread.priority  # the least mask with such a thread ready
        while True:
            if completed:
                thread.masked_from = None
                if self.on_burst is not None:
                    self.on_burst(thread)
                for wish in body:
                    if wish is BLOCK:
                        if self._block(thread):
                            break
                    elif isinstance(wish, int) and wish > 0:
                        thread.burst = thread.remaining = wish
                        thread.origin = self.now + self._overhead
                        if thread.interruptions:
                            thread.interruptions = []
                        break
                else:
                    self._exit(thread)
                if self._held:
                    self._release()
                if self.running is None:
                    return True
            elif self.now >= self._quantum_end:
                self._rotate(thread)
                if self.running is None:
                    return True
            if self._mask >= more_urgent:
                self._requeue(thread, head=True)
                return True
            if self._carried:
                thread.interruptions.append((thread.burst - thread.remaining, self._carried))
                self._overhead += self._carried
                self._carried = 0
            end = self.now + self._overhead + thread.remaining
            completed = end <= self._quantum_end or self._quantum_end > end - thread.masked()
            if not completed:
                end = max(self._quantum_end, self.now)  # it may have ended in a system call
            if end >= self._horizon:
                self._stretch_since = self.now
                self._pending = _StretchEnd(self)
                self._at(end, self._pending)
                return False
            if completed:
                self._overhead = thread.remaining = 0
            else:
                self._consume(end - self.now)
            self.now = end

    def _requeue(self, thread: Thread, *, head: bool) -> None:
        """Takes the processor from a thread that could go on; what overhead it had left is lost, as if never begun."""
        lost = self._overhead
        while lost and thread.interruptions:
            progress, duration = thread.interruptions.pop()
            if duration > lost:
                thread.interruptions.append((progress, duration - lost))
            lost = max(0, lost - duration)
        thread.origin -= lost
        thread.state = READY
        thread.suspended_at = self.now
        thread.quantum_left = self._quantum_end - self.now
        queue = self._ready[thread.priority]
        if head:
            queue.insert(0, thread)
        else:
            queue.append(thread)
        self._mask |= 1 << thread.priority
        self._overhead = 0
        self.running = None

    def _rotate(self, thread: Thread) -> None:
        """Quantum expiry: one interrupt, a fresh quantum, and the tail of the queue if an equal is ready."""
        self._quantum_end = self.now + self._fresh_quantum()
        if self._ready[thread.priority]:
            self._requeue(thread, head=False)
            self._overhead = self.overheads.interrupt_ns
        elif self.overheads.interrupt_ns:
            thread.interruptions.append((thread.burst - thread.remaining, self.overheads.interrupt_ns))
            self._overhead += self.overheads.interrupt_ns

    def _exit(self, thread: Thread) -> None:
        """The thread's body has ended."""
        self._leave(thread, EXITED)
        if self.on_exit is not None:
            self.on_exit(thread)
        self.running = None
        self._overhead += thread.trailing

    def _block(self, thread: Thread) -> bool:
        """Blocks the thread; False if its deadline has already passed, in which case it goes on."""
        deadline = thread.deadline
        if self.on_block is not None:
            self.on_block(thread, self.now + self._overhead)
        if deadline is not None:
            if deadline <= self.now:
                return False
            self.sleepers += 1
            if self._asleep is not None:
                self._asleep[thread] = deadline
            if deadline not in thread.alarms:
                thread.alarms.add(deadline)
                self._at(deadline, _WakeUp(self, thread))
        self._leave(thread, BLOCKED)
        self.running = None
        self._overhead += thread.trailing
        thread.trailing = 0
        return True


class _WakeUp(Alarm):
    """A thread's deadline."""

    __slots__ = ("_processor", "_sleeper")

    def __init__(self, processor: Uniprocessor, thread: Thread) -> None:
        super().__init__()
        self._processor = processor
        self._sleeper = thread

    def ring(self) -> None:
        self._processor._expire(self._sleeper)


class _StretchEnd(Alarm):
    """The running thread's burst ends, or its quantum."""

    __slots__ = ("_processor",)

    def __init__(self, processor: Uniprocessor) -> None:
        super().__init__()
        self._processor = processor

    def ring(self) -> None:
        self._processor._stretch_ends()
