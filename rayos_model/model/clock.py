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
    """A call to be made at an instant, in its turn among the events of that instant; nobody can wait for it."""

    __slots__ = ("_call", "_value")

    def __init__(self, call: Callable[[object], None], value: object) -> None:
        self._call: Callable[[object], None] | None = call
        self._value = value

    def cancel(self) -> None:
        """It will not be made; nothing if it has been."""
        self._call = None

    def ring(self) -> None:
        """Makes the call."""
        call, self._call = self._call, None
        if call is not None:
            call(self._value)


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

    def call_at(self, instant: int, call: Callable[[object], None], value: object = None) -> Alarm:
        """Sets an alarm."""
        alarm = Alarm(call, value)
        heappush(self._agenda, (instant, NORMAL, next(self._eid), alarm))
        return alarm

    def step(self) -> None:
        """Lets the next event happen, or the next alarm ring. Raises `EmptySchedule` when there is neither."""
        alarm = self._agenda[0][3] if self._agenda else None
        if isinstance(alarm, Alarm):
            self._now = heappop(self._agenda)[0]
            alarm.ring()
        else:
            super().step()
