"""Several processors that run at once on the cores of a host: QEMU with multi-threaded TCG.

Each is a thread of the host, which lets it wait where more of them want a core than there are (host.py). QEMU's main
loop is one more, which sees to timers. What goes through QEMU needs its one big lock: to tell another processor
something, to set a timer and to have it expire, to accept an interrupt, and to pause, as who waits for the kernel lock
does all the time.
Must not know what threads do.
"""

from __future__ import annotations

from functools import partial
from math import log
from typing import Final

from rayos_model.model.clock import NEVER, Alarm, Call, Clock
from rayos_model.model.host import Host, HostSettings, HostThread, Mutex
from rayos_model.model.processor import Overheads
from rayos_model.model.random import Random
from rayos_model.model.smp import ComputingThread, Cpu, Cpus, Phase, Several, Stop

SPINNERS_MEET_NS: Final = 4_000_000
"""Mean time until two that spin on different cores want QEMU's lock at one instant, and one of them falls asleep."""


class Parallel(Cpus):
    """Several processors on the cores of a host; SimPy's clock is theirs."""

    def __init__(
        self,
        env: Clock,
        quantum_ns: int,
        overheads: Overheads,
        several: Several,
        settings: HostSettings,
        chance: Random,
    ) -> None:
        super().__init__(env, quantum_ns, overheads, several)
        self.at_once = True
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
            self._at(self.now + wanted, end)
        return 0

    def _compute(self, cpu: Cpu, thread: ComputingThread) -> Stop:
        """Busy until it is interrupted; its pauses change nothing."""
        self._busy[cpu] = self.now, None
        return Stop.TIME

    def _interrupt_cost_on(self, cpu: Cpu) -> int:
        """How long an idle one takes to wake, it spends asleep."""
        return self.overheads.interrupt

    def _may_interrupt(self, cpu: Cpu) -> bool:
        return self._qemu.take(self._threads[cpu.id], self.overheads.tell)

    def _leave_kernel(self, cpu: Cpu) -> bool:
        cpu.phase = Phase.LEAVE
        self._unlock(cpu)
        thread = self._threads[cpu.id]
        if cpu.telling or cpu.wanted != cpu.armed:
            if not self._qemu.take(thread, self.overheads.tell):
                return True
            self._hold_up_spinners()
            self._tell_others(cpu)
            if cpu.wanted != cpu.armed:
                self._timer_set(cpu)
        cpu.phase = Phase.RUN
        return not thread.running

    def _timer_set(self, cpu: Cpu) -> bool:
        """Sets a processor's timer; of the earliest of all the main loop has to know at once."""
        deadline = cpu.armed = cpu.wanted
        if deadline == NEVER:
            return False
        woken_ns = 2 * self._wake_ns  # the main loop, and it the processor
        late = max(self.overheads.wake_up() - self.overheads.interrupt - woken_ns, 0)

        def expire() -> None:
            if cpu.armed != deadline:
                return
            if cpu.thread is None and self.env.instant() < deadline + late:
                self._at(deadline + late, Call(expire))
                return
            cpu.armed = NEVER
            self._expired.append(cpu)
            self._rouse(self._main_loop)

        self._at(max(deadline, self.env.instant()), Call(expire))
        if all(deadline <= other.armed for other in self._cpus):
            self._rouse(self._main_loop)
        return False

    def _interrupt_sent(self, cpu: Cpu) -> None:
        """One that runs notices it when who interrupts it has let go of QEMU's lock."""
        thread = self._threads[cpu.id]
        if thread.running:
            self._at(self.env.instant() + self.overheads.tell, Call(partial(self._carry_on, cpu)))
        else:
            self._rouse(thread)

    def _unlocked(self) -> None:
        waiting, self._spinning = self._spinning, []
        for cpu in waiting:
            self._at(self.env.instant(), Call(partial(self._carry_on, cpu)))

    # ---- QEMU ------------------------------------------------------------------------------------

    def _rouse(self, thread: HostThread) -> None:
        """Wakes a thread, but not one that sleeps for QEMU's lock."""
        if not self._qemu.awaited_by(thread):
            self._host.wake(thread)

    def _see_to_timers(self) -> None:
        """What the main loop does when it has a core."""
        hold_ns = self.overheads.tell * len(self._expired)
        if not self._qemu.take(self._main_loop, hold_ns):
            return
        expired, self._expired = self._expired, []
        if expired:
            self._hold_up_spinners()
        for cpu in expired:
            cpu.timer_due = True
            self._interrupt_sent(cpu)
        self._at(self.env.instant() + hold_ns, Call(self._timers_seen_to))

    def _timers_seen_to(self) -> None:
        if self._main_loop.running:
            self._qemu.release(self._main_loop)
        if self._main_loop.running and not self._expired:
            self._host.sleep(self._main_loop)
        elif self._main_loop.running:
            self._see_to_timers()

    def _hold_up_spinners(self) -> None:
        """QEMU's lock has been taken: who spins stops for it."""
        for cpu in self._spinning.copy():
            self._stop_for_lock(cpu)

    def _spin(self, cpu: Cpu) -> None:
        self._spinning.append(cpu)
        self._meet_some_time()

    def _meet_some_time(self) -> None:
        if len(self._spinning) > 1 and not self._meeting:
            self._meeting = True
            wait_ns = -SPINNERS_MEET_NS * log((self._chance.next() + 1) / 2**32)
            self._at(self.env.instant() + round(wait_ns), Call(self._meet))

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
        since, end = self._busy.pop(cpu, (self.now, None))
        if end is not None:
            end.cancelled = True
        spent = self.now - since
        thread = cpu.thread
        if cpu.debt:
            cpu.debt -= spent
        elif thread is not None and spent and not isinstance(thread, ComputingThread):
            thread.remaining -= spent
            thread.suspended_at = None
