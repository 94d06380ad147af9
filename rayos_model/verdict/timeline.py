"""Timeline of a run: its markers and measurements as moments, and rules about their order and distance in time.

The name of a moment is its marker without `RAYOS_` (`INTEGRATION:MILESTONE:all windows shown`,
`SOAK:CLIENT_CREATED:3`), or its measurement and client (`commit_to_present:3`, `hang:0`), or the measurement alone
where it has no client (`flip`, `dropped`). Rules name moments by shell patterns. Must not know which system made the
run.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Final

import numpy as np

from rayos_model.contract.abi import TraceKind
from rayos_model.contract.markers import Log
from rayos_model.contract.trace_record import Records
from rayos_model.scenario.tables import NS, Constraint

_OF_CLIENTS: Final = (
    *(TraceKind.M_COMMIT_TO_PRESENT, TraceKind.M_BUFFER_COMMIT, TraceKind.M_CLIENT_CREATION),
    *(TraceKind.M_INPUT_ROUND_TRIP, TraceKind.M_CONFIGURE, TraceKind.M_PRESENTATION_JITTER),
    *(TraceKind.M_HANG, TraceKind.M_CRASH, TraceKind.M_PROTOCOL_ERROR, TraceKind.M_DURABLE),
    TraceKind.M_STORE_ERROR,
)
_OF_NOBODY: Final = (TraceKind.M_FLIP, TraceKind.M_DROPPED)
_TIMES_OF_MARKERS: Final = {
    "RAYOS_SOAK:START": TraceKind.M_BASELINE,
    "RAYOS_SOAK:CLIENT_CREATED": TraceKind.M_CLIENT_CREATED,
    "RAYOS_SOAK:CLIENT_DESTROYED": TraceKind.M_CLIENT_DESTROYED,
    "RAYOS_SOAK:METRICS_SNAPSHOT": TraceKind.M_IDLE,
    "RAYOS_SOAK:COMPLETE": TraceKind.M_LEAK,
}
"""Marker → kind of record; the n-th marker was printed at the time of the n-th record."""
KINDS: Final = (*_OF_CLIENTS, *_OF_NOBODY, *_TIMES_OF_MARKERS.values(), TraceKind.M_MARKER)
"""Kinds of the trace records from which a timeline is built."""
_CONTEXT: Final = 3
_LONGEST_SLICE: Final = 24


@dataclass(frozen=True, slots=True)
class Moment:
    """A named event; `time_ns` is relative to the start of the scenario."""

    time_ns: int
    name: str

    def __str__(self) -> str:
        return f"{self.time_ns / NS:12.6f} s  {self.name}"


@dataclass(frozen=True, slots=True)
class Violation:
    """A violated rule, the reason, and the moments around the violation."""

    constraint: Constraint
    why: str
    slice: tuple[Moment, ...]

    def __str__(self) -> str:
        return "\n".join([f"{describe(self.constraint)}: {self.why}", *(f"  {moment}" for moment in self.slice)])


def describe(constraint: Constraint) -> str:
    """A rule in words; milestones are named without their family."""
    first, then, never = (
        None if pattern is None else repr(re.sub(r"^INTEGRATION:(MILESTONE:)?", "", pattern))
        for pattern in (constraint.first, constraint.then, constraint.never)
    )
    if constraint.within_s is not None:
        return f"{then} within {constraint.within_s:g} s of {first}"
    if never is not None:
        return f"never {never} between {first} and {then}"
    return f"{first} before {then}"


def timeline(log: Log, records: Records) -> list[Moment]:
    """All moments of a run in order of time, from its marker log and its trace records of `KINDS`.

    Markers without a corresponding record, hence without a known time, are left out.
    """
    times = _times_of_markers(records)
    moments = []
    for marker in log.markers:
        source = (
            TraceKind.M_MARKER if marker.name.startswith("RAYOS_INTEGRATION:") else _TIMES_OF_MARKERS.get(marker.name)
        )
        known = next(times[source], None) if source is not None else None
        if known is not None:
            moments.append(Moment(known, str(marker).removeprefix("RAYOS_")))
    chosen = records[np.isin(records["kind"], (*_OF_CLIENTS, *_OF_NOBODY))]
    for time_ns, kind, subject in zip(*(chosen[name].tolist() for name in ("time_ns", "kind", "subject")), strict=True):
        name = TraceKind(kind).name.removeprefix("M_").lower()
        moments.append(Moment(time_ns, name if kind in _OF_NOBODY else f"{name}:{subject}"))
    return sorted(moments, key=lambda moment: moment.time_ns)


def _times_of_markers(records: Records) -> defaultdict[TraceKind, Iterator[int]]:
    times: defaultdict[TraceKind, Iterator[int]] = defaultdict(lambda: iter(()))
    for kind in (*_TIMES_OF_MARKERS.values(), TraceKind.M_MARKER):
        times[kind] = iter(records["time_ns"][records["kind"] == kind].tolist())
    return times


def check(constraints: Iterable[Constraint], moments: Sequence[Moment]) -> list[Violation]:
    """The first violation of each rule that is violated; `moments` are in order of time."""
    found = (_check(constraint, moments) for constraint in constraints)
    return [violation for violation in found if violation is not None]


def _check(constraint: Constraint, moments: Sequence[Moment]) -> Violation | None:
    firsts, thens = _places(constraint.first, moments), _places(constraint.then, moments)

    def broken(why: str, start: int, end: int) -> Violation:
        return Violation(constraint, why, _slice(moments, start, end))

    if constraint.within_s is not None:
        limit_ns = round(constraint.within_s * NS)
        for first in firsts:
            then = next((place for place in thens if place > first), None)
            if then is None:
                return broken("it never occurred", first, first)
            took_ns = moments[then].time_ns - moments[first].time_ns
            if took_ns > limit_ns:
                return broken(f"it took {took_ns / NS:.6g} s", first, then)
        return None if firsts else broken(f"no moment matches {constraint.first!r}", 0, 0)
    if constraint.never is not None:
        for never in _places(constraint.never, moments):
            since = max((place for place in firsts if place < never), default=None)
            if since is not None and not any(since < then < never for then in thens):
                return broken(f"{moments[never].name} occurred", since, never)
        return None
    if not firsts or not thens:
        return broken(f"no moment matches {constraint.then if firsts else constraint.first!r}", 0, 0)
    return None if firsts[0] < thens[0] else broken("they occurred in the opposite order", thens[0], firsts[0])


def _places(pattern: str, moments: Sequence[Moment]) -> list[int]:
    matches = re.compile(translate(pattern)).match
    return [place for place, moment in enumerate(moments) if matches(moment.name)]


def _slice(moments: Sequence[Moment], start: int, end: int) -> tuple[Moment, ...]:
    """The moments from `start` to `end` with three on either side; a long slice without its middle."""
    around = moments[max(0, start - _CONTEXT) : end + _CONTEXT + 1]
    half = _LONGEST_SLICE // 2
    return tuple(around) if len(around) <= _LONGEST_SLICE else (*around[:half], *around[-half:])
