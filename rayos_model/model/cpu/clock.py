"""SimPy's environment, with an event that costs less for what the processor asks for: one call at an instant."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final, cast

from simpy import Environment
from simpy.events import NORMAL, Event

NEVER: Final = 1 << 62
"""An instant, ns, that does not come."""


class Alarm:
    """What happens at an instant, in its turn among the events of that instant, unless it is `cancelled` before.

    Nobody can wait for it, and it has no value. Subclasses say what happens.
    """

    __slots__ = ("cancelled",)

    def __init__(self) -> None:
        self.cancelled = False

    def ring(self) -> None:
        """Its instant has come."""
        raise NotImplementedError


class Call(Alarm):
    """A function is called."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[], None]) -> None:
        super().__init__()
        self._function = function

    def ring(self) -> None:
        self._function()


class Clock(Environment):
    """An environment whose time is whole nanoseconds, and in which alarms may be set beside events."""

    def __init__(self) -> None:
        super().__init__(initial_time=0)
        self._agenda = cast("list[tuple[int, int, int, Event | Alarm]]", self._queue)

    def instant(self) -> int:
        """SimPy's now, ns."""
        return cast(int, self._now)

    def horizon(self) -> int:
        """The instant of the next event or alarm, `NEVER` if there is none."""
        return self._agenda[0][0] if self._agenda else NEVER

    def set_alarm(self, instant: int, alarm: Alarm) -> None:
        """Has an alarm ring at an instant, ns, which is not before now."""
        heappush(self._agenda, (instant, NORMAL, next(self._eid), alarm))

    def step(self) -> None:
        """Lets the next event happen, or the next alarm ring. Raises `EmptySchedule` when there is neither."""
        alarm = self._agenda[0][3] if self._agenda else None
        if isinstance(alarm, Alarm):
            self._now = heappop(self._agenda)[0]
            if not alarm.cancelled:
                alarm.ring()
        else:
            super().step()
