"""A Unix socket that connects gdb to QEMU's gdb stub. Knows the framing of gdb's remote protocol, but no guest.

When the guest pauses at a rendezvous with the host, the stub reports a stop by an unknown signal. gdb would take that
as the end of a `continue`, although the host resumes the guest. Such reports are acknowledged here and not forwarded.
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
"""QEMU arguments; `<gdb>` is the descriptor of `Debugger.stub`."""
_CHUNK: Final = 1 << 16
_RENDEZVOUS_STOP: Final = b"$T8f"
"""A stop by signal 143, gdb's number for an unknown signal."""


class Filter:
    """A filter for the stub's output, in pieces of any size, that drops the packets of rendezvous stops."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """Takes the next piece; returns (bytes to forward, number of dropped packets)."""
        self._rest += data
        forwarded, dropped = b"", 0
        while self._rest:
            start = self._rest.find(b"$")
            if start != 0:
                end = len(self._rest) if start < 0 else start
                forwarded, self._rest = forwarded + self._rest[:end], self._rest[end:]
                continue
            end = self._rest.find(b"#") + 3
            if end < 3 or end > len(self._rest):
                break
            packet, self._rest = self._rest[:end], self._rest[end:]
            if packet.startswith(_RENDEZVOUS_STOP):
                dropped += 1
            else:
                forwarded += packet
        return forwarded, dropped


class Debugger:
    """An async context manager: inside it gdb can connect to the socket at `path`, one client at a time, repeatedly.

    Entering raises `BadInput` when the socket cannot be created. Leaving removes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._gdb: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        if self.path.exists():
            raise BadInput(f"{self.path}: exists already; remove it, or choose another path for the debugger's socket")
        ours, self.stub = socket.socketpair()
        self._reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self.path)
        except OSError as error:
            self._writer.close()
            self.stub.close()
            raise BadInput(f"{self.path}: no socket for the debugger: {error.strerror or error}") from None
        self._answers = asyncio.create_task(self._forward_answers())
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
        with suppress(ConnectionError, asyncio.CancelledError):  # asyncio would print the exception
            while data := await reader.read(_CHUNK):
                self._writer.write(data)
                await self._writer.drain()
        self._gdb = None
        writer.close()

    async def _forward_answers(self) -> None:
        answers = Filter()
        with suppress(ConnectionError):
            while data := await self._reader.read(_CHUNK):
                forwarded, dropped = answers.feed(data)
                self._writer.write(b"+" * dropped)
                if self._gdb is not None:
                    self._gdb.write(forwarded)
        if self._gdb is not None:
            self._gdb.close()
