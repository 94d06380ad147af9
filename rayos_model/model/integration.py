"""Markers of integration scenarios: milestones and checks from counters (kernel/experiment/integration.c)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rayos_model.contract.abi import Action, ScenarioKind
from rayos_model.contract.image import Image


@dataclass(slots=True)
class Counters:
    """What parts of the machine count, so that they can be held against each other."""

    windows_mapped: int = 0
    windows_unmapped: int = 0
    clients_connected: int = 0
    clients_closed: int = 0
    buffers_busy: int = 0
    buffers_free: int = 0
    frames_painted: int = 0
    frames_shown: int = 0
    callbacks_made: int = 0
    callbacks_ended: int = 0
    input_produced: int = 0
    input_delivered: int = 0
    input_coalesced: int = 0
    configures_sent: int = 0
    configures_settled: int = 0
    pipe_in: int = 0
    pipe_out: int = 0
    pipe_dropped: int = 0
    themes_sent: int = 0
    themes_followed: int = 0


class Integration:
    """Follows the timeline's events from their time to the screen; `say` writes a marker."""

    def __init__(self, image: Image, say: Callable[..., None]) -> None:
        self.counters = Counters()
        self.events = image.events
        self._settings = image.settings
        self._clients = image.client_count
        self._prints = image.settings.kind == ScenarioKind.INTEGRATION
        self._say = say
        self.mark: Callable[[int], None] = lambda number: None
        """Records the time of a marker, by its number."""
        self._markers = 0
        self.printed: list[int] = []  # letters of the event's name, of milestones whose printing is not accounted yet
        self._shown: set[int] = set()
        self._begun: set[int] = set()
        self._complete: set[int] = set()
        self._expected: dict[int, set[int]] = {index: set() for index in range(len(image.events))}
        self._untaken: dict[int, set[int]] = {}  # by client: events it has not reacted to yet
        self._abandoned: set[int] = set()

    def _print(self, *fields: object) -> None:
        if self._prints:
            self.mark(self._markers)
            self._markers += 1
            self._say(*fields)

    def start(self) -> None:
        """The scenario's time is 0."""
        self._print("RAYOS_INTEGRATION:SCENARIO_START", self._settings.name)

    def window_shown(self, client: int) -> None:
        """A client's main window is on screen."""
        if client in self._shown:
            return
        self._shown.add(client)
        if len(self._shown) == self._clients:
            self._print("RAYOS_INTEGRATION:MILESTONE", "all windows shown")
            self._account("")

    # ---- the timeline --------------------------------------------------------------------------

    def begin(self, index: int, clients: Iterable[int]) -> None:
        """An event's time has come; it concerns these clients."""
        self._begun.add(index)
        self._milestone(index, "started")
        for client in clients:
            self._expected[index].add(client)
            self._untaken.setdefault(client, set()).add(index)

    def awaits(self, client: int, action: Action) -> bool:
        """Whether a client has not reacted yet to an event of a kind."""
        return any(self.events[index].action == action for index in self._untaken.get(client, ()))

    def take(self, client: int, action: Action) -> frozenset[int]:
        """The events of a kind that a client has not reacted to yet: now it does."""
        untaken = self._untaken.get(client)
        if not untaken:
            return frozenset()
        taken = frozenset(index for index in untaken if self.events[index].action == action)
        untaken -= taken
        return taken

    def done(self, client: int, events: Iterable[int]) -> None:
        """What these events wanted of a client is on screen."""
        for index in events:
            self._expected[index].discard(client)
            self.settle(index)

    def closed(self, client: int) -> None:
        """A client's connection is closed: that is what a close event wants."""
        self._untaken.pop(client, None)
        pending = [index for index, clients in self._expected.items() if client in clients]
        self._abandoned.update(index for index in pending if self.events[index].action != Action.CLOSE)
        self.done(client, pending)

    def settle(self, index: int) -> None:
        """Says so when an event has nothing left to wait for."""
        if index not in self._complete and not self._expected[index]:
            self._complete.add(index)
            self._milestone(index, "complete")

    def _milestone(self, index: int, what: str) -> None:
        name = Action(self.events[index].action).name.lower()
        self._print("RAYOS_INTEGRATION:MILESTONE", f"{name} {index} {what}")
        self._account(name)

    def _account(self, name: str) -> None:
        if self._prints:
            self.printed.append(len(name))

    # ---- the checks ----------------------------------------------------------------------------

    def finish(self, all_left: bool, leaked_pages: int) -> bool:
        """Prints the checks and the verdict, which it returns; nothing in scenarios of another kind."""
        if not self._prints:
            return True
        c = self.counters
        duration = self._settings.duration_ns
        checks = {
            "windows": c.windows_mapped == c.windows_unmapped and len(self._shown) == self._clients,
            "clients": c.clients_connected == c.clients_closed and all_left,
            "memory": leaked_pages == 0,
            "buffers": c.buffers_busy == c.buffers_free,
            "frames": 0 <= c.frames_painted - c.frames_shown <= 1 and c.callbacks_made == c.callbacks_ended,
            "input": c.input_produced == c.input_delivered + c.input_coalesced,
            "configures": c.configures_sent == c.configures_settled,
            "transfers": c.pipe_in == c.pipe_out + c.pipe_dropped,
            "theme": c.themes_sent == c.themes_followed,
            "timeline": not self._abandoned
            and all(
                index in self._complete or (index not in self._begun and event.at_ns >= duration)
                for index, event in enumerate(self.events)
            ),
        }
        for check, holds in checks.items():
            self._print("RAYOS_INTEGRATION:VERIFY", check, "pass" if holds else "fail")
        passed = all(checks.values())
        self._print("RAYOS_INTEGRATION:SCENARIO_COMPLETE", self._settings.name, "pass" if passed else "fail")
        return passed
