"""The stack of windows and what painting a damaged rectangle costs in blits, rows and steps along them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from rayos_model.costs.address_space import row_steps

GROUP: Final = 8
"""Windows that are compared with a rectangle at once."""
MOST_PARTS: Final = 1 << 15
"""Damaged rectangles that are remembered; more than windows of a hundred clients have."""

Rectangle = tuple[int, int, int, int]
"""x0, y0, x1, y1 in output pixels, half open."""


def intersection(a: Rectangle, b: Rectangle) -> Rectangle | None:
    """The part common to both, None when there is none."""
    ax0, ay0, ax1, ay1 = a
    bx0, by0, bx1, by1 = b
    if ax0 >= bx1 or bx0 >= ax1 or ay0 >= by1 or by0 >= ay1:
        return None
    return max(ax0, bx0), max(ay0, by0), min(ax1, bx1), min(ay1, by1)


class Paint(NamedTuple):
    """Work of one composite pass."""

    blits: int = 0
    rows: int = 0
    steps: int = 0
    groups: int = 0


class Part:
    """A damaged rectangle, the window that it is a part of, and, once `known`, the work of painting it.

    `cover` is the topmost surface that covers it wholly, None when the background shows.
    """

    __slots__ = ("blits", "cover", "known", "rectangle", "rows", "steps", "window")

    def __init__(self, rectangle: Rectangle, window: Rectangle) -> None:
        self.rectangle = rectangle
        self.window = window
        self.known = False
        self.blits = self.rows = self.steps = 0
        self.cover: int | None = None


class View:
    """What painting within one window needs, as long as no surface in it changes."""

    __slots__ = ("parts", "surfaces")

    def __init__(self, surfaces: list[tuple[int, Rectangle]]) -> None:
        self.surfaces = surfaces  # that share pixels with it, bottom to top
        self.parts: list[Part] = []  # whose work is known


@dataclass(slots=True)
class Stack:
    """Mapped surfaces, bottom to top; all opaque."""

    output: Rectangle
    surfaces: dict[int, Rectangle] = field(default_factory=dict)  # insertion order is stacking order
    _parts: dict[Rectangle, Part] = field(default_factory=dict)  # the one of each rectangle
    _views: dict[Rectangle, View] = field(default_factory=dict)  # by window
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

    def part(self, rectangle: Rectangle, window: Rectangle) -> Part:
        """A damaged rectangle of a window; the same object for the same rectangle, until a pass without it at least."""
        part = self._parts.get(rectangle)
        if part is None:
            part = self._parts[rectangle] = Part(rectangle, window)
        return part

    def paint(self, damage: Collection[Part]) -> Paint:
        """Work of painting each rectangle from the topmost surface that covers it wholly (or background) upward.

        That surface is looked for from the top down, in groups of `GROUP`.
        """
        blits = rows = steps = 0
        groups = len(damage) * -(-len(self.surfaces) // GROUP)
        levels = self._levels or self._number()
        for part in damage:
            if not part.known:
                self._evaluate(part)
            blits += part.blits
            rows += part.rows
            steps += part.steps
            if part.cover is not None:
                groups -= levels[part.cover] // GROUP
        if len(self._parts) > MOST_PARTS:
            self._forget_all_but(damage)
        return Paint(blits, rows, steps, groups)

    def _number(self) -> dict[int, int]:
        self._levels = {key: level for level, key in enumerate(self.surfaces)}
        return self._levels

    def _forget(self, changed: Rectangle) -> None:
        for window in [window for window in self._views if intersection(window, changed)]:
            for part in self._views.pop(window).parts:
                part.known = False

    def _forget_all_but(self, parts: Collection[Part]) -> None:
        self._views = {}
        self._parts = {part.rectangle: part for part in parts}
        for part in parts:
            part.known = False

    def _view(self, window: Rectangle) -> View:
        view = self._views.get(window)
        if view is None:
            near = [(key, surface) for key, surface in self.surfaces.items() if intersection(surface, window)]
            view = self._views[window] = View(near)
        return view

    def _evaluate(self, part: Part) -> None:
        view = self._view(part.window)
        view.parts.append(part)
        part.known, part.cover, pieces = True, None, []
        clipped = intersection(part.rectangle, self.output)
        if clipped is not None:
            pieces.append(clipped)  # of the background, until a surface covers everything
            for key, surface in view.surfaces:
                piece = intersection(surface, clipped)
                if piece == clipped:
                    part.cover, pieces = key, [piece]
                elif piece is not None:
                    pieces.append(piece)
        part.blits = len(pieces)
        part.rows = sum(y1 - y0 for _, y0, _, y1 in pieces)
        part.steps = sum(row_steps(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in pieces)
