"""`rayos_model/abi.py` says what `kernel/abi.h` says: sizes, offsets, values."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from enum import IntEnum

import numpy as np
import pytest

from rayos_model.contract import abi, trace_record
from tests.conftest import ROOT

STRUCTS = {
    "image_header": (abi.IMAGE_HEADER, abi.IMAGE_HEADER_FIELDS),
    "image_settings": (abi.IMAGE_SETTINGS, abi.IMAGE_SETTINGS_FIELDS),
    "image_load": (abi.IMAGE_LOAD, abi.IMAGE_LOAD_FIELDS),
    "image_disk": (abi.IMAGE_DISK, abi.IMAGE_DISK_FIELDS),
    "image_network": (abi.IMAGE_NETWORK, abi.IMAGE_NETWORK_FIELDS),
    "image_group": (abi.IMAGE_GROUP, abi.IMAGE_GROUP_FIELDS),
    "image_fault": (abi.IMAGE_FAULT, abi.IMAGE_FAULT_FIELDS),
    "image_event": (abi.IMAGE_EVENT, abi.IMAGE_EVENT_FIELDS),
    "trace_header": (abi.TRACE_HEADER, abi.TRACE_HEADER_FIELDS),
    "client_config": (abi.CLIENT_CONFIGURATION, abi.CLIENT_CONFIGURATION_FIELDS),
}
ENUMS: dict[str, tuple[type[IntEnum], str]] = {
    "scenario_kind": (abi.ScenarioKind, "KIND_"),
    "workload": (abi.Workload, "WORKLOAD_"),
    "action": (abi.Action, "ACTION_"),
    "provocation": (abi.Provocation, "PROVOKE_"),
    "fault_kind": (abi.FaultKind, "FAULT_"),
    "detection": (abi.Detection, "DETECTED_"),
    "net_side": (abi.NetSide, "NET_"),
    "host_request": (abi.HostRequest, "HOST_"),
    "disk_refusal": (abi.DiskRefusal, "REFUSE_"),
    "report": (abi.Report, "REPORT_"),
    "run_state": (abi.RunState, "STATE_"),
    "thread_id": (abi.ThreadId, "THREAD_"),
    "trace_kind": (trace_record.TraceKind, ""),
    "wayland_interface": (abi.Interface, ""),
    "batch_tag": (abi.BatchTag, "TAG_"),
    "syscall": (abi.Syscall, "SYS_"),
}
CONSTANTS = (
    *("ABI_VERSION", "QUANTILES", "TRACE_HEADER_PHYS", "TRACE_MAGIC", "BATCH_BYTES", "PIPE_BYTES", "MAX_HANDLES"),
    *("MAX_CLIENTS", "MAX_MUTEXES", "VARIANT_ANY", "FAULT_TARGET_HEAP", "LOAD_STEPS", "CLIENT_TEXT", "CLIENT_CONFIG"),
    *("CLIENT_TABLES", "CLIENT_SHM", "CLIENT_STACK_TOP", "CLIENT_MEMORY", "NAME_BYTES", "RECORD_BYTES", "STRESS_SLOTS"),
    *("STRESS_FLUSH_EVERY", "STORE_RECORD_BYTES", "PLACE_BYTES", "BUFFER_BYTES", "BLOCK_BYTES", "COMPUTE_TURN_NS"),
    *("MAX_EVENTS", "TRACE_WIRE", "CLIENT_EVENTS", "FAULT_TARGET_NETWORK", "FAULT_TARGET_DISK"),
)


def offsets(layout: struct.Struct, fields: tuple[str, ...]) -> dict[str, int]:
    """Offset of each field of a format; `calcsize` of the part before it."""
    codes = re.findall(r"(\d*)([A-Za-z])", layout.format)
    single = [
        code if code.endswith("s") else code[-1]
        for n, c in codes
        for code in ([n + c] if c == "s" else [c] * int(n or 1))
    ]
    return {name: struct.calcsize("<" + "".join(single[:i])) for i, name in enumerate(fields)}


def members(text: str, enum: str) -> list[str]:
    body = re.search(rf"enum {enum} \{{(.*?)\}};", text, re.S)
    assert body, enum
    return re.findall(r"\b([A-Z][A-Z0-9_]+)\b", re.sub(r"/\*.*?\*/|=[^,}]*", "", body[1], flags=re.S))


@pytest.fixture
def header() -> str:
    return (ROOT / "kernel" / "abi.h").read_text()


def test_the_mirror_agrees_with_the_header(header: str, compile_and_run: Callable[..., str]) -> None:
    expected: dict[str, int] = {}
    for name, (layout, fields) in STRUCTS.items():
        expected[f"sizeof(struct {name})"] = layout.size
        for field, offset in offsets(layout, fields).items():
            expected[f"offsetof(struct {name}, {field})"] = offset
    expected["sizeof(struct trace_record)"] = trace_record.TRACE_DTYPE.itemsize
    assert trace_record.TRACE_DTYPE.fields is not None
    for field, description in trace_record.TRACE_DTYPE.fields.items():
        expected[f"offsetof(struct trace_record, {field})"] = description[1]
        expected[f"sizeof(((struct trace_record *)0)->{field})"] = description[0].itemsize
    for enum, prefix in ENUMS.values():
        expected |= {prefix + member.name: member.value for member in enum}
    expected |= {name: getattr(abi, name) for name in CONSTANTS}
    expected["REQUEST_ID(WL_SURFACE, 6)"] = abi.request_id(abi.Interface.WL_SURFACE, 6)
    expected["FAULT_SUBJECT(1023, 7)"] = abi.fault_subject(1023, 7)
    expected["PACK(123, 456)"] = trace_record.pack(123, 456)
    expected["PAINTED(123, 456, 789)"] = trace_record.painted(123, 456, 789)
    expected["QUEUED(123, 456, 789)"] = trace_record.queued(123, 456, 789)

    prints = "\n".join(f'printf("%llu\\n", (unsigned long long)({expression}));' for expression in expected)
    includes = '#include <stddef.h>\n#include <stdio.h>\n#include "abi.h"\n'
    source = f"{includes}int main(void) {{\n{prints}\nputs(IMAGE_MAGIC);\n}}\n"
    *numbers, magic = compile_and_run(source).split()
    assert dict(zip(expected, map(int, numbers), strict=True)) == expected
    assert magic.encode() == abi.IMAGE_MAGIC


@pytest.mark.parametrize("enum", ENUMS)
def test_no_member_of_an_enumeration_is_missing(header: str, enum: str) -> None:
    mirror, prefix = ENUMS[enum]
    assert members(header, enum) == [prefix + member.name for member in mirror]


def test_no_field_of_a_struct_is_missing(header: str) -> None:
    for name, (_, fields) in STRUCTS.items():
        body = re.search(rf"struct {name} \{{(.*?)\n\}};", header, re.S)
        assert body
        declared = re.findall(r"^\s*(?:u8|u16|u32|u64|i32|i64|char) (\w+)", body[1], re.M)
        assert tuple(declared) == fields


def test_pack_and_unpack_are_inverse() -> None:
    assert trace_record.unpack(trace_record.pack(0xDEADBEEF, 7)) == (0xDEADBEEF, 7)
    work = 0xABCDEF0, 0x3EDCBA, 0x3FF1
    assert (
        tuple(int(size[0]) for size in trace_record.unpack_painted(np.array([trace_record.painted(*work)], np.uint64)))
        == work
    )
    write = abi.BATCH_BYTES, 300, 0xDEADBEEF
    assert (
        tuple(int(size[0]) for size in trace_record.unpack_queued(np.array([trace_record.queued(*write)], np.uint64)))
        == write
    )
