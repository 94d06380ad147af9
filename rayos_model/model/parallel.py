"""Several processors that run at once, on as many cores as the host has (QEMU with multi-threaded TCG).

Where more of them are busy than the host has cores, all get an equal share of its time. Must not know what threads do.
"""

from __future__ import annotations

from functools import partial
from math import ceil

from rayos_model.model.clock import NEVER, Alarm, Call, Clock
from rayos_model.model.processor import Overheads
from rayos_model.model.smp import ComputingThread, Cpu, Cpus, Several, Stop


class _Stretch:
    """What a processor is busy with: `wanted` ns of its own time, `given` of them up to `as_of`."""

    __slots__ = ("as_of", "end", "given", "since", "wanted")

    def __init__(self, wanted: int, since: int) -> None:
        self.wanted = wanted
        self.given = 0.0
        self.since = self.as_of = since
        self.end: Alarm | None = None


class Parallel(Cpus):
    """Several processors on `cores` of a host; SimPy's clock is theirs."""

    def __init__(self, env: Clock, quantum_ns: int, overheads: Overheads, several: Several, cores: int) -> None:
        super().__init__(env, quantum_ns, overheads, several)
        self._cores = cores
        self._rate = 1.0  # a busy processor's share of a core
        self._busy: dict[Cpu, _Stretch] = {}
        self._spinning: list[Cpu] = []

    # ---- what the policy asks --------------------------------------------------------------------

    def _advance(self, cpu: Cpu, wanted: int) -> int:
        """Time passes in SimPy: nothing is given at once."""
        if wanted:
            self._busy[cpu] = _Stretch(wanted, self.now)
        return 0

    def _compute(self, cpu: Cpu, thread: ComputingThread) -> Stop:
        """Here a pause changes nothing: it is busy until it is interrupted."""
        self._busy[cpu] = _Stretch(NEVER, self.now)
        return Stop.TIME

    def _timer_set(self, cpu: Cpu) -> bool:
        deadline = cpu.armed = cpu.wanted

        def expire() -> None:
            if cpu.armed == deadline:
                cpu.armed = NEVER
                cpu.timer_due = True
                self._proceed(cpu)

        if deadline < NEVER:
            self._at(max(deadline, self.env.instant()), Call(expire))
        return False

    def _interrupt_sent(self, cpu: Cpu) -> None:
        self._at(self.env.instant(), Call(partial(self._proceed, cpu)))

    def _unlocked(self) -> None:
        waiting, self._spinning = self._spinning, []
        for cpu in waiting:
            self._interrupt_sent(cpu)

    # ---- time ------------------------------------------------------------------------------------

    def _proceed(self, cpu: Cpu) -> None:
        """Has a processor go on from where it is."""
        self.now = self.env.instant()
        self._book(cpu)
        if self._execute(cpu) is Stop.SPINS and cpu not in self._spinning:
            self._spinning.append(cpu)
        self._share()

    def _book(self, cpu: Cpu) -> None:
        """What a processor has got done of its stretch, so far."""
        stretch = self._busy.pop(cpu, None)
        if stretch is None:
            return
        self._give(stretch)
        if stretch.end is not None:
            stretch.end.cancelled = True
        thread = cpu.thread
        if cpu.debt:
            cpu.debt -= round(stretch.given)
        elif thread is not None and not isinstance(thread, ComputingThread):
            spent = round(stretch.given)
            shared = self.now - stretch.since - spent
            if shared:
                thread.interruptions.append((thread.burst - thread.remaining, shared))
            thread.remaining -= spent
            thread.suspended_at = None

    def _give(self, stretch: _Stretch) -> None:
        given = stretch.given + (self.now - stretch.as_of) * self._rate
        stretch.given, stretch.as_of = min(given, stretch.wanted), self.now

    def _share(self) -> None:
        """Shares the host's cores among the busy, and finds out when each of them is done."""
        busy = len(self._busy) + len(self._spinning)
        rate = min(1.0, self._cores / busy) if busy else 1.0
        changed = rate != self._rate
        if changed:
            for stretch in self._busy.values():
                self._give(stretch)
        self._rate = rate
        for cpu, stretch in self._busy.items():
            if (changed or stretch.end is None) and stretch.wanted < NEVER:
                if stretch.end is not None:
                    stretch.end.cancelled = True
                left = ceil((stretch.wanted - stretch.given) / rate)
                stretch.end = Call(partial(self._proceed, cpu))
                self._at(self.env.instant() + left, stretch.end)
