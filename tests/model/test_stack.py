"""The work of a composite pass: what is remembered between passes changes none of them."""

from __future__ import annotations

from random import Random

from rayos_model.costs.address_space import row_steps
from rayos_model.model.wayland.stack import GROUP, MOST_PARTS, Rectangle, Stack, intersection

OUTPUT = (0, 0, 400, 300)


def painted_afresh(surfaces: dict[int, Rectangle], damage: set[Rectangle]) -> tuple[int, int, int, int]:
    """Blits, rows, steps and groups of a pass, straight from docs/explanation/compositor.md."""
    blits = rows = steps = groups = 0
    for rectangle in damage:
        clipped = intersection(rectangle, OUTPUT)
        assert clipped is not None
        pieces = [clipped]
        looked_at = -(-len(surfaces) // GROUP)
        for level, surface in enumerate(surfaces.values()):
            piece = intersection(surface, clipped)
            if piece == clipped:
                pieces = [piece]
                looked_at = -(-len(surfaces) // GROUP) - level // GROUP
            elif piece is not None:
                pieces.append(piece)
        blits += len(pieces)
        rows += sum(y1 - y0 for _, y0, _, y1 in pieces)
        steps += sum(row_steps(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in pieces)
        groups += looked_at
    return blits, rows, steps, groups


def test_windows_may_come_move_and_go_between_passes() -> None:
    random = Random(5)
    stack = Stack(OUTPUT)

    def window() -> Rectangle:
        x, y = random.randrange(0, 300, 50), random.randrange(0, 200, 50)
        return x, y, x + random.choice((50, 100)), y + random.choice((50, 100))

    previous: set[Rectangle] = set()
    for _ in range(2000):
        change = random.randrange(8)
        if change == 0 or len(stack.surfaces) < 3:
            stack.map(max(stack.surfaces, default=0) + 1, window())
        elif change == 1 and len(stack.surfaces) < 20:
            stack.map(max(stack.surfaces) + 1, window())
        elif change == 2:
            stack.unmap(random.choice(list(stack.surfaces)))
        elif change == 3:
            stack.resize(random.choice(list(stack.surfaces)), window())
        parts = set()
        for x0, y0, x1, y1 in random.choices(list(stack.surfaces.values()), k=4):
            first = y0 + random.randrange(0, 50, 10)
            parts.add(stack.part((x0, first, x1, random.choice((first + 10, y1))), (x0, y0, x1, y1)))
        damage = {part.rectangle for part in parts}
        again = {stack.part(rectangle, rectangle) for rectangle in previous}
        assert stack.paint(parts | again) == painted_afresh(stack.surfaces, damage | previous)
        previous = damage


def test_a_long_run_remembers_no_more_than_so_many_parts_and_no_pass_notices() -> None:
    stack = Stack((0, 0, 4, MOST_PARTS * 2))
    stack.map(1, stack.output)
    held = stack.part((0, 0, 4, 1), stack.output)
    for y in range(1, MOST_PARTS + 10):
        assert stack.paint({held, stack.part((0, y, 4, y + 1), stack.output)}) == (2, 2, 2, 2)
        assert stack.part((0, 0, 4, 1), stack.output) is held, "painted last time, it is painted once this time"
    stack.unmap(1)
    assert stack.paint({held}).groups == 0, "no window is left that could cover it"
