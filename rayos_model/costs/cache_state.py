"""Cache-state classes of a segment: how warm the host's caches are when it runs (docs/explanation/calibration.md).

The spread of a segment's cost is kept per class. Calibration derives the class from a trace, the model from its walk,
both in the order in which segments run. Must not know costs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from itertools import product
from math import exp, log10
from typing import Final

from rayos_model.contract.abi import ThreadId

RECENT_NS: Final = (40_000, 300_000, 3_000_000)
"""Bounds of the age classes, ns; the age is the time since the same pair of points was last executed."""

COLD_NS: Final = 1_000_000
"""A client that has not run for this long, ns, is cache-cold: others have used the host's caches meanwhile."""

ACTIVITY_NS: Final = 1_000_000
"""Time constant, ns, with which executed points decay exponentially in the recent activity of a CPU."""

AWAKE_NS: Final = 30_000
"""Within this time, ns, of an earlier one, setting the timer is cheap: QEMU's main loop is still awake."""

NOT_SET: Final = -1
"""In place of a time: the segment does not set the timer."""
_AGES: Final = ("0.04ms", "0.3ms", "3ms", "longer")
_FLUSHED: Final = len(_AGES)
_AWAY: Final = 2 * _FLUSHED
_TIMER: Final = 2 * _AWAY
FIRST: Final = 0
CACHE_STATES: Final = (
    "first",
    *("".join(parts) for parts in product(("", "timer,"), ("", "cold,"), ("", "flushed,"), _AGES)),
)
"""Names of the classes. `first`: the first execution of the pair in a run. The others combine four properties: setting
the timer wakes QEMU's main loop (`timer`), the client is cache-cold (`cold`), another address space was loaded since
(`flushed`), and the age class."""


_ELSEWHERE: Final = (-(10**18), -1)
"""(Last time, address-space switches) of a pair or client that this CPU has never executed."""


def _from_block(pair: str) -> bool:
    return ".block" in pair.partition(">")[0]


class CacheState:
    """Execution history of one run, from which the class of each segment follows.

    `activity` is the recent activity of the CPU at the start of the segment last given to `pass_by`: log10(1 + points
    executed in the last millisecond). The higher it is, the warmer are the host's caches.
    """

    def __init__(self) -> None:
        self.activity = 0.0
        self._lively: dict[int, tuple[float, int]] = {}  # per CPU: decayed number of points, time
        self._passed: set[str] = set()
        self._last: dict[tuple[int, str], tuple[int, int]] = {}  # per CPU and pair: last time, switches then
        self._ran: dict[int, tuple[int, int, int]] = {}  # per client: CPU, last time, switches then
        self._setting: set[int] = set()  # threads that set the timer on return from a system call
        self._set_ns = -AWAKE_NS  # last time the timer was set

    def pass_by(
        self, pair: str, thread: int, now_ns: int, loads: int, timer_ns: int = NOT_SET, processor: int = 0
    ) -> int:
        """The class, an index into `CACHE_STATES`, of the segment that a thread starts now.

        `loads` is the number of address-space switches of the CPU so far. `timer_ns` is the time at which the CPU
        switches to the thread within the segment, if that sets its timer to another instant; else `NOT_SET`.
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
        """Whether a client's segment sets the timer: it does so on its way out of the kernel, one segment later."""
        owed = thread in self._setting
        self._setting.discard(thread)
        if timer and _from_block(pair):
            self._setting.add(thread)
            return owed
        return owed or timer


def by_cache_state(known: Mapping[str, tuple[float, ...]], general: tuple[float, ...]) -> tuple[tuple[float, ...], ...]:
    """The spread of each class: its own; else that of the nearest class with equal `timer`; else `general`."""
    found = [known.get(CACHE_STATES[FIRST], general)]
    for at in range(1, len(CACHE_STATES)):
        begin = 1 if at <= _TIMER else 1 + _TIMER
        alike = [other for other in range(begin, begin + _TIMER) if CACHE_STATES[other] in known]
        found.append(known[CACHE_STATES[min(alike, key=lambda other: _distance(at, other))]] if alike else general)
    return tuple(found)


def _distance(one: int, other: int) -> int:
    """Distance of two classes with equal `timer`: `flushed` weighs more than `cold`, `cold` more than the age."""
    a, b = one - 1, other - 1
    flushed, away = (a // _FLUSHED % 2 != b // _FLUSHED % 2), (a // _AWAY % 2 != b // _AWAY % 2)
    return _AWAY * flushed + _FLUSHED * away + abs(a % _FLUSHED - b % _FLUSHED)
