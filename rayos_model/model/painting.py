"""The stack of windows and what painting a damaged rectangle costs in blits, rows and pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

Rectangle = tuple[int, int, int, int]  # x0, y0, x1, y1 in output pixels, half open


def intersection(a: Rectangle, b: Rectangle) -> Rectangle | None:
    """The part common to both, None when there is none."""
    x0, y0, x1, y1 = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


@dataclass(frozen=True, slots=True)
class Paint:
    """Work of one composite pass."""

    blits: int = 0
    rows: int = 0
    px: int = 0


@dataclass(slots=True)
class Stack:
    """Mapped surfaces, bottom to top; all opaque."""

    output: Rectangle
    surfaces: dict[int, Rectangle] = field(default_factory=dict)  # insertion order is stacking order
    _memo: dict[Rectangle, Paint] = field(default_factory=dict)

    def map(self, key: int, rectangle: Rectangle) -> None:
        self.surfaces[key] = rectangle
        self._memo.clear()

    def unmap(self, key: int) -> Rectangle | None:
        self._memo.clear()
        return self.surfaces.pop(key, None)

    def paint(self, rectangles: Iterable[Rectangle]) -> Paint:
        """Work of painting each rectangle from the topmost surface that covers it wholly (or background) upward."""
        blits = rows = px = 0
        for rectangle in rectangles:
            work = self._memo.get(rectangle)
            if work is None:
                work = self._memo[rectangle] = self._paint_one(rectangle)
            blits += work.blits
            rows += work.rows
            px += work.px
        return Paint(blits, rows, px)

    def _paint_one(self, rectangle: Rectangle) -> Paint:
        clipped = intersection(rectangle, self.output)
        if clipped is None:
            return Paint()
        parts: list[Rectangle] = [clipped]  # the background, until a surface covers everything
        for surface in self.surfaces.values():
            part = intersection(surface, clipped)
            if part == clipped:
                parts = [part]
            elif part is not None:
                parts.append(part)
        heights = [y1 - y0 for _, y0, _, y1 in parts]
        return Paint(
            len(parts), sum(heights), sum((x1 - x0) * h for (x0, _, x1, _), h in zip(parts, heights, strict=True))
        )
