"""Service times: what each segment of a thread's control flow costs, from calibrated parameters.

Costs depend on nothing but a pair of points and the depth of the heap of sleepers, so every place in the control flow
is a :class:`Place` that remembers what the steps from it cost and where they lead.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import exp
from typing import Any, Final

from rayos_model.contract.abi import MAX_CLIENTS, ThreadId
from rayos_model.costs.cache_state import FIRST, NOT_SET, CacheState, by_cache_state
from rayos_model.costs.parameters import LENGTHS_NS, MEDIAN, Parameters, Segment
from rayos_model.model.cpu.scheduler import Scheduler
from rayos_model.model.noise import Noise
from rayos_model.trace.points import OF_THEMSELVES, heap_depth, size_names, sizes_key

Point = tuple[Any, ...]  # (label, *sizes)
AT_BLOCK: Final[Point] = ("block",)
"""Where every thread gives up the CPU."""
_DEPTHS = range(heap_depth(ThreadId.CLIENT0 + MAX_CLIENTS) + 1)  # levels that a heap of all threads may have


def _recurs(point: Point) -> bool:
    """Whether a point is worth remembering: one with many sizes, a composite pass, is hardly ever the same again."""
    return len(point) <= 3


class CostModel:
    """Looks up segment costs for one class of threads ('client', 'compositor', 'launcher', 'reporter')."""

    def __init__(self, parameters: Parameters, threads: str) -> None:
        self._parameters = parameters
        self._threads = threads
        self._places: dict[Point, Place] = {}
        self._pairs: dict[tuple[str, str], tuple[Segment, tuple[str, ...]]] = {}
        self.unseen: set[str] = set()  # pairs that calibration never observed

    def place(self, point: Point) -> Place:
        """Where a thread is that has just passed `point`."""
        place = self._places.get(point)
        if place is None:
            place = Place(self, point)
            if _recurs(point):
                self._places[point] = place
        return place

    def between(self, previous: Point, this: Point) -> tuple[int, ...]:
        """CPU time of the segment from `previous` to `this`, ns, by the number of levels of the heap of sleepers."""
        segment, names = self._pair(str(previous[0]), str(this[0]))
        sizes: dict[str, float] = dict(zip(names, (*this[1:], *previous[1:]), strict=True))
        for name in OF_THEMSELVES:
            sizes.pop(f"prev_{name}", None)
        cost = segment.by_sizes_ns.get(sizes_key(sizes)) if segment.by_sizes_ns else None
        if cost is None:
            cost = segment.fixed_ns + sum(rate * sizes.get(name, 0) for name, rate in segment.per_size_ns.items())
        return tuple(max(round(cost + segment.per_depth_ns * depth), 0) for depth in _DEPTHS)

    def variation(self, previous: str, this: str) -> Variation:
        """How the cost of the segment between two labels varies."""
        return Variation(self.pair(previous, this), self._pair(previous, this)[0])

    def pair(self, previous: str, this: str) -> str:
        """The name of the segment between two labels."""
        return f"{self._threads}.{previous}>{this}"

    def _pair(self, previous: str, this: str) -> tuple[Segment, tuple[str, ...]]:
        """The segment between two labels, and the names of its sizes."""
        known = self._pairs.get((previous, this))
        if known is None:
            names = (*size_names(this), *(f"prev_{name}" for name in size_names(previous)))
            known = self._pairs[previous, this] = self._segment(previous, this), names
        return known

    def _segment(self, previous: str, this: str) -> Segment:
        pair = self.pair(previous, this)
        segment = self._parameters.segments.get(pair)
        if segment is None:
            self.unseen.add(pair)
            segment = self._parameters.kinds.get(f"{self._threads}.{this}")
        return segment or Segment(fixed_ns=0.0, observations=0)


class Variation:
    """How the cost of one pair of points varies: quantiles of the factor, by circumstances and by how long it takes."""

    __slots__ = ("_by_length", "_by_warmth", "activity_slope", "pair")

    def __init__(self, pair: str, segment: Segment) -> None:
        self.pair = pair
        self.activity_slope = segment.activity_slope
        self._by_warmth = by_cache_state(segment.spread_by_cache_state, segment.spread)
        self._by_length = segment.by_length()

    def spread(self, warmth: int, cost_ns: int) -> tuple[float, Sequence[float]]:
        """A factor, and the quantiles of another; no quantiles where the cost does not vary, or nobody knows."""
        spread = self._by_warmth[warmth]
        if not spread or not self._by_length or warmth == FIRST:
            return 1.0, spread
        return spread[MEDIAN], self._by_length[bisect_right(LENGTHS_NS, cost_ns)]


class Path:
    """A fixed sequence of points, walked often and as a whole."""

    __slots__ = ("points",)

    def __init__(self, *points: Point) -> None:
        self.points = points


class Place:
    """A point just passed, and the steps and walks that were taken from it."""

    __slots__ = ("_costs", "_steps", "_walks", "point")

    def __init__(self, costs: CostModel, point: Point) -> None:
        self._costs = costs
        self.point = point
        self._steps: dict[Point, Step] = {}
        self._walks: dict[Path, Walk] = {}

    def step(self, point: Point) -> Step:
        """The step from here to a point."""
        step = self._steps.get(point)
        if step is None:
            step = Step(self._costs.between(self.point, point), self._costs.place(point))
            if _recurs(point):
                self._steps[point] = step
        return step

    def walk(self, path: Path) -> Walk:
        """The walk from here along a path."""
        walk = self._walks.get(path)
        if walk is None:
            segments = [self._costs.between(a, b) for a, b in pairwise((self.point, *path.points))]
            offsets = [tuple(accumulate(costs)) for costs in zip(*segments, strict=True)]
            walk = self._walks[path] = Walk(offsets, self._costs.place(path.points[-1]))
        return walk


class Step:
    """A segment: its CPU time, ns, by depth of the heap of sleepers, and the place to which it leads."""

    __slots__ = ("costs", "there")

    def __init__(self, costs: tuple[int, ...], there: Place) -> None:
        self.costs = costs
        self.there = there


class Walk:
    """Segments in a row: by depth of the heap of sleepers the CPU time up to each point, ns, and the place they end."""

    __slots__ = ("offsets", "there")

    def __init__(self, offsets: list[tuple[int, ...]], there: Place) -> None:
        self.offsets = offsets
        self.there = there


class Flow:
    """One thread's walk from point to point on a processor; `subject` is the client that its work is for."""

    __slots__ = ("_place", "_processor", "subject")

    def __init__(self, costs: CostModel, processor: Scheduler, start: Point) -> None:
        self._processor = processor
        self._place = costs.place(start)
        self.subject = 0

    def to(self, point: Point) -> int:
        """Moves on to `point`; the segment's cost in ns of CPU time."""
        step = self._place.step(point)
        self._place = step.there
        return step.costs[self._processor.sleepers.bit_length()]

    def along(self, path: Path) -> tuple[int, ...]:
        """Walks a whole path; the CPU time up to each of its points, ns."""
        walk = self._place.walk(path)
        self._place = walk.there
        return walk.offsets[self._processor.sleepers.bit_length()]


class NoisyFlow(Flow):
    """A walk whose segments cost more or less each time, as they were seen to in calibration when as warm."""

    __slots__ = ("_cache_state", "_costs", "_noise", "_variations", "_walker")

    def __init__(
        self, costs: CostModel, processor: Scheduler, start: Point, noise: Noise, warmth: CacheState, thread: int
    ) -> None:
        super().__init__(costs, processor, start)
        self._costs = costs
        self._walker = thread
        self._noise = noise
        self._cache_state = warmth
        self._variations: dict[tuple[str, str], Variation] = {}

    def _vary(self, cost: int, previous: Point, this: Point, now_ns: int) -> int:
        labels = str(previous[0]), str(this[0])
        variation = self._variations.get(labels)
        if variation is None:
            variation = self._variations[labels] = self._costs.variation(*labels)
        processor, thread = self._processor, self._walker
        timer_ns = processor.timer_set_for.pop(thread, NOT_SET)
        warmth = self._cache_state.pass_by(
            variation.pair, thread, now_ns, processor.space_switches, timer_ns, processor.executing
        )
        level, spread = variation.spread(warmth, cost)
        if not spread:
            return cost
        factor = level * exp(variation.activity_slope * self._cache_state.activity)
        return round(cost * factor * self._noise.draw(spread, now_ns))

    def to(self, point: Point) -> int:
        before = self._place.point
        return self._vary(super().to(point), before, point, self._processor.now)

    def along(self, path: Path) -> tuple[int, ...]:
        points = (self._place.point, *path.points)
        offsets = super().along(path)
        costs = (offset - before for offset, before in zip(offsets, (0, *offsets), strict=False))
        now_ns, varied = self._processor.now, []
        for cost, (previous, this) in zip(costs, pairwise(points), strict=True):
            varied.append(self._vary(cost, previous, this, now_ns))
            now_ns += varied[-1]
        return tuple(accumulate(varied))


class RecordedFlow(Flow):
    """A walk that also notes each point it comes to: (point, cost, subject), until somebody takes them away."""

    __slots__ = ("crossed",)

    def __init__(self, costs: CostModel, processor: Scheduler, start: Point) -> None:
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
