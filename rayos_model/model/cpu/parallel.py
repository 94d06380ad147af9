"""vCPUs in parallel on the cores of a host: QEMU with multi-threaded TCG (docs/explanation/parallel.md).

Each vCPU is a thread of the host, whose scheduler multiplexes the cores (host.py). QEMU's main loop is one more thread;
it handles timers. Sending an IPI, setting or expiring a timer, accepting an interrupt and `pause` need the Big QEMU
Lock (BQL). A vCPU that waits for the kernel lock pauses all the time, a computing one now and then. Only waking a host
thread takes time under the BQL; a thread that finds the BQL owned sleeps. Must not know what threads do.
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

SPIN_COLLISION_NS: Final = 4_000_000
"""Mean time until two vCPUs that spin on different cores want the BQL at the same instant, ns; one then sleeps.

Read from `sched_switch` traces of the host, which show one to several milliseconds (docs/explanation/parallel.md).
"""


def _rest_of_step(left_ns: int) -> int:
    """Rest of a computing process's step with `left_ns` of its turn left; a step is half of the remaining turn."""
    after = COMPUTE_TURN_NS // 2
    while after >= left_ns:
        after //= 2
    return left_ns - after


class Parallel(Multiprocessor):
    """Several vCPUs on the cores of a host; their clock is SimPy's."""

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
        self._bql = Mutex(env, self._host)
        self._threads = [HostThread(partial(self._proceed, cpu), partial(self._lost_core, cpu)) for cpu in self._cpus]
        self._main_loop = HostThread(self._expire_timers, lambda: None)
        self._expired: list[Cpu] = []  # with an expired timer that the main loop has not handled
        self._busy: dict[Cpu, tuple[int, Alarm | None]] = {}  # busy since, and the event that ends it
        self._spinning: list[Cpu] = []  # vCPUs that spin for the kernel lock on a core
        self._collision_scheduled = False  # a collision of two spinners is scheduled

    # ---- required by the policy --------------------------------------------------------------------

    def _advance(self, cpu: Cpu, wanted: int) -> int:
        """Schedules the end of the stretch in SimPy; no time passes at once."""
        if wanted:
            end = Call(partial(self._proceed, cpu))
            self._busy[cpu] = self.now, end
            self.env.set_alarm(self.now + wanted, end)
        return 0

    def _compute(self, cpu: Cpu, thread: ComputingThread) -> Stop:
        """Busy until an interrupt; pauses at the end of each turn, or of a step if the turn is over by then."""
        thread.until = self.now + COMPUTE_TURN_NS if thread.until is None else max(thread.until, self.now + thread.rest)
        self._busy[cpu] = self.now, None
        self._pause(cpu)
        return Stop.TIME

    def _interrupt_cost_on(self, cpu: Cpu) -> int:
        """An idle vCPU spends its wake-up time asleep, not here."""
        return self.overheads.interrupt_ns

    def _may_interrupt(self, cpu: Cpu) -> bool:
        return self._take_bql(self._threads[cpu.id], 0)

    def _leave_kernel(self, cpu: Cpu) -> bool:
        cpu.phase = Phase.LEAVE
        self._unlock(cpu)
        thread, sets_timer = self._threads[cpu.id], cpu.wanted != cpu.armed
        if cpu.ipi_targets or sets_timer:
            first = sets_timer and self._is_first(cpu.wanted)
            if not self._take_bql(thread, self._count_asleep(cpu.ipi_targets) + (first and not self._main_loop.awake)):
                return True
            self._send_pending_ipis(cpu)
            if sets_timer:
                self._timer_set(cpu)
            if first:
                self._when_released(partial(self._wake_host_thread, self._main_loop))
        cpu.phase = Phase.RUN
        return not thread.running

    def _is_first(self, deadline: int) -> bool:
        """Whether a deadline is the earliest of all timers, of which the main loop is notified at once."""
        return deadline != NEVER and all(deadline <= other.armed for other in self._cpus)

    def _timer_set(self, cpu: Cpu) -> bool:
        deadline = cpu.armed = cpu.wanted
        if deadline == NEVER:
            return False
        woken_ns = 2 * self._wake_ns  # the main loop, then the vCPU
        late = max(self.overheads.wake_up() - self.overheads.interrupt_ns - woken_ns, 0)

        def expire() -> None:
            if cpu.armed != deadline:
                return
            if cpu.thread is None and self.env.instant() < deadline + late:
                self.env.set_alarm(deadline + late, Call(expire))
                return
            cpu.armed = NEVER
            self._expired.append(cpu)
            self._wake_host_thread(self._main_loop)

        self.env.set_alarm(max(deadline, self.env.instant()), Call(expire))
        return False

    def _interrupt_raised(self, cpu: Cpu) -> None:
        """The target notices when the sender has released the BQL."""
        self._when_released(partial(self._notice, cpu))

    def _notice(self, cpu: Cpu) -> None:
        thread = self._threads[cpu.id]
        if thread.running:
            self._proceed(cpu)
        else:
            self._wake_host_thread(thread)

    def _unlocked(self) -> None:
        waiting, self._spinning = self._spinning, []
        for cpu in waiting:
            self.env.set_alarm(self.env.instant(), Call(partial(self._carry_on, cpu)))

    # ---- QEMU ------------------------------------------------------------------------------------

    def _wake_host_thread(self, thread: HostThread) -> None:
        """Wakes a host thread unless it sleeps for the BQL."""
        if not self._bql.blocks(thread):
            self._host.wake(thread)

    def _count_asleep(self, cpus: list[Cpu]) -> int:
        """Number of host threads to wake in order to interrupt these vCPUs."""
        return sum(not self._threads[cpu.id].awake for cpu in cpus)

    def _take_bql(self, thread: HostThread, wakes: int) -> bool:
        """Takes the BQL to wake `wakes` host threads, and pausing vCPUs sleep; False if the thread sleeps for it."""
        if not self._bql.take(thread, wakes * self.overheads.bql_hold_ns):
            return False
        if wakes:
            for cpu in self._spinning.copy():
                self._block_on_bql(cpu)
            for cpu, (_, end) in self._busy.items():
                if end is None:
                    self._pause(cpu)
        return True

    def _when_released(self, do: Callable[[], None]) -> None:
        """Calls `do` when the BQL is released; at once if its owner has no core."""
        self.env.set_alarm(self._bql.release_at(), Call(do))

    def _pause(self, cpu: Cpu) -> None:
        """A computing vCPU sleeps at its next pause if the BQL is owned then."""
        if not self._bql.locked_against(self._threads[cpu.id]):
            return
        stretch = self._busy[cpu]

        def pause() -> None:
            if self._busy.get(cpu) == stretch and self._bql.locked_against(self._threads[cpu.id]):
                self._block_on_bql(cpu)

        thread, now = cpu.thread, self.env.instant()
        assert isinstance(thread, ComputingThread)
        self.env.set_alarm(now + thread.left_of_turn(now), Call(pause))

    def _expire_timers(self) -> None:
        """The main loop on a core: raises the interrupts of expired timers."""
        if not self._take_bql(self._main_loop, self._count_asleep(self._expired)):
            return
        expired, self._expired = self._expired, []
        for cpu in expired:
            cpu.timer_due = True
            self._interrupt_raised(cpu)
        self._when_released(self._timers_expired)

    def _timers_expired(self) -> None:
        if self._main_loop.running:
            self._bql.release(self._main_loop)
        if self._main_loop.running and not self._expired:
            self._host.sleep(self._main_loop)
        elif self._main_loop.running:
            self._expire_timers()

    def _spin(self, cpu: Cpu) -> None:
        self._spinning.append(cpu)
        self._schedule_collision()

    def _schedule_collision(self) -> None:
        if len(self._spinning) > 1 and not self._collision_scheduled:
            self._collision_scheduled = True
            wait_ns = -SPIN_COLLISION_NS * log((self._chance.next() + 1) / 2**32)
            self.env.set_alarm(self.env.instant() + round(wait_ns), Call(self._collide))

    def _collide(self) -> None:
        """Two spinning vCPUs want the BQL at the same instant: one owns it for a moment, the other sleeps."""
        self._collision_scheduled = False
        if len(self._spinning) > 1:
            which = self._chance.next() % len(self._spinning)
            loser, winner = self._spinning[which], self._threads[self._spinning[which - 1].id]
            if not self._bql.locked_against(winner):
                self._bql.take(winner, 1)
                self._block_on_bql(loser)
        self._schedule_collision()

    def _block_on_bql(self, cpu: Cpu) -> None:
        self._lost_core(cpu)
        self._bql.block_on(self._threads[cpu.id])

    # ---- time ------------------------------------------------------------------------------------

    def _proceed(self, cpu: Cpu) -> None:
        """Continues a vCPU that has a core."""
        self.now = self.env.instant()
        self._book(cpu)
        thread = self._threads[cpu.id]
        if not self._bql.resume(thread):
            return
        stop = self._execute(cpu)
        if stop is Stop.SPINS and thread.running:
            self._spin(cpu)
        elif stop is Stop.HALTED and thread.running:
            self._bql.release(thread)
            if thread.running:
                self._host.sleep(thread)

    def _carry_on(self, cpu: Cpu) -> None:
        if self._threads[cpu.id].running:
            self._proceed(cpu)

    def _lost_core(self, cpu: Cpu) -> None:
        """The vCPU makes no progress from now on."""
        self.now = self.env.instant()
        self._book(cpu)
        self._note_suspension(cpu)

    def _book(self, cpu: Cpu) -> None:
        """Books the progress of a vCPU since it became busy."""
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
        if cpu.kernel_ns:
            cpu.kernel_ns -= spent
        elif isinstance(thread, ComputingThread):
            left_ns = thread.left_of_turn(self.now)
            thread.until, thread.rest = self.now + left_ns, _rest_of_step(left_ns)
        elif thread is not None and spent:
            thread.remaining -= spent
            thread.suspended_at = None
