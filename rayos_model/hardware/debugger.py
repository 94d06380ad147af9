"""A Unix socket at which gdb reaches QEMU's stub. Knows gdb's remote protocol as far as its framing, and no guest.

When the machine pauses to meet the host, the stub reports a stop by a signal it cannot name. gdb would take that for
the end of a `continue`, while the host lets the machine run on: such reports are acknowledged here, not handed on.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rayos_model.errors import BadInput

ARGUMENTS: Final = ("-chardev", "socket,id=gdb,fd=<gdb>", "-gdb", "chardev:gdb")
"""QEMU's; `<gdb>` is the descriptor of `Debugger.stub`."""
_CHUNK: Final = 1 << 16
_MEETING: Final = b"$T8f"
"""Stopped by signal 143, which is gdb's number for one it does not know."""


class Filter:
    """What comes from the stub, in any pieces, without the packets that report a meeting."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """What is to be handed on, and how many packets were dropped."""
        self._rest += data
        handed_on, dropped = b"", 0
        while self._rest:
            start = self._rest.find(b"$")
            if start != 0:
                end = len(self._rest) if start < 0 else start
                handed_on, self._rest = handed_on + self._rest[:end], self._rest[end:]
                continue
            end = self._rest.find(b"#") + 3
            if end < 3 or end > len(self._rest):
                break
            packet, self._rest = self._rest[:end], self._rest[end:]
            if packet.startswith(_MEETING):
                dropped += 1
            else:
                handed_on += packet
        return handed_on, dropped


class Debugger:
    """An async context manager: inside it gdb may come to the socket at `path`, one at a time, and leave again.

    Raises `BadInput` at entry when there can be no socket at `path`. The socket is gone afterwards.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._gdb: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        if self.path.exists():
            raise BadInput(f"{self.path}: exists already; remove it, or choose another place for the debugger's socket")
        ours, self.stub = socket.socketpair()
        self._reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self.path)
        except OSError as error:
            self._writer.close()
            self.stub.close()
            raise BadInput(f"{self.path}: no socket for the debugger: {error.strerror or error}") from None
        self._answers = asyncio.create_task(self._hand_on_answers())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._answers.cancel()
        self._server.close()
        for writer in (self._writer, self._gdb):
            if writer is not None:
                writer.close()
        self.stub.close()
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._gdb is not None:
            writer.close()
            return
        self._gdb = writer
        with suppress(ConnectionError, asyncio.CancelledError):  # asyncio prints what ends its callback
            while data := await reader.read(_CHUNK):
                self._writer.write(data)
                await self._writer.drain()
        self._gdb = None
        writer.close()

    async def _hand_on_answers(self) -> None:
        answers = Filter()
        with suppress(ConnectionError):
            while data := await self._reader.read(_CHUNK):
                handed_on, dropped = answers.feed(data)
                self._writer.write(b"+" * dropped)
                if self._gdb is not None:
                    self._gdb.write(handed_on)
        if self._gdb is not None:
            self._gdb.close()
