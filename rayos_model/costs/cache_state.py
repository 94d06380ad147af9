"""In what circumstances a segment is passed: classes by which the spread of its cost is kept.

"Cache state" in docs/explanation/calibration.md defines them. Calibration asks of a trace, the model of its walk,
both in the order in which points are passed. Must not know costs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from itertools import product
from math import exp, log10
from typing import Final

from rayos_model.contract.abi import ThreadId

RECENT_NS: Final = (40_000, 300_000, 3_000_000)
"""Where the time since a pair of points was passed before is cut, ns."""

COLD_NS: Final = 1_000_000
"""A client that has not run for so long comes back from far away: others had the host's caches meanwhile, ns."""

ACTIVITY_NS: Final = 1_000_000
"""How long a point that was passed counts for the activity of a processor, ns: it fades exponentially."""

AWAKE_NS: Final = 30_000
"""Setting the timer again so soon does not cost what it does else: QEMU's main loop has not gone to sleep, ns."""

NOT_SET: Final = -1
_AGES: Final = ("0.04ms", "0.3ms", "3ms", "longer")
_FLUSHED: Final = len(_AGES)
_AWAY: Final = 2 * _FLUSHED
_TIMER: Final = 2 * _AWAY
FIRST: Final = 0
CACHE_STATES: Final = (
    "first",
    *("".join(parts) for parts in product(("", "timer,"), ("", "cold,"), ("", "flushed,"), _AGES)),
)
"""The classes: the first time in a run; else by whether setting the timer woke QEMU, whether a client comes back from
far away, whether another address space was loaded meanwhile, and how long ago the pair was passed before."""


_ELSEWHERE: Final = (-(10**18), -1)
"""When, and the loads then, of what this processor has not seen."""


def _from_block(pair: str) -> bool:
    return ".block" in pair.partition(">")[0]


class CacheState:
    """What has been passed in one run.

    `activity` is that of the processor when the segment of the last `pass_by` began: the decimal logarithm of one
    more than the points passed in the last millisecond. The more is done, the warmer are the host's caches.
    """

    def __init__(self) -> None:
        self.activity = 0.0
        self._lively: dict[int, tuple[float, int]] = {}  # of each processor: points, and as of when
        self._passed: set[str] = set()
        self._last: dict[tuple[int, str], tuple[int, int]] = {}  # on each processor: when, and its loads then
        self._ran: dict[int, tuple[int, int, int]] = {}  # each client: where, when, and the loads there then
        self._setting: set[int] = set()  # threads that set the timer on their way out of a system call
        self._set_ns = -AWAKE_NS  # when the timer was last set

    def pass_by(
        self, pair: str, thread: int, now_ns: int, loads: int, timer_ns: int = NOT_SET, processor: int = 0
    ) -> int:
        """The class, an index into `CACHE_STATES`, of the segment that a thread begins now.

        `loads` is how often the processor has been given another address space; `timer_ns`: when it was handed
        to the thread within the segment, if its timer is to be set to another instant for that.
        """
        self._enliven(processor, now_ns)
        timer = timer_ns >= self._set_ns + AWAKE_NS
        if timer_ns != NOT_SET:
            self._set_ns = timer_ns
        passed_ns, loads_then = self._last.get((processor, pair), _ELSEWHERE)
        self._last[processor, pair] = now_ns, loads
        away = False
        if thread >= ThreadId.CLIENT0:
            timer = self._leaves_kernel(pair, thread, timer)
            where, ran_ns, loads_of_own = self._ran.get(thread, (processor, *_ELSEWHERE))
            self._ran[thread] = processor, now_ns, loads
            if _from_block(pair):
                away = now_ns - ran_ns > COLD_NS
                loads_then = loads_of_own if where == processor else _ELSEWHERE[1]
        if pair not in self._passed:
            self._passed.add(pair)
            return FIRST
        circumstances = (_TIMER if timer else 0) + (_AWAY if away else 0) + (_FLUSHED if loads_then != loads else 0)
        return 1 + circumstances + bisect_right(RECENT_NS, now_ns - passed_ns)

    def _enliven(self, processor: int, now_ns: int) -> None:
        points, as_of = self._lively.get(processor, (0.0, now_ns))
        if now_ns > as_of:
            points *= exp((as_of - now_ns) / ACTIVITY_NS)
            as_of = now_ns
        self.activity = log10(1.0 + points)
        self._lively[processor] = points + 1.0, as_of

    def _leaves_kernel(self, pair: str, thread: int, timer: bool) -> bool:
        """A client sets the timer when it leaves the kernel, where it has blocked after the point that it comes to."""
        owed = thread in self._setting
        self._setting.discard(thread)
        if timer and _from_block(pair):
            self._setting.add(thread)
            return owed
        return owed or timer


def by_cache_state(known: Mapping[str, tuple[float, ...]], general: tuple[float, ...]) -> tuple[tuple[float, ...], ...]:
    """What is known of each class; or else of the nearest one with the timer alike; or else what holds of all."""
    found = [known.get(CACHE_STATES[FIRST], general)]
    for at in range(1, len(CACHE_STATES)):
        begin = 1 if at <= _TIMER else 1 + _TIMER
        alike = [other for other in range(begin, begin + _TIMER) if CACHE_STATES[other] in known]
        found.append(known[CACHE_STATES[min(alike, key=lambda other: _distance(at, other))]] if alike else general)
    return tuple(found)


def _distance(one: int, other: int) -> int:
    """Between two classes with the timer alike: what was loaded matters more than who was away, and that than when."""
    a, b = one - 1, other - 1
    flushed, away = (a // _FLUSHED % 2 != b // _FLUSHED % 2), (a // _AWAY % 2 != b // _AWAY % 2)
    return _AWAY * flushed + _FLUSHED * away + abs(a % _FLUSHED - b % _FLUSHED)
