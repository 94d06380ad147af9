"""`contract/abi.py` agrees with `kernel/abi.h`: it is generated, and a C compiler confirms sizes, offsets, values."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from enum import IntEnum

import numpy as np
import pytest

from rayos_model.contract import abi, macros, trace_record
from tests.support import abi_generator
from tests.support.paths import ROOT

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
ENUMS = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(): enum
    for name, enum in vars(abi).items()
    if isinstance(enum, type) and issubclass(enum, IntEnum) and enum is not IntEnum
}


def declaration(header: str, word: str) -> str:
    """The members of an enumeration as the header declares them."""
    body = re.search(rf"enum {HEADER_NAMES.get(word, word)} \{{(.*?)\}};", header, re.S)
    assert body, word
    return re.sub(r"= *[^,}]*", "", re.sub(r"/\*.*?\*/", "", body[1], flags=re.S))


HEADER_NAMES = {"interface": "wayland_interface", "error_code": "error"}


def offsets(layout: struct.Struct, fields: tuple[str, ...]) -> dict[str, int]:
    """Offset of each field of a format; `calcsize` of the part before it."""
    codes = re.findall(r"(\d*)([A-Za-z])", layout.format)
    single = [
        code if code.endswith("s") else code[-1]
        for n, c in codes
        for code in ([n + c] if c == "s" else [c] * int(n or 1))
    ]
    return {name: struct.calcsize("<" + "".join(single[:i])) for i, name in enumerate(fields)}


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
    for word, enum in ENUMS.items():
        names = re.findall(r"\b[A-Z][A-Z0-9_]+\b", declaration(header, word))
        assert all(name.endswith(member) for name, member in zip(names, enum.__members__, strict=True)), word
        expected |= dict(zip(names, map(int, enum), strict=True))
    constants = [name for name in re.findall(r"^#define (\w+) [^\"]*$", header, re.M) if name != "RAYOS_ABI_H"]
    expected |= {name: getattr(abi, name) for name in constants}
    expected["REQUEST_ID(WL_SURFACE, 6)"] = macros.request_id(abi.Interface.WL_SURFACE, 6)
    expected["FAULT_SUBJECT(1023, 7)"] = macros.fault_subject(1023, 7)
    expected["PACK(123, 456)"] = trace_record.pack(123, 456)
    expected["PAINTED(123, 456, 789)"] = trace_record.painted(123, 456, 789)
    expected["QUEUED(123, 456, 789)"] = trace_record.queued(123, 456, 789)

    prints = "\n".join(f'printf("%llu\\n", (unsigned long long)({expression}));' for expression in expected)
    includes = '#include <stddef.h>\n#include <stdio.h>\n#include "abi.h"\n'
    source = f"{includes}int main(void) {{\n{prints}\nputs(IMAGE_MAGIC);\n}}\n"
    *numbers, magic = compile_and_run(source).split()
    assert dict(zip(expected, map(int, numbers), strict=True)) == expected
    assert magic.encode() == abi.IMAGE_MAGIC


def test_the_committed_file_is_what_the_generator_makes(header: str) -> None:
    assert abi_generator.TARGET.read_text() == abi_generator.generate(header), "run `make abi`"


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
