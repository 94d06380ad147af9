"""A campaign: numbered executions of one reader, in worker processes. Execution n of a seed is always the same."""

from __future__ import annotations

import hashlib
import multiprocessing
import random
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rayos_model.toolchain.temporary import temporary_folder
from tests.fuzz.readers import READERS, attempt

_CHUNK: Final = 2000
KEPT: Final = Path("fuzz-failures")


def input_of(name: str, seed: int, number: int, seeds: list[bytes]) -> bytes:
    """The input of execution `number`; the first ones are the seeds themselves."""
    rng = random.Random(int.from_bytes(hashlib.sha256(f"{name} {seed} {number}".encode()).digest()[:8]))
    return seeds[number] if number < len(seeds) else READERS[name].mutate(rng.choice(seeds), rng)


def execute(name: str, seed: int, numbers: range) -> tuple[int, list[tuple[int, str]]]:
    """How many of these executions were accepted, and the failures: number and traceback."""
    reader, seeds, accepted, failures = READERS[name], READERS[name].seeds(), 0, []
    with temporary_folder("fuzz") as folder:
        for number in numbers:
            data = input_of(name, seed, number, seeds)
            try:
                accepted += attempt(reader, data, folder)
            except Exception:
                failures.append((number, traceback.format_exc()))
    return accepted, failures


def _chunk(task: tuple[str, int, int, int]) -> tuple[int, list[tuple[int, str]]]:
    name, seed, first, last = task
    return execute(name, seed, range(first, last))


def _tasks(name: str, seed: int, executions: int) -> Iterator[tuple[str, int, int, int]]:
    for first in range(0, executions, _CHUNK):
        yield name, seed, first, min(first + _CHUNK, executions)


def fuzz(name: str, seed: int, executions: int, jobs: int) -> int:
    """Runs one reader; the number of failures."""
    began, done, accepted, failed = time.monotonic(), 0, 0, 0
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for good, failures in pool.imap_unordered(_chunk, _tasks(name, seed, executions)):
            done, accepted = min(done + _CHUNK, executions), accepted + good
            for number, text in failures:
                failed += 1
                KEPT.mkdir(exist_ok=True)
                (KEPT / f"{name}-{seed}-{number}").write_bytes(input_of(name, seed, number, READERS[name].seeds()))
                if failed <= 3:
                    print(f"{name}: execution {number} of seed {seed}:\n{text}")
            if sys.stdout.isatty():
                print(f"\r{name}: {done} of {executions}", end="", flush=True)
    seconds = time.monotonic() - began
    print(f"\r{name}: {executions} executions, {accepted} accepted, {failed} failures, {seconds:.0f} s", flush=True)
    return failed
