"""Composite passes: damage and what is committed, the repaint, the flip at the vblank."""

from __future__ import annotations

from typing import Final

from rayos_model.contract.abi import TraceKind
from rayos_model.model.core import Core
from rayos_model.model.process import Process
from rayos_model.model.wayland.agenda import REPAINT, VBLANK, Agenda
from rayos_model.model.wayland.burst import COMPOSITION, Burst
from rayos_model.model.wayland.stack import Part, Rectangle, Stack
from rayos_model.model.wayland.surface import NO_EVENTS, Seat, Shown, Surface


class Composite:
    """The output: the windows on it, what of it is to be painted, and the frame that waits for its flip."""

    def __init__(self, core: Core, burst: Burst, agenda: Agenda, seats: dict[int, Seat]) -> None:
        settings = core.settings
        self._core = core
        self._burst = burst
        self._agenda = agenda
        self._seats = seats
        self._counters = core.integration.counters
        self._width, self._height = settings.width, settings.height
        self._period: Final = (10**12, settings.refresh_millihertz)
        self._window_ns = settings.repaint_window_ns
        self._damage: list[Part] = []
        self._previous: list[Part] = []  # damage of the previous pass
        self._uncomposed: dict[int, Surface] = {}  # committed since the last pass, in order of commit
        self._frame: list[Shown] | None = None  # painted, waits for its flip
        self.stack = Stack((0, 0, settings.width, settings.height))
        self.flips = 0
        """Page flips of the current second."""
        self._schedule(0)

    # ---- what goes into the next frame -----------------------------------------------------------

    def place(self, client: Process, width: int, height: int, secondary: bool = False) -> Rectangle:
        """Where a window of this size lies."""
        across, down = self._width, self._height
        x, y = 97 * client.id % (across - width + 1), 61 * client.id % (down - height + 1)
        if secondary and x + 16 + width <= across and y + 16 + height <= down:
            x, y = x + 16, y + 16
        return x, y, x + width, y + height

    def add_damage(self, rectangle: Rectangle) -> None:
        """A part of the output is to be painted."""
        self._damage.append(self.stack.part(rectangle, rectangle))

    def add_surface_damage(self, rectangle: Rectangle, surface: Surface) -> None:
        """A part of a surface is to be painted."""
        self._damage.append(self.stack.part(rectangle, surface.rectangle))

    def show(self, surface: Surface) -> None:
        """A surface's state goes into the next frame."""
        self._uncomposed.pop(surface.key, None)
        self._uncomposed[surface.key] = surface

    def withhold(self, surface: Surface) -> None:
        """A surface's state does not go into the next frame."""
        self._uncomposed.pop(surface.key, None)

    def unmap(self, surface: Surface) -> None:
        """A surface goes: its window leaves the stack, its buffers and callbacks are free."""
        self._uncomposed.pop(surface.key, None)
        if surface.mapped:
            self.add_damage(surface.rectangle)
            if surface.key in self.stack.surfaces:
                self.stack.unmap(surface.key)
            self._counters.windows_unmapped += 1
        surface.mapped = False
        self._counters.buffers_free += surface.busy
        self._counters.callbacks_ended += surface.callbacks

    # ---- passes and flips ------------------------------------------------------------------------

    def vblank_ns(self, index: int) -> int:
        """The time of a vblank, ns."""
        numerator, millihertz = self._period
        return (2 * index + 1) * numerator // (2 * millihertz)

    def _schedule(self, index: int) -> None:
        vblank = self.vblank_ns(index)
        self._agenda.schedule(max(vblank - self._window_ns, 0), REPAINT, index)
        self._agenda.schedule(vblank, VBLANK, index)

    def repaint(self, time_ns: int, index: int) -> None:
        """The repaint point: paints a frame if there is damage and none waits for its flip."""
        burst = self._burst
        burst.advance(("repaint",))
        if self._frame is not None or not self._damage:
            return
        start = burst.offset_ns
        damage, self._damage = self._damage, []
        rectangles = len(damage) + len(self._previous)
        work = self.stack.paint({*damage, *self._previous})
        self._previous = damage
        burst.advance(("composite", work.steps, work.rows, work.groups, work.blits, rectangles))
        self._frame = []
        self._counters.frames_painted += 1
        for surface in self._uncomposed.values():
            seat = self._seats[surface.client.id]
            self._frame.append(Shown(surface, seat.carried_inputs))
            surface.sent_ns, surface.callbacks, seat.carried_inputs = None, 0, []
            surface.replaces, surface.events, surface.configured_ns = False, NO_EVENTS, None
        self._uncomposed = {}
        burst.measure(COMPOSITION, 0, arg=start)

    def vblank(self, time_ns: int, index: int) -> list[Shown]:
        """The vblank: flips to the frame that is finished; what is shown by that."""
        burst = self._burst
        self._schedule(index + 1)
        frame = self._frame
        if frame is not None and burst.frame_finished_ns < time_ns:
            self._frame = None
            self._counters.frames_shown += 1
            fresh = sum(shown.sent_ns is not None for shown in frame)
            burst.advance(("flip", fresh, sum(self._released_pages(shown.surface) for shown in frame)))
            burst.measure(TraceKind.M_FLIP, 0, arg=index)
            self.flips += 1
            return frame
        if frame is not None:
            burst.measure(TraceKind.M_DROPPED, 0, arg=index)
        burst.advance(("vblank",))
        return []

    def _released_pages(self, surface: Surface) -> int:
        """Pages that are freed as this surface is shown without the buffer that held them."""
        seat = self._seats.get(surface.client.id)
        if seat is None or not seat.forgotten_pages:
            return 0
        pages, seat.forgotten_pages = seat.forgotten_pages, 0
        self._core.memory.free_shm(surface.client, pages)
        return pages
