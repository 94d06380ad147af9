"""Decodes captured wire traffic against the published protocol XML, as strictly as it is written down.

The XML comes as data with the `python-wayland` package, which is not imported: it would look for a compositor.
"""

from __future__ import annotations

import importlib.util
import json
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rayos_model.contract.abi import TraceKind
from rayos_model.contract.trace_record import Records

FIRST_SERVER_ID: Final = 0xFF000000


def published() -> Mapping[str, Any]:
    """Interface → its requests, events and enums."""
    found = importlib.util.find_spec("wayland")
    assert found is not None and found.submodule_search_locations, "python-wayland is not installed"
    path = Path(found.submodule_search_locations[0], "protocols.json")
    protocols: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return protocols


@dataclass(frozen=True, slots=True)
class Traffic:
    """One `send` of a client, or one queue-write to it; or, without data, that the client was started anew."""

    client: int
    to_compositor: bool
    data: bytes | None


def traffic(trace: Records) -> Iterator[Traffic]:
    """What a trace that was made with `abi.TRACE_WIRE` holds, in order."""
    left = 0
    parts: list[int] = []
    for kind, subject, arg in zip(*(trace[name].tolist() for name in ("kind", "subject", "arg")), strict=True):
        if kind == TraceKind.M_CLIENT_CREATED:
            yield Traffic(subject, True, None)
        elif kind in (TraceKind.W_REQUESTS, TraceKind.W_EVENTS):
            if not left:
                size, left, parts = arg, -(-arg // 8), []
                continue
            parts.append(arg)
            left -= 1
            if not left:
                yield Traffic(subject, kind == TraceKind.W_REQUESTS, struct.pack(f"<{len(parts)}Q", *parts)[:size])


class WireError(Exception):
    """The traffic is not what the XML says."""


@dataclass(slots=True)
class Object:
    interface: str
    version: int
    destroyed: bool = False


@dataclass(slots=True)
class Connection:
    """One client's connection: its objects as both directions made them, and what messages were seen."""

    protocols: Mapping[str, Any]
    objects: dict[int, Object] = field(default_factory=lambda: {1: Object("wl_display", 1)})
    seen: Counter[str] = field(default_factory=Counter)

    def feed(self, data: bytes, to_compositor: bool) -> None:
        """Decodes whole messages. Raises `WireError` at the first thing that is not as published."""
        at = 0
        while at < len(data):
            if len(data) - at < 8:
                raise WireError(f"{len(data) - at} bytes are no message")
            identity, word = struct.unpack_from("<2I", data, at)
            size = word >> 16
            if size < 8 or size % 4 or at + size > len(data):
                raise WireError(f"a message of {size} bytes where {len(data) - at} are left")
            self._message(identity, word & 0xFFFF, data[at + 8 : at + size], to_compositor)
            at += size

    def _message(self, identity: int, opcode: int, body: bytes, request: bool) -> None:
        target = self.objects.get(identity)
        if target is None or (request and target.destroyed):
            raise WireError(f"{'request' if request else 'event'} {opcode} for object {identity}, which does not exist")
        messages = self.protocols[target.interface]["requests" if request else "events"]
        message = next((one for one in messages if one["opcode"] == opcode), None)
        if message is None:
            raise WireError(f"{target.interface} has no {'request' if request else 'event'} {opcode}")
        name = f"{target.interface}.{message['name']}"
        if int(message.get("since", 1)) > target.version:
            raise WireError(f"{name} is since version {message['since']}, the object is of version {target.version}")
        values = _Arguments(self, name, target, body, request).read(message["args"])
        self.seen[name] += 1
        if message.get("type") == "destructor":
            target.destroyed = True
            if identity >= FIRST_SERVER_ID:
                del self.objects[identity]
        if name == "wl_display.delete_id":
            gone = self.objects.pop(values[0], None)
            if gone is None or not (gone.destroyed or gone.interface == "wl_callback"):
                raise WireError(f"delete_id of {values[0]}, which is still alive")
        if name == "wl_display.error":
            raise WireError(f"the compositor reports an error: {values}")


class _Arguments:
    """The arguments of one message, taken from its body one by one."""

    def __init__(self, connection: Connection, name: str, target: Object, body: bytes, request: bool) -> None:
        self._connection = connection
        self._name = name
        self._target = target
        self._body = body
        self._request = request
        self._at = 0

    def read(self, arguments: list[Mapping[str, str]]) -> list[Any]:
        values: list[Any] = []
        for argument in arguments:
            values.append(self._one(argument, values))
        if self._at != len(self._body):
            raise WireError(f"{self._name}: {len(self._body) - self._at} bytes are left over")
        return values

    def _word(self, layout: str = "<I") -> int:
        if self._at + 4 > len(self._body):
            raise WireError(f"{self._name}: too short")
        value: int = struct.unpack_from(layout, self._body, self._at)[0]
        self._at += 4
        return value

    def _bytes(self) -> bytes:
        size = self._word()
        padded = (size + 3) // 4 * 4
        data = self._body[self._at : self._at + padded]
        if len(data) != padded or any(data[size:]):
            raise WireError(f"{self._name}: an array or string of {size} bytes is cut off or not padded with zeros")
        self._at += padded
        return data[:size]

    def _string(self) -> str | None:
        data = self._bytes()
        if not data:
            return None
        if data[-1] or 0 in data[:-1]:
            raise WireError(f"{self._name}: a string does not end with its first zero")
        return data[:-1].decode()

    def _one(self, argument: Mapping[str, str], values: list[Any]) -> Any:
        what = f"{self._name}({argument['name']})"
        match argument["type"]:
            case "int":
                return self._word("<i")
            case "fixed":
                return self._word("<i") / 256
            case "uint":
                value = self._word()
                self._check_enum(argument, value, what)
                return value
            case "string":
                text = self._string()
                if text is None and argument.get("allow-null") != "true":
                    raise WireError(f"{what} is null")
                return text
            case "array":
                return self._bytes()
            case "fd":
                return None  # travels beside the bytes
            case "object":
                return self._object(argument, what)
            case "new_id":
                return self._new_id(argument, what, values)
            case other:
                raise WireError(f"{what}: unknown type {other}")

    def _check_enum(self, argument: Mapping[str, str], value: int, what: str) -> None:
        if "enum" not in argument:
            return
        interface, _, name = argument["enum"].rpartition(".")
        enums = self._connection.protocols[interface or self._target.interface]["enums"]
        enum = next(one for one in enums if one["name"] == name)
        known = [int(entry["value"], 0) for entry in enum["args"]]
        union = 0
        for entry in known:
            union |= entry
        if value not in known and (enum.get("bitfield") != "true" or value & ~union):
            raise WireError(f"{what}: {value} is not in {argument['enum']}")

    def _object(self, argument: Mapping[str, str], what: str) -> int:
        identity = self._word()
        if not identity:
            if argument.get("allow-null") != "true":
                raise WireError(f"{what} is null")
            return 0
        found = self._connection.objects.get(identity)
        if found is None or (self._request and found.destroyed):
            raise WireError(f"{what}: object {identity} does not exist")
        if argument.get("interface", found.interface) != found.interface:
            raise WireError(f"{what} is a {found.interface}")
        return identity

    def _new_id(self, argument: Mapping[str, str], what: str, values: list[Any]) -> int:
        """Where the XML names no interface, its name and version stand right before the id."""
        interface, version = argument.get("interface"), self._target.version
        if interface is None:
            interface, version = values[-2:]
        identity = self._word()
        if (identity >= FIRST_SERVER_ID) is self._request or identity in self._connection.objects or not identity:
            raise WireError(f"{what}: id {identity} is taken or of the other side")
        if interface not in self._connection.protocols:
            raise WireError(f"{what}: no interface {interface!r}")
        self._connection.objects[identity] = Object(interface, version)
        return identity
