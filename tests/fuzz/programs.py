"""The kernel's readers in C, compiled for this machine with sanitizers; they mutate their inputs themselves."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from rayos_model.scenario import files
from rayos_model.scenario.compile import compile_image
from rayos_model.toolchain.temporary import temporary_folder
from tests.support.host_programs import build_module_program, build_wayland_program, usable
from tests.support.paths import ROOT


def _image(folder: Path) -> str:
    path = folder / "image"
    path.write_bytes(compile_image(files.load("failure-disk")))
    return str(path)


@cache
def module(name: str) -> Path:
    """The program of a module."""
    folder = _built()
    build_module_program(name, folder / name, _compiler(folder))
    return folder / name


@cache
def wayland() -> Path:
    """The program of hostile clients of the compositor."""
    folder = _built()
    build_wayland_program("fuzz", folder / "wayland", _compiler(folder))
    return folder / "wayland"


def _compiler(folder: Path) -> str:
    """gcc, which has AddressSanitizer too, where it is usable."""
    return "gcc" if usable("gcc", folder) else "zig"


def _built() -> Path:
    folder = ROOT / "build" / "fuzz"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


PROGRAMS: Final[Mapping[str, Callable[[Path, int, int], list[str]]]] = {
    "kernel-wire": lambda folder, seed, rounds: [str(wayland()), str(seed), str(rounds)],
    "kernel-scenario": lambda folder, seed, rounds: [str(module("scenario")), _image(folder), str(rounds), str(seed)],
    "kernel-store": lambda folder, seed, rounds: [str(module("store")), str(max(rounds // 200, 1)), str(seed)],
    "kernel-virtio": lambda folder, seed, rounds: [str(module("virtio")), str(rounds), str(seed)],
    "kernel-net": lambda folder, seed, rounds: [str(module("net")), str(rounds), str(seed)],
}
"""Name → command for a seed and a number of rounds. A round of the store is a disk of 255 blocks and 200 calls."""


def run_program(name: str, seed: int, rounds: int) -> int:
    """Runs one program and prints a line; 1 if it fails."""
    with temporary_folder("fuzz") as folder:
        command = PROGRAMS[name](folder, seed, rounds)
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    outcome = "0 failures" if done.returncode == 0 else f"FAILED: {(done.stdout + done.stderr).strip()[-400:]}"
    print(f"{name}: {rounds} executions, {outcome}, {seconds:.0f} s", flush=True)
    return int(done.returncode != 0)
