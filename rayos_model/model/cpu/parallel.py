"""SmpSettings processors that run at once on the cores of a host: QEMU with multi-threaded TCG.

Each is a thread of the host, which lets it wait where more of them want a core than there are (host.py). QEMU's main
loop is one more, which sees to timers. What goes through QEMU needs its one big lock: to tell another processor
something, to set a timer and to have it expire, to accept an interrupt, and to pause, as who waits for the kernel lock
does all the time and who computes now and then. Waking a thread of the host is what takes time there; the lock is had
for the rest of it in no time, but who finds it taken falls asleep.
Must not know what threads do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import log
from typing import Final

from rayos_model.contract.abi import COMPUTE_TURN_NS
from rayos_model.model.cpu.clock import NEVER, Alarm, Call, Clock
from rayos_model.model.cpu.host import Host, HostSettings, HostThread
from rayos_model.model.cpu.host_mutex import Mutex
from rayos_model.model.cpu.multiprocessor import Multiprocessor
from rayos_model.model.cpu.thread import Overheads
from rayos_model.model.cpu.virtual_cpu import ComputingThread, Cpu, Phase, SmpSettings, Stop
from rayos_model.model.pcg32 import Random

SPINNERS_MEET_NS: Final = 4_000_000
"""Mean time until two that spin on different cores want QEMU's lock at one instant, and one of them falls asleep."""


def _rest_of_step(left_ns: int) -> int:
    """What is left of a step when `left_ns` are of a computing process's turn: each is half of what remains of that."""
    after = COMPUTE_TURN_NS // 2
    while after >= left_ns:
        after //= 2
    return left_ns - after


class Parallel(Multiprocessor):
    """SmpSettings processors on the cores of a host; SimPy's clock is theirs."""

    def __init__(
        self,
        env: Clock,
        quantum_ns: int,
        overheads: Overheads,
        several: SmpSettings,
        settings: HostSettings,
        chance: Random,
    ) -> None:
        super().__init__(env, quantum_ns, overheads, several)
        self.parallel = True
        self._chance = chance
        self._wake_ns = settings.wake_ns
        self._host = Host(env, settings, chance)
        self._qemu = Mutex(env, self._host)
        self._threads = [HostThread(partial(self._proceed, cpu), partial(self._lose_core, cpu)) for cpu in self._cpus]
        self._main_loop = HostThread(self._see_to_timers, lambda: None)
        self._expired: list[Cpu] = []  # whose timers the main loop has to see to
        self._busy: dict[Cpu, tuple[int, Alarm | None]] = {}  # since when, and what ends it
        self._spinning: list[Cpu] = []  # and have a core
        self._meeting = False  # two of them do, some time

    # ---- what the policy asks --------------------------------------------------------------------

    def _advance(self, cpu: Cpu, wanted: int) -> int:
        """Time passes in SimPy: nothing is given at once."""
        if wanted:
            end = Call(partial(self._proceed, cpu))
            self._busy[cpu] = self.now, end
            self.env.set_alarm(self.now + wanted, end)
        return 0

    def _compute(self, cpu: Cpu, thread: ComputingThread) -> Stop:
        """Busy until it is interrupted; it pauses at the end of each turn, or of a step if the turn is over by then."""
        thread.until = self.now + COMPUTE_TURN_NS if thread.until is None else max(thread.until, self.now + thread.rest)
        self._busy[cpu] = self.now, None
        self._pause(cpu)
        return Stop.TIME

    def _interrupt_cost_on(self, cpu: Cpu) -> int:
        """How long an idle one takes to wake, it spends asleep."""
        return self.overheads.interrupt_ns

    def _may_interrupt(self, cpu: Cpu) -> bool:
        return self._take_qemu(self._threads[cpu.id], 0)

    def _leave_kernel(self, cpu: Cpu) -> bool:
        cpu.phase = Phase.LEAVE
        self._unlock(cpu)
        thread, sets_timer = self._threads[cpu.id], cpu.wanted != cpu.armed
        if cpu.telling or sets_timer:
            first = sets_timer and self._is_first(cpu.wanted)
            if not self._take_qemu(thread, self._to_wake(cpu.telling) + (first and not self._main_loop.awake)):
                return True
            self._tell_others(cpu)
            if sets_timer:
                self._timer_set(cpu)
            if first:
                self._when_released(partial(self._rouse, self._main_loop))
        cpu.phase = Phase.RUN
        return not thread.running

    def _is_first(self, deadline: int) -> bool:
        """Whether no timer is set to anything earlier: the main loop has to know that at once."""
        return deadline != NEVER and all(deadline <= other.armed for other in self._cpus)

    def _timer_set(self, cpu: Cpu) -> bool:
        deadline = cpu.armed = cpu.wanted
        if deadline == NEVER:
            return False
        woken_ns = 2 * self._wake_ns  # the main loop, and it the processor
        late = max(self.overheads.wake_up() - self.overheads.interrupt_ns - woken_ns, 0)

        def expire() -> None:
            if cpu.armed != deadline:
                return
            if cpu.thread is None and self.env.instant() < deadline + late:
                self.env.set_alarm(deadline + late, Call(expire))
                return
            cpu.armed = NEVER
            self._expired.append(cpu)
            self._rouse(self._main_loop)

        self.env.set_alarm(max(deadline, self.env.instant()), Call(expire))
        return False

    def _interrupt_sent(self, cpu: Cpu) -> None:
        """It is noticed when who interrupts has let go of QEMU's lock."""
        self._when_released(partial(self._notice, cpu))

    def _notice(self, cpu: Cpu) -> None:
        thread = self._threads[cpu.id]
        if thread.running:
            self._proceed(cpu)
        else:
            self._rouse(thread)

    def _unlocked(self) -> None:
        waiting, self._spinning = self._spinning, []
        for cpu in waiting:
            self.env.set_alarm(self.env.instant(), Call(partial(self._carry_on, cpu)))

    # ---- QEMU ------------------------------------------------------------------------------------

    def _rouse(self, thread: HostThread) -> None:
        """Wakes a thread, but not one that sleeps for QEMU's lock."""
        if not self._qemu.awaited_by(thread):
            self._host.wake(thread)

    def _to_wake(self, cpus: list[Cpu]) -> int:
        """How many threads have to be woken to interrupt these processors."""
        return sum(not self._threads[cpu.id].awake for cpu in cpus)

    def _take_qemu(self, thread: HostThread, wakes: int) -> bool:
        """Takes QEMU's lock to wake so many; else the thread has fallen asleep. Who then pauses falls asleep, too."""
        if not self._qemu.take(thread, wakes * self.overheads.bql_hold_ns):
            return False
        if wakes:
            for cpu in self._spinning.copy():
                self._stop_for_lock(cpu)
            for cpu, (_, end) in self._busy.items():
                if end is None:
                    self._pause(cpu)
        return True

    def _when_released(self, do: Callable[[], None]) -> None:
        """Does something as soon as QEMU's lock is released, or now if its owner has no core and it may take long."""
        self.env.set_alarm(self._qemu.release_at(), Call(do))

    def _pause(self, cpu: Cpu) -> None:
        """If QEMU's lock is taken, a processor that computes falls asleep at its next pause, if it still is by then."""
        if not self._qemu.taken_from(self._threads[cpu.id]):
            return
        stretch = self._busy[cpu]

        def pause() -> None:
            if self._busy.get(cpu) == stretch and self._qemu.taken_from(self._threads[cpu.id]):
                self._stop_for_lock(cpu)

        thread, now = cpu.thread, self.env.instant()
        assert isinstance(thread, ComputingThread)
        self.env.set_alarm(now + thread.left_of_turn(now), Call(pause))

    def _see_to_timers(self) -> None:
        """What the main loop does when it has a core."""
        if not self._take_qemu(self._main_loop, self._to_wake(self._expired)):
            return
        expired, self._expired = self._expired, []
        for cpu in expired:
            cpu.timer_due = True
            self._interrupt_sent(cpu)
        self._when_released(self._timers_seen_to)

    def _timers_seen_to(self) -> None:
        if self._main_loop.running:
            self._qemu.release(self._main_loop)
        if self._main_loop.running and not self._expired:
            self._host.sleep(self._main_loop)
        elif self._main_loop.running:
            self._see_to_timers()

    def _spin(self, cpu: Cpu) -> None:
        self._spinning.append(cpu)
        self._meet_some_time()

    def _meet_some_time(self) -> None:
        if len(self._spinning) > 1 and not self._meeting:
            self._meeting = True
            wait_ns = -SPINNERS_MEET_NS * log((self._chance.next() + 1) / 2**32)
            self.env.set_alarm(self.env.instant() + round(wait_ns), Call(self._meet))

    def _meet(self) -> None:
        """Two that spin have come upon QEMU's lock at the same instant: one has it for a moment, one falls asleep."""
        self._meeting = False
        if len(self._spinning) > 1:
            which = self._chance.next() % len(self._spinning)
            loser, winner = self._spinning[which], self._threads[self._spinning[which - 1].id]
            if not self._qemu.taken_from(winner):
                self._qemu.take(winner, 1)
                self._stop_for_lock(loser)
        self._meet_some_time()

    def _stop_for_lock(self, cpu: Cpu) -> None:
        self._lose_core(cpu)
        self._qemu.await_(self._threads[cpu.id])

    # ---- time ------------------------------------------------------------------------------------

    def _proceed(self, cpu: Cpu) -> None:
        """Has a processor that has a core go on from where it is."""
        self.now = self.env.instant()
        self._book(cpu)
        thread = self._threads[cpu.id]
        if not self._qemu.resume(thread):
            return
        stop = self._execute(cpu)
        if stop is Stop.SPINS and thread.running:
            self._spin(cpu)
        elif stop is Stop.HALTED and thread.running:
            self._qemu.release(thread)
            if thread.running:
                self._host.sleep(thread)

    def _carry_on(self, cpu: Cpu) -> None:
        if self._threads[cpu.id].running:
            self._proceed(cpu)

    def _lose_core(self, cpu: Cpu) -> None:
        """The processor does not get on from now on."""
        self.now = self.env.instant()
        self._book(cpu)
        self._note_absence_from(cpu)

    def _book(self, cpu: Cpu) -> None:
        """What a processor has got done since it became busy."""
        if cpu in self._spinning:
            self._spinning.remove(cpu)
        stretch = self._busy.pop(cpu, None)
        if stretch is None:
            return
        since, end = stretch
        spent = self.now - since
        thread = cpu.thread
        if end is not None:
            end.cancelled = True
        if cpu.debt:
            cpu.debt -= spent
        elif isinstance(thread, ComputingThread):
            left_ns = thread.left_of_turn(self.now)
            thread.until, thread.rest = self.now + left_ns, _rest_of_step(left_ns)
        elif thread is not None and spent:
            thread.remaining -= spent
            thread.suspended_at = None
