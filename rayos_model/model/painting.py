"""The stack of windows and what painting a damaged rectangle costs in blits, rows and steps along them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

STEP_PIXELS = 32
Rectangle = tuple[int, int, int, int]  # x0, y0, x1, y1 in output pixels, half open


def intersection(a: Rectangle, b: Rectangle) -> Rectangle | None:
    """The part common to both, None when there is none."""
    x0, y0, x1, y1 = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def row_steps(width: int) -> int:
    """Steps it takes to move one row of `width` pixels; kernel/abi.h."""
    return -(-width // STEP_PIXELS)


@dataclass(frozen=True, slots=True)
class Paint:
    """Work of one composite pass."""

    blits: int = 0
    rows: int = 0
    steps: int = 0


@dataclass(slots=True)
class Stack:
    """Mapped surfaces, bottom to top; all opaque."""

    output: Rectangle
    surfaces: dict[int, Rectangle] = field(default_factory=dict)  # insertion order is stacking order
    _memo: dict[Rectangle, Paint] = field(default_factory=dict)

    def map(self, key: int, rectangle: Rectangle) -> None:
        """Puts a surface on top."""
        self.surfaces[key] = rectangle
        self._forget(rectangle)

    def resize(self, key: int, rectangle: Rectangle) -> None:
        """Changes what a surface covers; its place in the stack stays."""
        self._forget(self.surfaces[key])
        self.surfaces[key] = rectangle
        self._forget(rectangle)

    def unmap(self, key: int) -> None:
        """Takes a surface away."""
        self._forget(self.surfaces.pop(key))

    def _forget(self, changed: Rectangle) -> None:
        x0, y0, x1, y1 = changed
        stale = [r for r in self._memo if r[0] < x1 and x0 < r[2] and r[1] < y1 and y0 < r[3]]
        for rectangle in stale:
            del self._memo[rectangle]

    def at(self, x: int, y: int) -> int | None:
        """The key of the topmost surface at a pixel, None when there is none."""
        under = (key for key, (x0, y0, x1, y1) in self.surfaces.items() if x0 <= x < x1 and y0 <= y < y1)
        return next(reversed(list(under)), None)

    def paint(self, rectangles: Iterable[Rectangle]) -> Paint:
        """Work of painting each rectangle from the topmost surface that covers it wholly (or background) upward."""
        blits = rows = steps = 0
        for rectangle in rectangles:
            work = self._memo.get(rectangle)
            if work is None:
                work = self._memo[rectangle] = self._paint_one(rectangle)
            blits += work.blits
            rows += work.rows
            steps += work.steps
        return Paint(blits, rows, steps)

    def _paint_one(self, rectangle: Rectangle) -> Paint:
        clipped = intersection(rectangle, self.output)
        if clipped is None:
            return Paint()
        parts: list[Rectangle] = [clipped]  # the background, until a surface covers everything
        x0, y0, x1, y1 = clipped
        for surface in self.surfaces.values():
            if surface[0] < x1 and x0 < surface[2] and surface[1] < y1 and y0 < surface[3]:
                part = intersection(surface, clipped)
                assert part is not None
                parts = [part] if part == clipped else [*parts, part]
        heights = [y1 - y0 for _, y0, _, y1 in parts]
        steps = sum(row_steps(x1 - x0) * height for (x0, _, x1, _), height in zip(parts, heights, strict=True))
        return Paint(len(parts), sum(heights), steps)
