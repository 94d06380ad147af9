"""Companions of `abi.py`: the header's macros as functions, the image's fw_cfg name, the page size, struct reading."""

from __future__ import annotations

import struct
from typing import Any, Final

FW_CFG_SCENARIO: Final = "opt/rayos/scenario"
"""Name under which QEMU's fw_cfg device offers the scenario image."""

PAGE_KB: Final = 4
"""Size of a memory page, kB (1 kB = 1024 bytes)."""


def request_id(interface: int, opcode: int) -> int:
    """`REQUEST_ID`: an interface and an opcode of its published XML as one number."""
    return interface << 8 | opcode


def fault_subject(target: int, kind: int) -> int:
    """`FAULT_SUBJECT`: the target (a client id, or `FAULT_TARGET_…`) and kind of a fault as one number."""
    return target | kind << 16


def as_dict(layout: struct.Struct, fields: tuple[str, ...], data: bytes, offset: int = 0) -> dict[str, Any]:
    """One C struct as field name → value. Raises `struct.error` when `data` is too short."""
    return dict(zip(fields, layout.unpack_from(data, offset), strict=True))
