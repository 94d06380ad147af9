"""TLB footprint of a client's buffers: the work of an address-space switch.

On a switch the kernel invalidates, one by one, the translations used since the address space was loaded
(docs/explanation/kernel.md, "Address spaces"). The program's own translations are about as many each time. Those of
buffers are
the pages drawn to; to find them the kernel scans as many page-table entries as were ever mapped at the same time.
Calibration computes the footprint from a trace, the model from its walk.
"""

from __future__ import annotations

from typing import Final

from rayos_model.contract.abi import STEP_PIXELS

_PAGE_STEPS: Final = 32
"""Drawing steps per page: a step is 32 pixels of 4 bytes."""

_MAX_PAGES: Final = 68
"""Most pages invalidated one by one: the part of FLUSH_MAX (kernel/arch/vm.c) that is left for buffers."""

_TABLE_PAGES: Final = 512
"""Most page-table entries scanned: the one page table that holds the buffers."""


def row_steps(width: int) -> int:
    """`ROW_STEPS`: steps that move one row of `width` pixels."""
    return -(-width // STEP_PIXELS)


class AddressSpaceUse:
    """Shared memory that one process has mapped, and drawn to since its address space was loaded."""

    def __init__(self) -> None:
        self._mapped = 0
        self._max_mapped = 0
        self._steps = 0

    def draw(self, steps: int) -> None:
        """The process draws `steps` steps of pixels."""
        self._steps += steps

    def map(self, pages: int) -> None:
        """The process maps pages of shared memory."""
        self._mapped += pages
        self._max_mapped = max(self._max_mapped, self._mapped)

    def unmap(self, pages: int) -> None:
        """The process unmaps pages of shared memory."""
        self._mapped -= pages

    def forget(self) -> tuple[int, int, int]:
        """Switch to another address space: (1 if this process has drawn, pages scanned, pages invalidated)."""
        pages, self._steps = -(-self._steps // _PAGE_STEPS), 0
        return (1, min(self._max_mapped, _TABLE_PAGES), min(pages, _MAX_PAGES)) if pages else (0, 0, 0)
