"""Memory in use: a baseline, what each client's process takes, and shared memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from rayos_model.abi import BLOCK_BYTES, BUFFER_BYTES, PLACE_BYTES, STORE_RECORD_BYTES
from rayos_model.image import Disk, Network, Settings
from rayos_model.parameters import Memory

if TYPE_CHECKING:
    from rayos_model.model.client import Client

PAGE_BYTES = 4096
ENTRIES: Final = 512
RECLAIM_BELOW: Final = 32
REFUSE_BELOW: Final = 64
RECLAIM_PAGES: Final = 32
_DISK_PAGES: Final = 2 + 1 + 4
"""Rings and headers of the driver, the disk thread's stack."""
_NETWORK_PAGES: Final = 2 * 2 + 4
"""Rings of two devices, the network thread's stack."""
_PROCESSOR_PAGES: Final = 5 + 4 + 1
"""Of each processor beyond the first: its data and tables, its idle thread's stack, the root of its page tables."""


REFERENCE_MB: Final = 256
"""The machine whose base the calibration keeps."""


def pages_of_size(memory_mb: int) -> int:
    """Pages that the kernel takes at boot because the machine has so much memory.

    The trace ring (kernel/experiment/trace.c), an octet and a bit a frame for the page allocator (core/page.c),
    and the window's page tables and map, for twice as many pages as there are frames (arch/vm.c).
    """
    frames = (memory_mb << 20) // PAGE_BYTES
    ring = ((4 if memory_mb <= 128 else 8) << 20) // PAGE_BYTES
    window = 2 * frames // ENTRIES * ENTRIES
    return ring + _pages(frames + frames // 8) + window // ENTRIES + _pages(window // 8)


def beyond_reference(memory_mb: int) -> int:
    """By how many pages a machine's base differs from the reference machine's."""
    return pages_of_size(memory_mb) - pages_of_size(REFERENCE_MB)


def _pages(octets: int) -> int:
    return -(-octets // PAGE_BYTES)


def store_pages(disk: Disk) -> int:
    """Pages that the kernel takes at boot for a disk of that size and its cache; 0 without a disk."""
    if not disk.mb:
        return 0
    blocks = (disk.mb << 20) // BLOCK_BYTES

    def power(count: int) -> int:
        return 1 << (count - 1).bit_length()

    index = _pages(blocks * STORE_RECORD_BYTES) + _pages(blocks * PLACE_BYTES) + _pages(power(blocks) * 4)
    return index + _pages(disk.cache_pages * BUFFER_BYTES) + _pages(power(disk.cache_pages) * 8) + _DISK_PAGES


class MemoryUse:
    """Counts pages in use and the most there ever were.

    pages = base + what this much memory takes beyond the reference's + two framebuffers + the store's tables
            + the network's rings + what further processors take
            + clients · pages_per_client + shared pages · pages_per_shm_page
            + pages taken one by one (cache, stressors' memory and its page tables)

    When fewer than 1/32 of all pages are free, the cache is asked for some of its own; the last 1/64 is given to no
    stressor. A client that asks for more than there is gets nothing.
    """

    def __init__(self, parameters: Memory, settings: Settings, disk: Disk, network: Network) -> None:
        self._parameters = parameters
        framebuffers = 2 * -(-settings.width * settings.height * 4 // PAGE_BYTES)
        self.baseline = round(parameters.base_pages) + beyond_reference(settings.memory_mb) + framebuffers
        self.baseline += store_pages(disk) + (settings.vcpus - 1) * _PROCESSOR_PAGES
        self.baseline += _NETWORK_PAGES if network.heartbeat_ns else 0
        self.total = (settings.memory_mb << 20) // PAGE_BYTES
        self.reclaim: Callable[[int], int] | None = None
        self.on_reclaim: Callable[[int], None] = lambda pages: None
        self.reclaimed = 0  # pages that the cache gave up so far
        self._taken = 0
        self._tables: dict[object, int] = {}
        self.peak = self.baseline
        self._clients: dict[object, int] = {}  # process -> shared pages
        self._of_clients = 0  # pages of them all

    @property
    def pages(self) -> int:
        """Pages in use now."""
        return self.baseline + self._of_clients + self._taken

    def pages_of(self, client: object) -> int:
        """Pages that freeing a client's process returns."""
        rates = self._parameters
        return round(rates.pages_per_client + self._clients.get(client, 0) * rates.pages_per_shm_page)

    def shared_by(self, client: Client) -> int:
        """Pages of shared memory that a client has."""
        return self._clients[client]

    def has_room_for_client(self) -> bool:
        """Whether a client's process can be created."""
        return self._has_room(round(self._parameters.pages_per_client))

    def enter(self, client: object) -> None:
        """A client's process was created."""
        self._clients[client] = 0
        self._count_clients()
        self._note()

    def leave(self, client: object) -> None:
        """A client's process was freed, and with it its shared memory."""
        self._clients.pop(client, None)
        self._count_clients()
        self._taken -= self._tables.pop(client, 0)

    def allocate_shm(self, client: Client, pages: int) -> bool:
        """A client creates shared memory; False: refused."""
        if not self._has_room(round(pages * self._parameters.pages_per_shm_page)):
            return False
        self._clients[client] += pages
        self._count_clients()
        self._note()
        return True

    def free_shm(self, client: Client, pages: int) -> None:
        """A client destroyed shared memory."""
        self._clients[client] -= pages
        self._count_clients()

    def take(self, pages: int) -> None:
        """Pages that someone took one by one."""
        self._taken += pages
        self._note()

    def give(self, pages: int) -> None:
        """Pages of `take` or `map_pages` that came back."""
        self._taken -= pages

    def make_room(self) -> int:
        """What an allocation does first when memory is short; how many pages the cache gave up for it."""
        if self.reclaim is None or self.total - self.pages > self.total // RECLAIM_BELOW:
            return 0
        if dropped := self.reclaim(RECLAIM_PAGES):
            self.reclaimed += dropped
            self.on_reclaim(dropped)
        return dropped

    def map_pages(self, process: object, held: int, pages: int) -> int:
        """Gives a process pages one by one, on top of those it holds; fewer than asked for: refused, none was given."""
        for granted in range(pages):
            self.make_room()
            if self.total - self.pages - 1 <= self.total // REFUSE_BELOW:
                self._taken -= granted
                return granted
            self._taken += 1
            tables = 1 + -(-(held + granted + 1) // ENTRIES)
            if tables > self._tables.get(process, 0):
                self._taken += tables - self._tables.get(process, 0)
                self._tables[process] = tables
            self._note()
        return pages

    def target_pages(self, share_ppm: int) -> int:
        """Pages that bring memory in use to that share of all there is."""
        return max(0, self.total * share_ppm // 1_000_000 - self.pages)

    def _has_room(self, pages: int) -> bool:
        """Whether there are so many; if not, all there are were taken, one by one, before they were given back."""
        if self.pages + pages <= self.total:
            return True
        self.peak = self.total
        return False

    def _count_clients(self) -> None:
        rates, shared = self._parameters, sum(self._clients.values())
        self._of_clients = round(len(self._clients) * rates.pages_per_client + shared * rates.pages_per_shm_page)

    def _note(self) -> None:
        self.peak = max(self.peak, self.pages)
