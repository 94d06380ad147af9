"""Surfaces and what the compositor keeps for each client."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from rayos_model.model.ipc.pipe import Offer
from rayos_model.model.process import Process
from rayos_model.model.wayland.stack import Rectangle


@dataclass(slots=True)
class Surface:
    """A mapped or soon to be mapped window of one client."""

    key: int
    client: Process
    rectangle: Rectangle
    mapped: bool = False
    buffers: int = 0  # commits so far; from the second on a flip releases the buffer before
    sent_ns: int | None = None  # latest commit not yet shown
    callbacks: int = 0
    replaces: bool = False  # a buffer was committed since the last pass
    busy: int = 0  # buffers that are or will be its content
    events: frozenset[int] = frozenset()  # of the timeline, done when its content is on screen
    configured_ns: int | None = None  # when the configure was sent that its content is the first to obey
    presented_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Connected:
    """A client's socket was connected."""

    client: Process


@dataclass(frozen=True, slots=True)
class Closed:
    """A client's socket was closed."""

    client: Process


class Shown:
    """A surface's part in a finished frame: what it has committed and was not painted yet."""

    __slots__ = ("callbacks", "configured_ns", "events", "inputs", "releases", "sent_ns", "surface")

    def __init__(self, surface: Surface, inputs: list[int]) -> None:
        self.surface = surface
        self.sent_ns = surface.sent_ns
        self.callbacks = surface.callbacks
        self.releases = surface.replaces and surface.buffers > 1 and not surface.key & 1
        self.events = surface.events
        self.configured_ns = surface.configured_ns
        self.inputs = inputs  # scheduled times of the input events that it answers


NO_EVENTS: Final[frozenset[int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Configure:
    """One configure in flight: when it was sent (None: before the first buffer), what it is done for."""

    serial: int
    full: bool
    sent_ns: int | None
    events: frozenset[int]


@dataclass(slots=True)
class Toplevel:
    """The configuration of one client's main window."""

    states: set[str] = field(default_factory=set)
    width: int = 0  # wanted; 0: the client's choice
    height: int = 0
    in_flight: deque[Configure] = field(default_factory=deque)
    owes: bool = False  # there was no room for a configure in flight
    owed_events: frozenset[int] = NO_EVENTS
    acknowledged: bool = False  # any configure so far
    decorated: bool = False
    minimized: bool = False
    full: bool = False  # its content is maximised or fullscreen
    normal: tuple[int, int] = (0, 0)
    # the interactive resize
    resize_next_ns: int = 0  # 0: none
    resize_step: int = 0
    resize_steps: int = 0
    resize_size: tuple[int, int] = (0, 0)
    resize_events: frozenset[int] = NO_EVENTS
    offer: Offer | None = None  # of what it copied


@dataclass(slots=True)
class Seat:
    """What the compositor knows of one client."""

    client: Process
    surfaces: dict[bool, Surface] = field(default_factory=dict)  # by "secondary"
    bound: bool = False
    owes_pong_since: int | None = None
    entered: bool = False  # the pointer is in its window
    typed: bool = False  # it has the keyboard
    inputs: int = 0
    next_input_ns: int = 0
    next_step_ns: int = 0  # of the drag that it started
    queued_inputs: deque[tuple[int, int]] = field(default_factory=deque)  # (scheduled, queued) without reaction yet
    carried_inputs: list[int] = field(default_factory=list)  # scheduled times that a commit not yet painted answers
    pipe_full: bool = False
    drag_peer: Process | None = None
    drag_source: Process | None = None
    toplevel: Toplevel = field(default_factory=Toplevel)
    forgotten_pages: int = 0  # of shared memory that only the frame on screen still holds
