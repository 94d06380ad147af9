"""Threads of the modelled kernel, and what scheduling them costs."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final

from rayos_model.contract.abi import ThreadId
from rayos_model.costs.address_space import AddressSpaceUse
from rayos_model.model.cpu.clock import NEVER


class Block:
    """What a thread yields to give up the processor; its deadline is in :attr:`Thread.deadline`."""


BLOCK: Final = Block()
LEAVE: Final = -1
"""What a thread yields at the end of `recv`: the way out of the kernel, a part of the segment that follows."""

Body = Generator[int | Block, None, None]

MIN_QUANTUM_NS: Final = 10_000
NEW: Final = 0
READY: Final = 1
RUNNING: Final = 2
BLOCKED: Final = 3
EXITED: Final = 4
KERNEL_SPACE: Final = 0
"""The address space of the kernel's own threads, which is part of every other."""


@dataclass(frozen=True, slots=True)
class Overheads:
    """What scheduling itself costs, in ns of CPU time.

    dispatch: handing the processor to a thread; interrupt: one timer interrupt while a thread runs;
    idle_wake: from a timer deadline on an idle processor to the switch away from idle; `draw_idle_wake` draws it where
    it is not always the same; replaced: replacing a client's address space by another's, the others of that name more
    for its buffers (touched.py). Of several processors: seek: looking at one further one for a thread that was woken;
    told_wake: from the end of the turn of who told an idle one to the switch away from idle; leave: from the end of
    `recv` to where its thread leaves the kernel. Of processors that run at once: tell: for how long QEMU's lock is kept
    to wake a thread of the host; for how long the kernel lock is held before a client blocks (block_locked), before the
    compositor takes a batch or has queued events (service_locked), and from a block that leaves a processor idle on
    (idle_locked).
    """

    dispatch: int = 0
    interrupt: int = 0
    idle_wake: int = 0
    draw_idle_wake: Callable[[], int] | None = None
    replaced: float = 0.0
    replaced_used: float = 0.0
    replaced_mapped: float = 0.0
    replaced_drawn: float = 0.0
    seek: float = 0.0
    told_wake: int = 0
    leave: int = 0
    tell: int = 0
    block_locked: int = 0
    service_locked: int = 0
    idle_locked: int = 0

    def replacing(self, touched: AddressSpaceUse) -> int:
        """The address space of a process."""
        used, mapped, drawn = touched.forget()
        of_buffers = self.replaced_used * used + self.replaced_mapped * mapped + self.replaced_drawn * drawn
        return round(self.replaced + of_buffers)

    def wake_up(self) -> int:
        """From a deadline on an idle processor to the switch away from idle, this time."""
        return self.idle_wake if self.draw_idle_wake is None else self.draw_idle_wake()


class Thread:
    """A schedulable flow of control: a body, a priority (0 to 31, greater is more urgent), its burst and quantum."""

    __slots__ = (
        "alarms",
        "body",
        "burst",
        "deadline",
        "index",
        "interruptions",
        "leaving",
        "locked_from",
        "masked_from",
        "name",
        "origin",
        "prepaid",
        "priority",
        "quantum_left",
        "ready_since",
        "remaining",
        "space",
        "state",
        "suspended_at",
        "touched",
        "trailing",
    )

    def __init__(self, index: int, name: str, priority: int, body: Body) -> None:
        self.index = index
        self.name = name
        self.priority = priority
        self.body = body
        self.space = index if index >= ThreadId.CLIENT0 else KERNEL_SPACE
        self.touched = AddressSpaceUse()  # by its process
        self.deadline: int | None = None  # of the next BLOCK, ns; None waits for a wake alone
        self.trailing = 0  # CPU ns spent after the last point, on the way to giving up the processor
        self.leaving = False  # is on its way out of the kernel
        self.prepaid = 0  # CPU ns of the next burst that were spent on the way out of the kernel
        self.state = NEW
        self.burst = 0  # CPU time asked for by the last yield, ns
        self.remaining = 0  # of the burst, ns
        self.quantum_left = 0
        self.ready_since = 0
        self.alarms: set[int] = set()  # instants at which a timer event is already under way
        self.origin = 0  # when the burst began to be consumed
        self.suspended_at: int | None = None  # preempted within its burst at this instant
        self.locked_from = NEVER  # the burst's end from here on holds the kernel lock
        self.masked_from: int | None = None  # the burst's end from here on is a system call: interrupts wait for it
        self.interruptions: list[tuple[int, int]] = []  # (ns consumed before, duration) within the burst

    def time_at(self, offset: int) -> int:
        """When the burst just completed had consumed `offset` ns of its own demand."""
        moment = self.origin + offset
        for progress, duration in self.interruptions:
            if progress <= offset:
                moment += duration
        return moment

    def masking(self, cost: int) -> int:
        """The cost of a burst that is a system call from its beginning on."""
        self.masked_from = 0
        return cost

    def masks_interrupts(self) -> bool:
        """Whether it is in the part of its burst that is a system call."""
        return self.masked_from is not None and self.masked() == self.remaining

    def masked(self) -> int:
        """How much is left, ns, of the part of its burst that is a system call: interrupts wait for its end."""
        return 0 if self.masked_from is None else min(self.burst - self.masked_from, self.remaining)
