"""Memory in use: a baseline, what each client's process takes, and shared memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayos_model.image import Settings
from rayos_model.parameters import Memory

if TYPE_CHECKING:
    from rayos_model.model.client import Client

PAGE_BYTES = 4096


class MemoryUse:
    """Counts pages in use and the most there ever were.

    pages = base + two framebuffers + clients · pages_per_client + shared pages · pages_per_shm_page
    """

    def __init__(self, parameters: Memory, settings: Settings) -> None:
        self._parameters = parameters
        self.baseline = round(parameters.base_pages) + 2 * -(-settings.width * settings.height * 4 // PAGE_BYTES)
        self.peak = self.baseline
        self._clients: dict[object, int] = {}  # process -> shared pages

    @property
    def pages(self) -> int:
        """Pages in use now."""
        rates = self._parameters
        shared = sum(self._clients.values())
        return self.baseline + round(len(self._clients) * rates.pages_per_client + shared * rates.pages_per_shm_page)

    def pages_of(self, client: object) -> int:
        """Pages that freeing a client's process returns."""
        rates = self._parameters
        return round(rates.pages_per_client + self._clients.get(client, 0) * rates.pages_per_shm_page)

    def shared_by(self, client: Client) -> int:
        """Pages of shared memory that a client has."""
        return self._clients[client]

    def enter(self, client: object) -> None:
        """A client's process was created."""
        self._clients[client] = 0
        self._note()

    def leave(self, client: object) -> None:
        """A client's process was freed, and with it its shared memory."""
        self._clients.pop(client, None)

    def allocate_shm(self, client: Client, pages: int) -> None:
        """A client created shared memory."""
        self._clients[client] += pages
        self._note()

    def free_shm(self, client: Client, pages: int) -> None:
        """A client destroyed shared memory."""
        self._clients[client] -= pages

    def _note(self) -> None:
        self.peak = max(self.peak, self.pages)
