"""Timed items of the compositor, and their order at one instant."""

from __future__ import annotations

from typing import Final

# Timed items, by their order within one instant.
VBLANK: Final = 0
REPAINT: Final = 1
INPUT: Final = 2
DRAG: Final = 3
PING: Final = 4
RESIZE: Final = 5
EVENT: Final = 6
