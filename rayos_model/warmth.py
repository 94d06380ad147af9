"""In what circumstances a segment is passed: classes by which the spread of its cost is kept (docs/calibration.md).

Calibration asks of a trace, the model of its walk, both in the order in which points are passed. Must not know costs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from itertools import product
from typing import Final

from rayos_model.abi import ThreadId

RECENT_NS: Final = (300_000, 3_000_000)
"""Where the time since a pair of points was passed before is cut, ns."""

AWAKE_NS: Final = 30_000
"""Setting the timer again so soon does not cost what it does else: QEMU's main loop has not gone to sleep, ns."""

NOT_SET: Final = -1
_AGES: Final = ("0.3ms", "3ms", "longer")
_FLUSHED: Final = len(_AGES)
_TIMER: Final = 2 * len(_AGES)
FIRST: Final = 0
WARMTHS: Final = ("first", *("".join(parts) for parts in product(("", "timer,"), ("", "flushed,"), _AGES)))
"""The classes: the first time in a run; else by whether setting the timer woke QEMU, whether another address space was
loaded since the pair was passed before, and how long that is ago."""


class Warmth:
    """What has been passed in one run."""

    def __init__(self) -> None:
        self._passed: set[str] = set()
        self._last: dict[tuple[int, str], tuple[int, int]] = {}  # on each processor: when, and its loads then
        self._setting: set[int] = set()  # threads that set the timer on their way out of a system call
        self._set_ns = -AWAKE_NS  # when the timer was last set

    def pass_by(
        self, pair: str, thread: int, now_ns: int, loads: int, timer_ns: int = NOT_SET, processor: int = 0
    ) -> int:
        """The class, an index into `WARMTHS`, of the segment that a thread ends now.

        `loads` is how often the processor has been given another address space; `timer_ns`: when it was handed
        to the thread within the segment, if its timer is to be set to another instant for that.
        """
        timer = timer_ns >= self._set_ns + AWAKE_NS
        if timer_ns != NOT_SET:
            self._set_ns = timer_ns
        if thread >= ThreadId.CLIENT0:
            timer = self._leaves_kernel(pair, thread, timer)
        last = self._last.get((processor, pair))
        self._last[processor, pair] = now_ns, loads
        if pair not in self._passed:
            self._passed.add(pair)
            return FIRST
        warmth = 1 + (_TIMER if timer else 0)
        if last is None:  # on another processor
            return warmth + _FLUSHED + len(RECENT_NS)
        return warmth + (_FLUSHED if last[1] != loads else 0) + bisect_right(RECENT_NS, now_ns - last[0])

    def _leaves_kernel(self, pair: str, thread: int, timer: bool) -> bool:
        """A client sets the timer when it leaves the kernel, where it has blocked after the point that it comes to."""
        owed = thread in self._setting
        self._setting.discard(thread)
        if timer and ".block" in pair.partition(">")[0]:
            self._setting.add(thread)
            return owed
        return owed or timer


def by_warmth(known: Mapping[str, tuple[float, ...]], general: tuple[float, ...]) -> tuple[tuple[float, ...], ...]:
    """What is known of each class; or else of the nearest one with the timer alike; or else what holds of all."""
    found = [known.get(WARMTHS[FIRST], general)]
    for at in range(1, len(WARMTHS)):
        begin = 1 if at <= _TIMER else 1 + _TIMER
        alike = [other for other in range(begin, begin + _TIMER) if WARMTHS[other] in known]
        found.append(known[WARMTHS[min(alike, key=lambda other: _distance(at, other))]] if alike else general)
    return tuple(found)


def _distance(one: int, other: int) -> int:
    """Between two classes with the timer alike: what was loaded matters more than when."""
    flushed = (one - 1) // _FLUSHED != (other - 1) // _FLUSHED
    return len(_AGES) * flushed + abs((one - 1) % _FLUSHED - (other - 1) % _FLUSHED)
