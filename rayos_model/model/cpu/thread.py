"""Threads of the modelled kernel, and what scheduling them costs."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final

from rayos_model.contract.abi import ThreadId
from rayos_model.costs.address_space import AddressSpaceUse
from rayos_model.model.cpu.clock import NEVER


class Block:
    """What a thread yields to give up its CPU; its deadline is in :attr:`Thread.deadline`."""


BLOCK: Final = Block()
LEAVE: Final = -1
"""What a thread yields at the end of `recv`: the exit from the kernel, which is part of the segment that follows."""

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
    """What scheduling itself costs, in ns of CPU time."""

    dispatch_ns: int = 0
    """Handing a CPU to a thread."""
    interrupt_ns: int = 0
    """One timer interrupt while a thread runs."""
    idle_wake_ns: int = 0
    """From a timer's deadline on an idle CPU to the switch away from idle."""
    draw_idle_wake: Callable[[], int] | None = None
    """Draws `idle_wake_ns` where it varies."""
    space_switch_ns: float = 0.0
    """Switching from one client's address space to another's."""
    space_switch_used_ns: float = 0.0
    """Added if the client that is left has drawn since its address space was loaded."""
    space_switch_mapped_page_ns: float = 0.0
    """Added then for each page that it maps (costs/address_space.py)."""
    space_switch_drawn_page_ns: float = 0.0
    """Added then for each page that it drew to."""
    cpu_search_ns: float = 0.0
    """SMP: examining one further CPU for a thread that is woken."""
    ipi_wake_ns: int = 0
    """SMP: from the end of the turn of the CPU that sent an IPI to the idle CPU's switch away from idle."""
    syscall_exit_ns: int = 0
    """SMP: from the end of `recv` to where its thread leaves the kernel."""
    bql_hold_ns: int = 0
    """MTTCG: how long the Big QEMU Lock is held to wake a thread of the host."""
    block_lock_hold_ns: int = 0
    """MTTCG: how long the kernel lock is held before a client blocks."""
    service_lock_hold_ns: int = 0
    """MTTCG: how long it is held before the compositor takes a batch or has queued events."""
    idle_lock_hold_ns: int = 0
    """MTTCG: how long it is held from a block on that leaves a CPU idle."""

    def space_switch(self, left: AddressSpaceUse) -> int:
        """Cost of switching away from an address space with this use, ns."""
        used, mapped, drawn = left.forget()
        of_buffers = (
            self.space_switch_used_ns * used
            + self.space_switch_mapped_page_ns * mapped
            + self.space_switch_drawn_page_ns * drawn
        )
        return round(self.space_switch_ns + of_buffers)

    def wake_up(self) -> int:
        """From a deadline on an idle CPU to the switch away from idle, this time, ns."""
        return self.idle_wake_ns if self.draw_idle_wake is None else self.draw_idle_wake()


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
