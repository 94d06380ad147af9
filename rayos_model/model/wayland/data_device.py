"""Drag and drop, and the clipboard, as the compositor handles them."""

from __future__ import annotations

from typing import Final

DRAG_STEPS: Final = 8
DRAG_STEP_NS: Final = 16_000_000
