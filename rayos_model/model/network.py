"""The remote display session and the network below it (docs/explanation/remote-display.md), without the pictures.

It must not know why a link is cut.
"""

from __future__ import annotations

from typing import Final

from rayos_model.contract.abi import Detection, NetSide, ThreadId, TraceKind
from rayos_model.contract.image import Network as NetworkImage
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import BLOCK, Body, Thread
from rayos_model.model.service_times import AT_BLOCK, CostModel, Point

NETWORK_PRIORITY: Final = 19
CELLS: Final = 24 * 14
ANSWER_BYTES: Final = 28
UPDATE_BYTES: Final = ANSWER_BYTES + 4 * CELLS
"""Sizes of the two frames; kernel/remote/message.h."""
_LINK: Point = ("link",)
_NOTHING: Final = 0


class Network:
    """The network thread: the server's side and the remote display's, and what is on its way between them."""

    def __init__(self, core: Core, image: NetworkImage, costs: CostModel) -> None:
        self._core = core
        self._image = image
        self._flow = core.flow(costs, ThreadId.NETWORK, ("start",))
        self._cut: NetSide | None = None
        self._news = False  # of the server's own link
        self._arrives: dict[NetSide, int] = {}
        self._under_way: dict[NetSide, int] = {}  # side -> bytes that it will find
        self._sequence = 0
        self._next_ns = image.heartbeat_ns
        self._sent_ns = 0
        self._heard_ns = 0
        self._lost = False
        self.thread = Thread(ThreadId.NETWORK, "network", NETWORK_PRIORITY, self._body())

    def link(self, side: NetSide, *, up: bool) -> None:
        """The link of one side is cut, or joined again."""
        self._cut = None if up else side
        if side is NetSide.SERVER:
            self._news = True
            self._core.processor.wake(self.thread)

    def _send(self, side: NetSide, size: int, now: int) -> int:
        other = NetSide.REMOTE if side is NetSide.SERVER else NetSide.SERVER
        self._arrives[other] = now + self._image.latency_ns
        if self._cut is None:
            self._under_way[other] = size
        return self._flow.to((f"net_send.{side.name.lower()}",))

    def _lose(self, how: Detection) -> None:
        failures = self._core.failures
        if not self._lost and failures.detector_on(how):
            self._lost = True
            failures.session_lost(how)

    def _take(self, side: NetSide, now: int) -> Body:
        size = self._under_way.pop(side, _NOTHING)
        if not size:
            del self._arrives[side]
        yield self._flow.to((f"net_receive.{side.name.lower()}", size))
        if size and side is NetSide.REMOTE:
            yield self._send(NetSide.REMOTE, ANSWER_BYTES, now)
        elif size:
            self._heard_ns = now
            self._core.measure(TraceKind.M_REMOTE_UPDATE, self._sequence, now - self._sent_ns, ThreadId.NETWORK)
            if self._lost:
                self._lost = False
                self._core.failures.session_in_step()

    @property
    def _timeout_ns(self) -> int | None:
        watched = not self._lost and self._core.failures.detector_on(Detection.HEARTBEAT)
        return self._heard_ns + self._image.timeout_ns if watched else None

    def _body(self) -> Body:
        processor, thread, flow = self._core.processor, self.thread, self._flow
        while True:
            now = processor.now
            due = next(
                (side for side in (NetSide.REMOTE, NetSide.SERVER) if self._arrives.get(side, now + 1) <= now), None
            )
            timeout = self._timeout_ns
            if self._news:
                self._news = False
                if self._cut is NetSide.SERVER:
                    self._lose(Detection.LINK_DOWN)
                yield flow.to(_LINK)
            elif due is not None:
                yield from self._take(due, now)
            elif self._next_ns <= now:
                self._sequence += 1
                self._sent_ns = now
                while self._next_ns <= now:
                    self._next_ns += self._image.heartbeat_ns
                yield self._send(NetSide.SERVER, UPDATE_BYTES, now)
            elif timeout is not None and timeout <= now:
                self._lose(Detection.HEARTBEAT)
                yield flow.to(_LINK)
            else:
                times = [*self._arrives.values(), self._next_ns]
                thread.deadline = min(times if timeout is None else [*times, timeout])
                thread.trailing = flow.to(AT_BLOCK)
                yield BLOCK
