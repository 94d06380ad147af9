"""The state of one of several CPUs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from rayos_model.contract.abi import COMPUTE_TURN_NS
from rayos_model.model.cpu.clock import NEVER
from rayos_model.model.cpu.thread import (
    KERNEL_SPACE,
    Body,
    Thread,
)
from rayos_model.model.pcg32 import STREAM_IPI_DELAY, Random

MAX_IPI_DELAY_NS = 100_000
"""Where interrupts between processors come late, none is later; as in kernel/arch/smp.c."""

IDLE = -1
"""The claim of an idle processor: below every priority."""


def _nothing() -> Body:
    return
    yield


def _by_deadline(thread: Thread) -> tuple[int, int]:
    assert thread.deadline is not None
    return thread.deadline, thread.index


class ComputingThread(Thread):
    """A thread that only computes, until it is killed; it pauses every `COMPUTE_TURN_NS`."""

    __slots__ = ("rest", "until")

    def __init__(self, index: int, name: str, priority: int) -> None:
        super().__init__(index, name, priority, _nothing())
        self.until: int | None = None  # when it pauses next; None: known when it goes on
        self.rest = 0  # what it computes at least when it goes on, however late

    def left_of_turn(self, now: int) -> int:
        """How long it still computes until it pauses; one turn after the other since it last went on."""
        assert self.until is not None
        return (self.until - now - 1) % COMPUTE_TURN_NS + 1


class Phase(Enum):
    """What a processor does next, when it has spent what it owes."""

    RUN = auto()  # its thread, or nothing
    INTERRUPT = auto()
    CHOOSE = auto()  # another thread
    LEAVE = auto()  # the kernel


_LOCKED = (Phase.INTERRUPT, Phase.CHOOSE)


class Stop(Enum):
    """Why a processor does not go on."""

    HALTED = auto()
    PAUSED = auto()
    SPINS = auto()  # another holds the kernel lock
    TIMER = auto()  # it has set its timer, and that stops it
    TIME = auto()  # it was not given all the time it wants
    AWAITS = auto()  # the lock of the virtual machine


class Cpu:
    """One of the processors."""

    __slots__ = (
        *(
            "armed",
            "asleep",
            "claim",
            "debt",
            "delays",
            "halted",
            "id",
            "idle_ns",
            "idle_since",
            "space_switches",
            "phase",
            "quantum_end",
        ),
        *("resched", "space", "telling", "thread", "timer_due", "told", "wanted"),
    )

    def __init__(self, identity: int, ipi_delay_seed: int = 0) -> None:
        self.id = identity
        self.delays = Random(ipi_delay_seed, identity, stream=STREAM_IPI_DELAY) if ipi_delay_seed else None
        self.thread: Thread | None = None
        self.claim = IDLE  # priority of its thread, or of a more urgent one it has been told to take
        self.phase = Phase.RUN
        self.debt = 0  # ns to spend under the kernel lock before that
        self.resched = False
        self.telling: list[Cpu] = []  # whom it interrupts when it leaves the kernel
        self.told = False  # has been interrupted by another
        self.timer_due = False
        self.halted = True
        self.asleep: dict[Thread, int] = {}  # who blocked here, until when
        self.wanted = NEVER  # what its timer is to be set to when it leaves the kernel
        self.armed = NEVER  # what it is set to
        self.quantum_end = 0
        self.idle_since: int | None = 0
        self.idle_ns = 0
        self.space_switches = 0  # times that it was given another address space
        self.space = KERNEL_SPACE

    @property
    def interrupted(self) -> bool:
        """Whether an interrupt waits for it."""
        return self.timer_due or self.told

    def set_timer(self) -> None:
        """For its earliest sleeper or the end of its thread's quantum, when it leaves the kernel."""
        self.wanted = min(self.asleep.values(), default=NEVER)
        if self.thread is not None:
            self.wanted = min(self.wanted, self.quantum_end)


@dataclass(frozen=True, slots=True)
class SmpSettings:
    """How many processors there are, and what perturbs them: their quanta, and how late they hear of each other."""

    vcpus: int
    jitter: Random | None = None
    ipi_delay_seed: int = 0
