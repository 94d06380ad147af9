"""The agenda: what the compositor is to do at certain times, in order of time and, at one instant, of kind."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final

# Kinds of items, in their order at one instant.
VBLANK: Final = 0
REPAINT: Final = 1
INPUT: Final = 2
DRAG: Final = 3
PING: Final = 4
RESIZE: Final = 5
EVENT: Final = 6


class Agenda:
    """A heap of items (time in ns, kind, number); the number is a client, an index, or a step of a drag."""

    __slots__ = ("items",)

    def __init__(self) -> None:
        self.items: list[tuple[int, int, int]] = []

    def schedule(self, time_ns: int, kind: int, number: int) -> None:
        """Adds an item."""
        heappush(self.items, (time_ns, kind, number))

    @property
    def next_ns(self) -> int:
        """Time of the first item; there always is one: the next vblank."""
        return self.items[0][0]

    def take(self) -> tuple[int, int, int]:
        """Removes the first item and returns it."""
        return heappop(self.items)
