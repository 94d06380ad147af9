"""Service times: what each segment of a thread's control flow costs, from calibrated parameters."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from rayos_model.model.processor import Processor
from rayos_model.parameters import Parameters, Segment, size_names, sizes_key

Point = tuple[Any, ...]  # (label, *sizes)
_MEMO_LIMIT = 200_000


class CostModel:
    """Looks up segment costs for one class of threads ('client', 'compositor', 'launcher', 'reporter')."""

    def __init__(self, parameters: Parameters, thread: str) -> None:
        self._parameters = parameters
        self._thread = thread
        self._memo: dict[tuple[Point, Point, int], int] = {}
        self.unseen: set[str] = set()  # pairs that calibration never observed

    def between(self, previous: Point, this: Point, depth: int) -> int:
        """CPU time of the segment from `previous` to `this` with a heap of sleepers of `depth` levels, ns."""
        key = (previous, this, depth)
        cost = self._memo.get(key)
        if cost is None:
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            cost = self._memo[key] = self._evaluate(previous, this, depth)
        return cost

    def _evaluate(self, previous: Point, this: Point, depth: int) -> int:
        sizes: dict[str, float] = dict(zip(size_names(str(this[0])), this[1:], strict=True))
        sizes |= {f"prev_{n}": v for n, v in zip(size_names(str(previous[0])), previous[1:], strict=True)}
        segment = self._segment(str(previous[0]), str(this[0]))
        cost = segment.by_sizes_ns.get(sizes_key(sizes)) if segment.by_sizes_ns else None
        if cost is None:
            cost = segment.fixed_ns + sum(rate * sizes.get(name, 0) for name, rate in segment.per_size_ns.items())
        return max(round(cost + segment.per_depth_ns * depth), 0)

    def _segment(self, previous: str, this: str) -> Segment:
        pair = f"{self._thread}.{previous}>{this}"
        segment = self._parameters.segments.get(pair)
        if segment is None:
            self.unseen.add(pair)
            segment = self._parameters.kinds.get(f"{self._thread}.{this}")
        return segment or Segment(fixed_ns=0.0, observations=0)


class Path:
    """A fixed sequence of points, walked often: its offsets are evaluated once for each point it may start from."""

    __slots__ = ("_costs", "_offsets", "points")

    def __init__(self, costs: CostModel, points: tuple[Point, ...]) -> None:
        self._costs = costs
        self._offsets: dict[tuple[Point, int], tuple[int, ...]] = {}
        self.points = points

    def offsets(self, previous: Point, depth: int) -> tuple[int, ...]:
        """CPU time from `previous` up to each point of the path, ns."""
        key = (previous, depth)
        offsets = self._offsets.get(key)
        if offsets is None:
            steps = zip((previous, *self.points), self.points, strict=False)
            offsets = self._offsets[key] = tuple(accumulate(self._costs.between(a, b, depth) for a, b in steps))
        return offsets


class Flow:
    """One thread's walk from point to point on a processor; `subject` is the client that its work is for."""

    __slots__ = ("_costs", "_processor", "previous", "subject")

    def __init__(self, costs: CostModel, processor: Processor, start: Point) -> None:
        self._costs = costs
        self._processor = processor
        self.previous = start
        self.subject = 0

    def to(self, point: Point) -> int:
        """Moves on to `point`; the segment's cost in ns of CPU time."""
        previous, self.previous = self.previous, point
        return self._costs.between(previous, point, self._processor.sleepers.bit_length())

    def along(self, path: Path) -> tuple[int, ...]:
        """Walks a whole path; the CPU time up to each of its points, ns."""
        previous, self.previous = self.previous, path.points[-1]
        return path.offsets(previous, self._processor.sleepers.bit_length())


class RecordedFlow(Flow):
    """A walk that also notes each point it comes to: (point, cost, subject), until somebody takes them away."""

    __slots__ = ("crossed",)

    def __init__(self, costs: CostModel, processor: Processor, start: Point) -> None:
        super().__init__(costs, processor, start)
        self.crossed: list[tuple[Point, int, int]] = []

    def to(self, point: Point) -> int:
        cost = super().to(point)
        self.crossed.append((point, cost, self.subject))
        return cost

    def along(self, path: Path) -> tuple[int, ...]:
        offsets = super().along(path)
        costs = (offset - before for offset, before in zip(offsets, (0, *offsets), strict=False))
        self.crossed += [(point, cost, self.subject) for point, cost in zip(path.points, costs, strict=True)]
        return offsets
