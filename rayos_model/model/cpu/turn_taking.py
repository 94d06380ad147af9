"""Several vCPUs that take turns on one clock: QEMU with icount (docs/explanation/turn-taking.md)."""

from __future__ import annotations

from enum import Enum, auto

from rayos_model.model.cpu.clock import NEVER, Alarm, Call, Clock
from rayos_model.model.cpu.multiprocessor import Multiprocessor
from rayos_model.model.cpu.thread import Overheads
from rayos_model.model.cpu.virtual_cpu import Cpu, SmpSettings, Stop

LONGEST_TURN_NS = 100_000_000
"""Period of a timer of QEMU's own, which runs while not all processors are halted."""


class _Stage(Enum):
    """Stage of the round of turns."""

    LOOK = auto()  # at the timers, before whose turn it is
    BEGIN = auto()  # a turn
    WITHIN = auto()  # a turn


class TurnTaking(Multiprocessor):
    """Several vCPUs, one of which runs at any time; `now` is the clock they share."""

    def __init__(self, env: Clock, quantum_ns: int, overheads: Overheads, several: SmpSettings) -> None:
        super().__init__(env, quantum_ns, overheads, several)
        self._turn = 0  # whose it is
        self._stage = _Stage.LOOK
        self._look_first = [False] * several.vcpus  # whose next turn comes after a look at the timers
        self._longest = NEVER  # deadline of QEMU's own timer
        self._deadline = NEVER  # the earliest of all timers
        self._active = False  # turns are being taken
        self._resumption: Alarm | None = None
        self._resumes = NEVER

    # ---- SimPy ---------------------------------------------------------------------------------

    def _interrupt_raised(self, cpu: Cpu) -> None:
        self._resume_at(self.env.instant())

    def _unlocked(self) -> None:
        """A spinning vCPU notices in its next turn."""

    def _resume_at(self, time: int) -> None:
        """Resumes the turns at `time`, after the other events of that instant."""
        if self._active or self._resumes <= time:
            return
        if self._resumption is not None:
            self._resumption.cancelled = True
        self._resumes = time
        self._resumption = Call(self._resume)
        self.env.set_alarm(time, self._resumption)

    def _resume(self) -> None:
        self._resumption, self._resumes = None, NEVER
        self.now = max(self.now, self.env.instant())
        self._active = True
        all_halted = self._take_turns()
        self._active = False
        if not all_halted:
            self._resume_at(self.now)
            return
        self._longest = NEVER
        self._find_deadline()
        if self._deadline < NEVER:
            self._resume_at(self._deadline)

    # ---- turns -------------------------------------------------------------------------------------

    def _take_turns(self) -> bool:
        """Takes turns until all CPUs are halted (True), or until a deadline or SimPy's next event (False)."""
        cpus = self._cpus
        if self._longest == NEVER:
            self._longest = self.now + LONGEST_TURN_NS
            self._find_deadline()
        while True:
            if self._stage is _Stage.LOOK:
                self._look_at_timers()
                self._stage = _Stage.BEGIN
            while self._turn < len(cpus):
                cpu = cpus[self._turn]
                if self._stage is _Stage.BEGIN:
                    if self._look_first[cpu.id]:
                        break
                    if not self._has_turn(cpu):
                        self._turn += 1
                        continue
                self._stage = _Stage.BEGIN
                if self._execute(cpu) is Stop.TIME and self.now < self._deadline:
                    self._stage = _Stage.WITHIN
                    return False
                self._turn += 1
                if self.now >= self._deadline:
                    return False
            if self._turn < len(cpus):
                self._look_first[self._turn] = False
            else:
                self._turn = 0
            self._stage = _Stage.LOOK
            if all(cpu.halted and not cpu.interrupted for cpu in cpus):
                return True

    def _has_turn(self, cpu: Cpu) -> bool:
        """Whether a CPU can use its turn: time is left, and it does not halt."""
        lost = self._look_at_timers()
        busy = not cpu.halted or cpu.interrupted
        if lost and busy:
            self._look_first[cpu.id] = False
        return busy and not lost

    def _look_at_timers(self) -> bool:
        """Raises the interrupts of expired timers; whether there is any."""
        if self.now < self._deadline:
            return False
        for cpu in self._cpus:
            if cpu.armed <= self.now:
                cpu.armed = NEVER
                cpu.timer_due = True
        if self._longest <= self.now:
            self._longest = self.now + LONGEST_TURN_NS
        self._find_deadline()
        self._look_first = [True] * len(self._cpus)
        return True

    def _find_deadline(self) -> None:
        self._deadline = min(self._longest, *(cpu.armed for cpu in self._cpus))

    def _timer_set(self, cpu: Cpu) -> bool:
        """A timer set to the earliest of all deadlines ends the turn."""
        cpu.armed = NEVER
        self._find_deadline()
        ends = cpu.wanted < self._deadline
        cpu.armed = cpu.wanted
        if ends:
            self._deadline = cpu.wanted
            self._look_first = [other is not cpu for other in self._cpus]
        return ends

    def _advance(self, cpu: Cpu, wanted: int) -> int:
        start = self.now
        self.now = min(start + wanted, max(start, min(self._deadline, self.env.horizon())))
        return self.now - start
