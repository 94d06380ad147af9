"""Pages in use at boot, as a function of the machine's memory size."""

from __future__ import annotations

from typing import Final

PAGE_BYTES = 4096
ENTRIES: Final = 512

REFERENCE_MB: Final = 256
"""Memory size of the machine whose base the calibration keeps, MB (1 MB = 2^20 bytes)."""


def pages_of_size(memory_mb: int) -> int:
    """Pages that the kernel allocates at boot in proportion to the memory size.

    They hold the trace ring (kernel/experiment/trace.c); one byte and one bit per frame for the page allocator
    (core/page.c); and the page tables and the map of the window, which has twice as many pages as there are frames
    (arch/vm.c).
    """
    frames = (memory_mb << 20) // PAGE_BYTES
    ring = ((4 if memory_mb <= 128 else 8) << 20) // PAGE_BYTES
    window = 2 * frames // ENTRIES * ENTRIES
    return ring + pages_for(frames + frames // 8) + window // ENTRIES + pages_for(window // 8)


def beyond_reference(memory_mb: int) -> int:
    """Pages that a machine uses at boot beyond the reference machine; negative for a smaller machine."""
    return pages_of_size(memory_mb) - pages_of_size(REFERENCE_MB)


def pages_for(octets: int) -> int:
    """Pages that hold this many bytes, rounded up."""
    return -(-octets // PAGE_BYTES)
