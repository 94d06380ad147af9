"""The stack of windows and what painting a damaged rectangle costs in blits, rows and steps along them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

STEP_PIXELS = 32
GROUP = 8
"""Windows that are compared with a rectangle at once."""

Rectangle = tuple[int, int, int, int]
"""x0, y0, x1, y1 in output pixels, half open."""

Part = tuple[Rectangle, Rectangle]
"""A damaged rectangle and the window that it is a part of."""


def intersection(a: Rectangle, b: Rectangle) -> Rectangle | None:
    """The part common to both, None when there is none."""
    ax0, ay0, ax1, ay1 = a
    bx0, by0, bx1, by1 = b
    if ax0 >= bx1 or bx0 >= ax1 or ay0 >= by1 or by0 >= ay1:
        return None
    return max(ax0, bx0), max(ay0, by0), min(ax1, bx1), min(ay1, by1)


def row_steps(width: int) -> int:
    """Steps it takes to move one row of `width` pixels; kernel/abi.h."""
    return -(-width // STEP_PIXELS)


class Paint(NamedTuple):
    """Work of one composite pass."""

    blits: int = 0
    rows: int = 0
    steps: int = 0
    groups: int = 0


class Painting(NamedTuple):
    """Work of painting one rectangle, and the surface that covers it wholly, None when the background shows."""

    blits: int
    rows: int
    steps: int
    cover: int | None


class View(NamedTuple):
    """What painting within one window needs: the surfaces that share pixels with it, and the work of parts known."""

    surfaces: list[tuple[int, Rectangle]]  # bottom to top
    work: dict[Rectangle, Painting]


@dataclass(slots=True)
class Stack:
    """Mapped surfaces, bottom to top; all opaque."""

    output: Rectangle
    surfaces: dict[int, Rectangle] = field(default_factory=dict)  # insertion order is stacking order
    _views: dict[Rectangle, View] = field(default_factory=dict)  # window -> view, as long as no surface in it changes
    _levels: dict[int, int] = field(default_factory=dict)  # key -> place from the bottom; empty when it has changed

    def map(self, key: int, rectangle: Rectangle) -> None:
        """Puts a surface on top."""
        self.surfaces[key] = rectangle
        self._levels = {}
        self._forget(rectangle)

    def resize(self, key: int, rectangle: Rectangle) -> None:
        """Changes what a surface covers; its place in the stack stays."""
        self._forget(self.surfaces[key])
        self.surfaces[key] = rectangle
        self._forget(rectangle)

    def unmap(self, key: int) -> None:
        """Takes a surface away."""
        self._levels = {}
        self._forget(self.surfaces.pop(key))

    def at(self, x: int, y: int) -> int | None:
        """The key of the topmost surface at a pixel, None when there is none."""
        under = (key for key, (x0, y0, x1, y1) in self.surfaces.items() if x0 <= x < x1 and y0 <= y < y1)
        return next(reversed(list(under)), None)

    def paint(self, damage: Mapping[Rectangle, Rectangle]) -> Paint:
        """Work of painting each rectangle from the topmost surface that covers it wholly (or background) upward.

        That surface is looked for from the top down, in groups of `GROUP`. `damage` gives with each rectangle the
        window that it is a part of.
        """
        blits = rows = steps = 0
        groups = len(damage) * -(-len(self.surfaces) // GROUP)
        views, levels = self._views, self._levels or self._number()
        for rectangle, window in damage.items():
            view = views.get(window)
            if view is None:
                near = [(key, surface) for key, surface in self.surfaces.items() if intersection(surface, window)]
                view = views[window] = View(near, {})
            work = view.work.get(rectangle)
            if work is None:
                work = view.work[rectangle] = self._paint_one(rectangle, view.surfaces)
            pieces, height, along, cover = work
            blits += pieces
            rows += height
            steps += along
            if cover is not None:
                groups -= levels[cover] // GROUP
        return Paint(blits, rows, steps, groups)

    def _number(self) -> dict[int, int]:
        self._levels = {key: level for level, key in enumerate(self.surfaces)}
        return self._levels

    def _forget(self, changed: Rectangle) -> None:
        for window in [window for window in self._views if intersection(window, changed)]:
            del self._views[window]

    def _paint_one(self, rectangle: Rectangle, surfaces: list[tuple[int, Rectangle]]) -> Painting:
        clipped = intersection(rectangle, self.output)
        if clipped is None:
            return Painting(0, 0, 0, None)
        cover, parts = None, [clipped]  # the background, until a surface covers everything
        for key, surface in surfaces:
            part = intersection(surface, clipped)
            if part == clipped:
                cover, parts = key, [part]
            elif part is not None:
                parts.append(part)
        heights = [y1 - y0 for _, y0, _, y1 in parts]
        steps = sum(row_steps(x1 - x0) * height for (x0, _, x1, _), height in zip(parts, heights, strict=True))
        return Painting(len(parts), sum(heights), steps, cover)
