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
"""Upper bound of a delayed IPI, ns; as in kernel/arch/smp.c."""

IDLE = -1
"""Claim of an idle CPU: below every priority."""


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
        self.until: int | None = None  # instant of the next pause; None until it continues
        self.rest = 0  # least time to compute when it continues

    def left_of_turn(self, now: int) -> int:
        """Time until its next pause, ns; turns follow each other since it last continued."""
        assert self.until is not None
        return (self.until - now - 1) % COMPUTE_TURN_NS + 1


class Phase(Enum):
    """What a CPU does next, once `kernel_ns` is spent."""

    RUN = auto()  # its thread, or nothing
    INTERRUPT = auto()
    CHOOSE = auto()  # another thread
    LEAVE = auto()  # the kernel


_LOCKED = (Phase.INTERRUPT, Phase.CHOOSE)


class Stop(Enum):
    """Why a CPU stops."""

    HALTED = auto()
    PAUSED = auto()
    SPINS = auto()  # waits for the kernel lock
    TIMER = auto()  # programming its timer stops it
    TIME = auto()  # got less time than it wants
    AWAITS = auto()  # waits for the BQL


class Cpu:
    """One CPU of several."""

    __slots__ = (
        *(
            "armed",
            "sleeping",
            "claim",
            "kernel_ns",
            "delays",
            "halted",
            "id",
            "idle_ns",
            "idle_since",
            "space_switches",
            "phase",
            "quantum_end",
        ),
        *("need_resched", "space", "ipi_targets", "thread", "timer_due", "ipi_pending", "wanted"),
    )

    def __init__(self, identity: int, ipi_delay_seed: int = 0) -> None:
        self.id = identity
        self.delays = Random(ipi_delay_seed, identity, stream=STREAM_IPI_DELAY) if ipi_delay_seed else None
        self.thread: Thread | None = None
        self.claim = IDLE  # priority of its thread, or of a more urgent one that an IPI announced
        self.phase = Phase.RUN
        self.kernel_ns = 0  # ns still to spend under the kernel lock before `phase`
        self.need_resched = False
        self.ipi_targets: list[Cpu] = []  # CPUs it sends an IPI when it leaves the kernel
        self.ipi_pending = False  # an IPI has arrived
        self.timer_due = False
        self.halted = True
        self.sleeping: dict[Thread, int] = {}  # threads that blocked here, with their deadlines
        self.wanted = NEVER  # timer value to program when it leaves the kernel
        self.armed = NEVER  # programmed timer value
        self.quantum_end = 0
        self.idle_since: int | None = 0
        self.idle_ns = 0
        self.space_switches = 0  # changes of address space
        self.space = KERNEL_SPACE

    @property
    def interrupted(self) -> bool:
        """Whether an interrupt is pending."""
        return self.timer_due or self.ipi_pending

    def set_timer(self) -> None:
        """Requests the timer for the earliest sleeper or the end of the quantum; programmed on kernel exit."""
        self.wanted = min(self.sleeping.values(), default=NEVER)
        if self.thread is not None:
            self.wanted = min(self.wanted, self.quantum_end)


@dataclass(frozen=True, slots=True)
class SmpSettings:
    """Number of vCPUs and their perturbations: jitter of quanta, seed of IPI delays."""

    vcpus: int
    jitter: Random | None = None
    ipi_delay_seed: int = 0
