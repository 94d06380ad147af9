"""A client that copies to the clipboard and pastes from it."""

from __future__ import annotations

from collections import deque
from typing import Final

from rayos_model.contract.abi import PIPE_BYTES, RECORD_BYTES, BatchTag, Workload
from rayos_model.contract.image import Group
from rayos_model.model.clients.periodic import Periodic
from rayos_model.model.core import Core
from rayos_model.model.cpu.thread import BLOCK, Body
from rayos_model.model.disk.calls import Call, get, put
from rayos_model.model.ipc import wire
from rayos_model.model.ipc.pipe import Offer, Pipe, Selected, Wanted
from rayos_model.model.ipc.wire import Batch, EventKind
from rayos_model.model.service_times import AT_BLOCK

PASTE_AGAIN_NS: Final = 20_000_000
PASTE_TRIES: Final = 64


class Clipboard(Periodic):
    """Clients of even place in their group copy each gap, in three types; the next client pastes all of them."""

    workload = Workload.CLIPBOARD

    def __init__(self, core: Core, group: Group, identity: int, generation: int, end_ns: int) -> None:
        super().__init__(core, group, identity, generation, end_ns)
        self._copies = (identity - group.first_client) % 2 == 0
        self._source = False
        self._cancelled: deque[bool] = deque()  # True: the selection itself, False: the one before
        self._old = False
        self._sent = 0
        self._wanted: Wanted | None = None
        self._offers: deque[Offer] = deque()
        self._pipe: Pipe | None = None
        self._mime = 0
        self._kept = False  # what it copies is in the store
        self._paste_ns = 0  # not before
        self._cut_short = 0  # times in a row

    def frame(self, now: int) -> None:
        if self._copies:
            super().frame(now)

    def event(self, kind: EventKind, now: int) -> None:
        if isinstance(kind, Selected):
            self._offers.append(kind.offer)
        elif isinstance(kind, Wanted):
            self._wanted = kind
        elif kind.name in ("copy_replaced", "copy_refused"):
            self._cancelled.append(kind.name == "copy_refused")

    def due(self) -> int | None:
        if self._wanted or self._cancelled:
            return 0
        return self._paste_ns if self._offers else self.next_ns

    def act(self) -> Body:
        if self._wanted is not None:
            yield from self._write(self._wanted)
        elif self._cancelled:
            yield from self._discard()
        elif self._offers:
            yield from self._paste_next()
        else:
            yield from self._copy()

    def leave_batch(self) -> Batch:
        sources = self._old + self._source
        return (
            super()
            .leave_batch()
            .after(("wl_data_source.destroy",) * sources + ("wl_data_offer.destroy",) * len(self._offers))
        )

    def _copy(self) -> Body:
        self.advance()
        if self._source and self._sent < len(wire.MIME_BYTES):
            return
        if not self._kept and not (yield from self._keep()):
            return
        self._old, self._source, self._sent = self._source, True, 0
        yield from self.send(BatchTag.COPY)

    def _keep(self) -> Call:
        """Puts what it copies into the store, a record a piece."""
        disk = self.core.disk
        for piece in range(-(-self._bytes_of(len(wire.MIME_BYTES) - 1) // RECORD_BYTES) if disk else 0):
            assert disk is not None
            if not (yield from put(self, disk, (self.id, piece))):
                return False
        self._kept = True
        return True

    def _discard(self) -> Body:
        if self._cancelled.popleft():
            self._source = False
        else:
            self._old = False
        yield from self.send(BatchTag.COPY_DONE)

    def _bytes_of(self, mime: int) -> int:
        return max(1, self.group.transfer_bytes >> 2 * (len(wire.MIME_BYTES) - 1 - mime))

    def _write(self, wanted: Wanted) -> Body:
        whole = yield from self._write_pieces(wanted)
        yield self.flow.to(("close",))
        wanted.pipe.close(whole=whole)
        self._wanted = None
        self._sent += whole

    def _write_pieces(self, wanted: Wanted) -> Call:
        disk, pipe, left = self.core.disk, wanted.pipe, self._bytes_of(wanted.mime)
        pipe.writer = self.thread
        piece = 0
        while left > 0:
            if disk is not None and not (yield from get(self, disk, (self.id, piece))):
                return False
            size = rest = min(left, RECORD_BYTES if disk else PIPE_BYTES)
            while pipe.used + rest > PIPE_BYTES:
                if room := PIPE_BYTES - pipe.used:
                    pipe.put(room)
                    rest -= room
                yield from self._block()
            yield self.flow.to(("pipe_write", size))
            pipe.put(rest)
            left -= size
            piece += 1
        return True

    def _paste_next(self) -> Body:
        if self._pipe is not None:
            whole = yield from self._read(self._pipe)
            self._pipe = None
            self._cut_short = 0 if whole else self._cut_short + 1
            if not whole and len(self._offers) == 1 and self._cut_short < PASTE_TRIES:
                self._paste_ns = self.core.processor.now + PASTE_AGAIN_NS
                return
            self._cut_short = 0
            self._mime = self._mime + 1 if whole else len(wire.MIME_BYTES)
        if self._mime < len(wire.MIME_BYTES):
            self._pipe = Pipe(self.core)
            cost = self.flow.to(("pipe",))
            yield from self.send(
                BatchTag.PASTE,
                before=cost,
                batch=wire.PASTES[self._mime],
                detail=(self._offers[0], self._mime, self._pipe),
            )
            yield self.flow.to(("close",))
            return
        self._offers.popleft()
        self._mime = 0
        yield from self.send(BatchTag.PASTE_DONE)

    def _read(self, pipe: Pipe) -> Call:
        """Reads it to its end; whether that was whole."""
        pipe.reader = self.thread
        while True:
            while not pipe.used and pipe.open:
                yield from self._block()
            size = pipe.used
            yield self.flow.to(("pipe_read", size))
            if not size:
                break
            pipe.take()
        yield self.flow.to(("close",))
        return pipe.whole

    def _block(self) -> Body:
        self.thread.deadline = None
        self.thread.trailing = self.flow.to(AT_BLOCK)
        yield BLOCK
