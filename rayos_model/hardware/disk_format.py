"""The on-disk format of `docs/explanation/store.md`, read and verified without the kernel. Must not know the
kernel's code.

`format_image` makes an empty disk. `read_store` reads one and checks every block. `verify_stress` and `verify_work`
check that everything whose flush was acknowledged is on the disk.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rayos_model.contract.abi import BLOCK_BYTES, NAME_BYTES, RECORD_BYTES, STRESS_SLOTS
from rayos_model.errors import BadInput

MAGIC: Final = int.from_bytes(b"RAYBLOCK", "little")
VERSION: Final = 1
RECORD, TOMBSTONE, SUPERBLOCK = 1, 2, 3
GENERATION_MAX = (1 << 63) - 1

_HEADER: Final = struct.Struct(f"<3Q4I{NAME_BYTES}s")
_BLOCK: Final = np.dtype(
    [
        *[("magic", "<u8"), ("checksum", "<u8"), ("generation", "<u8"), ("block", "<u4"), ("kind", "<u4")],
        *[("length", "<u4"), ("reserved", "<u4"), ("name", f"S{NAME_BYTES}"), ("data", "u1", RECORD_BYTES)],
    ]
)
_STRESS_NAME: Final = re.compile(rb"s(\d{4})\.(\d{4})")
_DURABLE: Final = re.compile(r"RAYOS_DIAG:durable:client (\d+) tag (\d+)$")
_CHUNK: Final = 4096
"""Blocks verified together: 16 MiB."""

Blocks = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Record:
    """The latest version of a record: its generation, block number and content."""

    generation: int
    block: int
    data: bytes


@dataclass(slots=True)
class Store:
    """The content of an image, by block and by record.

    `torn` blocks contain no whole version: an interrupted write leaves them, and recovery skips them. `misplaced`
    blocks are whole but carry the number of another block, which only a bug causes.
    """

    blocks: int
    used: int = 0
    torn: list[int] = field(default_factory=list)
    misplaced: list[int] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)
    """Whole blocks, of any version, whose content differs from what the stressor they name wrote."""
    generation: int = 0
    records: dict[str, Record] = field(default_factory=dict)


def checksums(blocks: Blocks) -> NDArray[np.uint64]:
    """FNV-1a over the 64-bit words of each block after its checksum."""
    words = np.ascontiguousarray(blocks).view("<u8").reshape(len(blocks), BLOCK_BYTES // 8)
    sums = np.full(len(blocks), 0xCBF29CE484222325, np.uint64)
    prime = np.uint64(0x100000001B3)
    for column in np.ascontiguousarray(words[:, 2:].T):
        np.bitwise_xor(sums, column, out=sums)
        np.multiply(sums, prime, out=sums)
    return sums


def format_image(path: Path, mb: int) -> None:
    """Makes an empty disk of `mb` MiB: a superblock and a sparse rest. Raises `OSError`."""
    blocks = (mb << 20) // BLOCK_BYTES
    page = bytearray(BLOCK_BYTES)
    _HEADER.pack_into(page, 0, MAGIC, 0, 0, 0, SUPERBLOCK, 8, 0, b"")
    struct.pack_into("<2I", page, _HEADER.size, VERSION, blocks)
    sums = checksums(np.frombuffer(page, _BLOCK))
    struct.pack_into("<Q", page, 8, int(sums[0]))
    with path.open("wb") as file:
        file.write(page)
        file.truncate(blocks * BLOCK_BYTES)


def read_store(path: Path, seed: int | None = None) -> Store:
    """Reads an image and checks every block.

    With the `seed` of the scenario the content of blocks written by disk stressors is checked too. Raises `BadInput`
    when the file contains no store.
    """
    try:
        image = np.memmap(path, _BLOCK, "r")
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read as a disk: {error}") from None
    super_block = image[:1]
    version, blocks = struct.unpack_from("<2I", super_block["data"].tobytes())
    good = super_block["magic"][0] == MAGIC and super_block["kind"][0] == SUPERBLOCK
    good &= checksums(super_block)[0] == super_block["checksum"][0]
    if not good or (version, blocks) != (VERSION, len(image)):
        raise BadInput(f"{path}: not a store: no superblock of version {VERSION} for {len(image)} blocks")
    store = Store(blocks)
    latest: dict[bytes, tuple[int, int, int]] = {}
    for first in range(1, len(image), _CHUNK):
        part = image[first : first + _CHUNK]
        there = np.flatnonzero(part["magic"])
        part = part[there]
        numbers = first + there
        whole = (part["magic"] == MAGIC) & (checksums(part) == part["checksum"])
        whole &= (part["length"] <= RECORD_BYTES) & np.isin(part["kind"], (RECORD, TOMBSTONE))
        whole &= (part["generation"] >= 1) & (part["generation"] <= GENERATION_MAX)
        in_place = part["block"] == numbers
        store.used += len(part)
        store.torn += numbers[~whole].tolist()
        store.misplaced += numbers[whole & ~in_place].tolist()
        if seed is not None:
            store.wrong += numbers[whole & ~_stress_content_good(part, seed)].tolist()
        for row in np.flatnonzero(whole & in_place):
            entry = int(part["generation"][row]), int(numbers[row]), int(part["kind"][row])
            name = bytes(part["name"][row])
            latest[name] = max(latest.get(name, entry), entry)
    for name, (generation, block, kind) in latest.items():
        store.generation = max(store.generation, generation)
        if kind == RECORD:
            row = image[block]
            data = row["data"].tobytes()[: int(row["length"])]
            store.records[name.decode("ascii", "replace")] = Record(generation, block, data)
    return store


class DurableLog:
    """The number of acknowledged puts of each stressor, read from console lines."""

    def __init__(self) -> None:
        self.puts: dict[int, int] = {}

    def line(self, line: str) -> None:
        """Reads one line; lines other than acknowledgements are ignored."""
        if match := _DURABLE.search(line):
            self.puts[int(match[1])] = int(match[2])


def stress_content(stressor: NDArray[np.uint64], sequence: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """The content of each stressor's `sequence`-th record: one row of 64-bit words for each element."""
    word = np.uint64
    base = sequence * word(0xD1342543DE82EF95) + (stressor << word(32)) + word(seed)
    content: NDArray[np.uint64] = (base[:, None] + np.arange(RECORD_BYTES // 8, dtype=word)).astype(word)
    content *= word(0x9E3779B97F4A7C15)
    content[:, 0] = sequence
    return content


def _stress_content_good(part: Blocks, seed: int) -> NDArray[np.bool_]:
    """Whether each block has the content its stressor wrote; True for blocks of others."""
    good = np.ones(len(part), np.bool_)
    matches = [_STRESS_NAME.fullmatch(name) for name in part["name"].tolist()]
    rows = np.array([row for row, match in enumerate(matches) if match], np.intp)
    if len(rows):
        numbers = np.array([[int(part) for part in match.groups()] for match in matches if match], np.uint64)
        stressor, slot = numbers.T
        data = np.ascontiguousarray(part["data"][rows]).view("<u8")
        same = (data == stress_content(stressor, data[:, 0], seed)).all(axis=1)
        whole = (part["kind"][rows] == RECORD) & (part["length"][rows] == RECORD_BYTES)
        good[rows] = same & whole & (data[:, 0] % np.uint64(STRESS_SLOTS) == slot)
    return good


def verify_work(store: Store, editors: Iterable[int]) -> list[str]:
    """One line for each editor (`kernel/clients/editor.c`) whose saved work was acknowledged and is missing."""
    wrong = []
    for editor in editors:
        record = store.records.get(f"work.{editor:04}")
        expected = (np.arange(RECORD_BYTES // 4, dtype=np.uint32) + np.uint32(editor * 1000003)).tobytes()
        if record is None or record.data != expected:
            wrong.append(f"editor {editor}: saved work was acknowledged and is not there")
    return wrong


def verify_stress(store: Store, durable: Mapping[int, int]) -> list[str]:
    """One line for each fault in the records of the stressors.

    `durable` maps a stressor to the number of its puts that a flush has acknowledged. Each slot must contain the last
    acknowledged put to it, or a later one.
    """
    wrong = [f"block {block}: whole, but of another number" for block in store.misplaced]
    wrong += [f"block {block}: not what the stressor wrote" for block in store.wrong]
    for stressor, puts in durable.items():
        for slot in range(STRESS_SLOTS):
            last = puts - (puts - slot) % STRESS_SLOTS
            record = store.records.get(f"s{stressor:04}.{slot:04}")
            if record is None:
                if last > 0:
                    wrong.append(f"stressor {stressor}: put {last} was acknowledged and is not there")
                continue
            sequence = int.from_bytes(record.data[:8], "little")
            if sequence < last:
                wrong.append(f"stressor {stressor}: put {last} was acknowledged, put {sequence} is there")
    return wrong
