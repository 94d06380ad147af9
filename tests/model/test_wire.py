"""What travels between clients and compositor is what the published XML says, message by message."""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from rayos_model.contract.abi import TRACE_WIRE, Interface
from rayos_model.hardware import KernelSystem
from rayos_model.harness.integration import SHIPPED
from rayos_model.run.system import execute
from rayos_model.scenario.files import load_shipped
from rayos_model.trace.points import REQUESTS
from tests.support.paths import ROOT
from tests.support.wire import Connection, WireError, published, traffic

PROTOCOLS: Final[Mapping[str, Any]] = published()
LETTERS: Final = {
    "int": "i",
    "uint": "u",
    "fixed": "f",
    "string": "s",
    "object": "o",
    "new_id": "n",
    "array": "a",
    "fd": "h",
}


def signature(message: Mapping[str, Any], events: bool = False) -> str:
    """A message's signature in the letters of kernel/wayland/protocol.h; events have no nulls and no handles there."""
    text = ""
    for argument in message["args"]:
        letter = LETTERS[argument["type"]]
        text += letter.upper() if argument.get("allow-null") == "true" and letter in "so" and not events else letter
    return text


def kernel_requests() -> dict[str, list[tuple[str, str, int]]]:
    """Interface → (name, signature, since) by opcode, from the kernel's own table."""
    text = (ROOT / "kernel" / "wayland" / "protocol.c").read_text().partition("const struct global")[0]
    tables: dict[str, list[tuple[str, str, int]]] = {}
    for part in re.split(r"\[[A-Z_0-9]+\] = ", text)[1:]:
        interface = re.match(r'\{"(\w+)"', part)
        assert interface
        rows = re.findall(r'\{"(\w+)", "(\w*)", (\d+),', part)
        tables[interface[1]] = [(name, letters, int(since)) for name, letters, since in rows]
    return tables


def test_the_kernels_requests_are_the_published_ones() -> None:
    tables = kernel_requests()
    assert {interface.name.lower() for interface in Interface} == set(tables)
    for interface, rows in tables.items():
        known = PROTOCOLS[interface]["requests"]
        for opcode, row in enumerate(rows):
            message = next(one for one in known if one["opcode"] == opcode)
            assert row == (message["name"], signature(message), int(message.get("since", 1))), interface


def test_the_labels_of_requests_are_the_published_names() -> None:
    for interface, names in REQUESTS.items():
        known = PROTOCOLS[interface.name.lower()]["requests"]
        assert (
            list(names) == [message["name"] for message in sorted(known, key=lambda one: one["opcode"])][: len(names)]
        )


def test_the_kernels_events_are_the_published_ones() -> None:
    text = (ROOT / "kernel" / "wayland" / "protocol.c").read_text()
    rows = re.findall(r'\[EVENT_(\w+)\] = \{(\d+), "(\w*)"', text)
    assert len(rows) > 30
    prefixes = {
        "DISPLAY": "wl_display", "REGISTRY": "wl_registry", "CALLBACK": "wl_callback", "SHM": "wl_shm",
        "BUFFER": "wl_buffer", "OFFER": "wl_data_offer", "SOURCE": "wl_data_source", "DEVICE": "wl_data_device",
        "SEAT": "wl_seat", "POINTER": "wl_pointer", "KEYBOARD": "wl_keyboard", "OUTPUT": "wl_output",
        "WM_BASE": "xdg_wm_base", "XDG_SURFACE": "xdg_surface", "TOPLEVEL": "xdg_toplevel",
        "DECORATION": "zxdg_toplevel_decoration_v1",
    }  # fmt: skip
    # On the wire an object, a new id and a fixed number are plain words, a handle takes none.
    words = str.maketrans({"o": "u", "n": "u", "f": "i", "h": ""})
    for name, opcode, letters in rows:
        prefix = max((one for one in prefixes if name.startswith(one + "_")), key=len)
        message = next(one for one in PROTOCOLS[prefixes[prefix]]["events"] if one["opcode"] == int(opcode))
        assert letters == signature(message, events=True).translate(words), (name, message["name"])


@pytest.mark.parametrize("name", SHIPPED)
def test_the_traffic_of_a_scenario_decodes_in_both_directions(name: str, tmp_path: Path) -> None:
    run = execute(KernelSystem(trace_points=TRACE_WIRE), load_shipped(name), tmp_path / "run")
    connections: dict[int, Connection] = {}
    seen: Counter[str] = Counter()
    for one in traffic(run.trace()):
        if one.data is None:
            connections[one.client] = Connection(PROTOCOLS, seen=seen)
        else:
            connections[one.client].feed(one.data, one.to_compositor)
    assert len(connections) == run.scenario.client_count
    for message in ("wl_surface.commit", "wl_callback.done", "wl_display.delete_id", "xdg_surface.ack_configure"):
        assert seen[message] >= run.scenario.client_count
    for connection in connections.values():
        left = {one.interface for one in connection.objects.values() if not one.destroyed}
        assert left <= {"wl_display", "wl_registry", "wl_compositor", "wl_shm", "wl_data_device_manager", "wl_callback"}


# ---- that the decoder notices ------------------------------------------------------------------


def message(identity: int, opcode: int, *words: int) -> bytes:
    return struct.pack(f"<{2 + len(words)}I", identity, (8 + 4 * len(words)) << 16 | opcode, *words)


@pytest.mark.parametrize(
    ("data", "to_compositor", "why"),
    [
        (message(7, 0), True, "does not exist"),
        (message(1, 9), True, "no request 9"),
        (message(1, 0), True, "too short"),
        (message(1, 0, 2, 3), True, "left over"),
        (message(1, 0, 0xFF000001), True, "other side"),
        (message(1, 1, 5), False, "still alive"),
        (message(1, 0, 2)[:6], True, "no message"),
        (struct.pack("<3I", 1, 6 << 16, 2), True, "a message of 6 bytes"),
    ],
)
def test_traffic_that_is_not_as_published_is_noticed(data: bytes, to_compositor: bool, why: str) -> None:
    with pytest.raises(WireError, match=why):
        Connection(PROTOCOLS).feed(data, to_compositor)
