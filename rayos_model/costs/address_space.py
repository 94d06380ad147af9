"""What the kernel has to forget of a client's buffers when it replaces the client's address space by another.

It forgets, one by one, the translations that were used since the address space was loaded
(docs/explanation/kernel.md, "Address spaces").
Those of the program are about the same each time; those of buffers are of the pages drawn to, for which the
kernel looks through as many pages as were ever mapped at once. Calibration asks this of a trace, the model of its walk.
"""

from __future__ import annotations

from typing import Final

_PAGE_STEPS: Final = 32
"""Steps in a page: each has 32 pixels of 4 bytes."""

_MOST: Final = 68
"""No more pages are forgotten one by one: what kernel/vm.c's FORGET_MOST leaves to buffers."""

_TABLE_PAGES: Final = 512
"""No more are looked through: one page table, which is where a buffer is."""


class AddressSpaceUse:
    """Of one process: what it has mapped, and drawn since its address space was loaded."""

    def __init__(self) -> None:
        self._mapped = 0
        self._most_mapped = 0
        self._steps = 0

    def draw(self, steps: int) -> None:
        """It draws: steps of pixels."""
        self._steps += steps

    def map(self, pages: int) -> None:
        """It maps pages of shared memory."""
        self._mapped += pages
        self._most_mapped = max(self._most_mapped, self._mapped)

    def unmap(self, pages: int) -> None:
        """It unmaps pages of shared memory."""
        self._mapped -= pages

    def forget(self) -> tuple[int, int, int]:
        """Its address space is replaced: 1 if it has drawn, the pages to look through then, those of them to forget."""
        pages, self._steps = -(-self._steps // _PAGE_STEPS), 0
        return (1, min(self._most_mapped, _TABLE_PAGES), min(pages, _MOST)) if pages else (0, 0, 0)
