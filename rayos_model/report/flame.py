"""A flame graph of virtual CPU time by thread, kind of point and operation: one SVG element without scripts.

Drawn from the top down (an icicle graph): the width of a box is its CPU time, the boxes below it are its parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Final

import pandas as pd

_WIDTH: Final = 1000.0
_ROW: Final = 26.0
_CHARACTER: Final = 7.2  # width of a character at this font size
_MIN_WIDTH: Final = 0.4  # boxes narrower than this are not drawn
_COLOURS: Final = {"compositor": "#9ecae8", "client": "#f5c39b", "launcher": "#a6dcc3", "reporter": "#ebc3d9"}
_OTHER: Final = "#dddddd"


@dataclass
class _Box:
    """A part of the CPU time, with its own parts by name."""

    name: str
    total_ns: float = 0.0
    calls: int = 0
    parts: dict[str, _Box] = field(default_factory=dict)


def flame_graph(hot_paths: pd.DataFrame) -> str:
    """The `<svg>` element; `hot_paths` is the result of `analysis.hot_paths.hot_paths`."""
    root = _tree(hot_paths)
    height = _ROW * _depth(root)
    boxes = "".join(_draw(root, 0.0, 0, root.total_ns or 1.0, _OTHER))
    return (
        f'<svg class="flame" viewBox="0 0 {_WIDTH:g} {height:g}" role="img" xmlns="http://www.w3.org/2000/svg" '
        f'aria-label="CPU time by thread, point and operation" font-family="monospace" font-size="12">{boxes}</svg>'
    )


def _tree(hot_paths: pd.DataFrame) -> _Box:
    root = _Box("all threads")
    for row in hot_paths.itertuples():
        box = root
        for name in ("", *str(row.operation).split(".", 2)):
            box = box.parts.setdefault(name, _Box(name)) if name else box
            box.total_ns += float(row.total_ns)  # type: ignore[arg-type]
            box.calls += int(row.calls)  # type: ignore[arg-type]
    return root


def _depth(box: _Box) -> int:
    return 1 + max(map(_depth, box.parts.values()), default=0)


def _draw(box: _Box, x: float, level: int, total_ns: float, colour: str) -> Iterator[str]:
    width = _WIDTH * box.total_ns / total_ns
    if width < _MIN_WIDTH:
        return
    share = box.total_ns / total_ns
    about = f"{box.name}: {box.total_ns / 1e6:,.2f} ms, {share:.1%}, {box.calls:,} calls"
    room = int((width - 6) / _CHARACTER)
    label = box.name if len(box.name) <= room else box.name[: room - 1] + "…" if room >= 4 else ""
    if len(box.name) + 6 <= room:
        label += f" {share:.0%}"
    y = _ROW * level
    yield (
        f'<g><title>{escape(about)}</title><rect x="{x:.2f}" y="{y:g}" width="{width:.2f}" height="{_ROW - 1:g}" '
        f'fill="{colour}" stroke="white" stroke-width=".6"/><text x="{x + 3:.2f}" y="{y + 17:g}">{escape(label)}</text>'
        "</g>"
    )
    for part in sorted(box.parts.values(), key=lambda part: -part.total_ns):
        yield from _draw(part, x, level + 1, total_ns, _COLOURS.get(part.name, _OTHER) if level == 0 else colour)
        x += _WIDTH * part.total_ns / total_ns
