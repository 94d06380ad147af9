"""Builds the kernel with the pinned zig compiler, the same to the bit on every machine.

Results are cached by content: sources, compiler version and flags. This module knows nothing of QEMU or scenarios.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rayos_model.toolchain.cache import default_cache, intact, locked, seal
from rayos_model.toolchain.sources import PACKAGE
from rayos_model.toolchain.temporary import temporary_folder

_COMMON = """
    -target x86_64-freestanding-none -std=c23 -ffreestanding -g0
    -fno-sanitize=all -fno-stack-protector -fno-pic -fno-pie -fno-unwind-tables -fno-asynchronous-unwind-tables
    -fno-strict-aliasing -fomit-frame-pointer -Wall -Wextra -Werror -Wno-unused-command-line-argument
"""
# Small code on few pages, with few calls: after each address-space switch QEMU looks up every page and every block of
# code again, and the host spends its time on that, not on executing instructions.
_KERNEL_COMMON = _COMMON + "-flto -fdata-sections -mcmodel=kernel -mno-red-zone"
# The kernel leaves the vector registers to ring 3 and to blit.c: neither system calls nor interrupts save them. The
# features are removed by -mcpu, because zig overrides clang's -mno-sse with the features of the CPU.
_KERNEL = _KERNEL_COMMON + " -Os -mcpu=x86_64-mmx-sse-sse2-x87+soft_float"
_KERNEL_SSE = _KERNEL_COMMON + " -O2 -mcpu=x86_64-mmx-x87"
_CLIENT = _COMMON + "-O2 -mcpu=x86_64"
_LINK = """
    -target x86_64-freestanding-none -mcpu=x86_64 -nostdlib -static
    -Wl,--build-id=none -Wl,--no-gc-sections -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack
"""
_SSE_FILES = {"wayland/blit.c"}
SOURCE_FOLDERS = ("arch", "core", "ipc", "drivers", "store", "remote", "wayland", "experiment", "clients")
_SHARED = ("core/library.c", "core/random.c")  # kernel sources that are also compiled for the client program
_FORMAT = "1"  # of the cache: change it when this file builds differently from the same sources and flags


class KernelBuildError(Exception):
    """The kernel could not be built. The message is one line; ``output`` is the compiler's output."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


@dataclass(frozen=True)
class KernelBinary:
    """A built kernel: an ELF file for QEMU's ``-kernel``."""

    path: Path
    sha256: str


def kernel_sources() -> Path:
    """The folder of the kernel's sources: in a checkout ``kernel/``, in a wheel ``rayos_model/_kernel``."""
    package = PACKAGE
    for folder in (package.parent / "kernel", package / "_kernel"):
        if (folder / "kernel.ld").is_file():
            return folder
    raise KernelBuildError(f"kernel sources not found beside {package}")


def build_kernel(cache: Path | None = None, defines: Sequence[str] = (), symbols: bool = False) -> KernelBinary:
    """Builds the kernel, or takes it from the cache folder (default: the user's cache).

    ``defines`` are macros for the kernel's own sources, not the client program's, as ``NAME`` or ``NAME=VALUE``.
    With ``symbols`` the same code contains symbols and line numbers, for a debugger.
    Safe against concurrent builds: one builds, the others wait for its result. A damaged one is built anew.
    Raises KernelBuildError when the compiler is missing or refuses the sources.
    """
    sources = _read(kernel_sources())
    folder = (cache or default_cache()) / "kernel"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{_key(sources, defines, symbols)}.elf"
        with locked(folder / "lock"):
            sha256 = intact(target)
            if sha256 is None:
                _build(sources, target, defines, symbols)
                sha256 = seal(target)
            return KernelBinary(target, sha256)
    except OSError as error:
        raise KernelBuildError(f"cannot build the kernel in {folder}: {error}") from error


def _read(folder: Path) -> dict[str, bytes]:
    """The sources by relative name, read once, so that what is hashed is what is built even during an edit."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".c", ".h", ".S", ".ld"})
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def _key(sources: Mapping[str, bytes], defines: Sequence[str], symbols: bool) -> str:
    digest = hashlib.sha256()
    flags = [_FORMAT, _compiler_version(), _KERNEL, _KERNEL_SSE, _CLIENT, _LINK, *defines, *["symbols"] * symbols]
    digest.update("\0".join(flags).encode())
    for name, content in sources.items():
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _compiler_version() -> str:
    try:
        return importlib.metadata.version("ziglang")
    except importlib.metadata.PackageNotFoundError as error:
        raise KernelBuildError("the kernel's compiler is missing: pip install ziglang") from error


def _build(sources: Mapping[str, bytes], target: Path, defines: Sequence[str], symbols: bool) -> None:
    """Compiles in a scratch folder, then renames the result into place."""
    with temporary_folder("build", target.parent) as scratch:
        for relative, content in sources.items():
            copy = scratch / "source" / relative
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
        own = [file for file in sources if file.startswith("clients/") and file.endswith(".c")]
        client = dict.fromkeys([*own, *_SHARED], _CLIENT)
        _link(_objects(client, scratch, "client-"), "client.bin", "client.ld", scratch)
        kernel = [file for file in sources if file.endswith((".c", ".S")) and not file.startswith("clients/")]
        macros = "".join(f" -D{define}" for define in defines)
        flags = {file: (_KERNEL_SSE if file in _SSE_FILES else _KERNEL) + macros for file in kernel}
        if symbols:
            flags = {file: given.replace("-g0", "-g") for file, given in flags.items()}
        _link(_objects(flags, scratch, "kernel-"), "kernel.elf", "kernel.ld", scratch, strip=not symbols)
        (scratch / "kernel.elf").replace(target)


def _objects(flags: Mapping[str, str], scratch: Path, prefix: str) -> list[str]:
    """Compiles each file with its flags; the names of the objects, in the order of the files."""

    def compile_one(file: str) -> str:
        target = prefix + file.replace("/", "-") + ".o"
        image = ['-DCLIENT_IMAGE="client.bin"'] if file.endswith(".S") else []
        _zig([*flags[file].split(), *image, "-Isource", "-c", f"source/{file}", "-o", target], scratch, file)
        return target

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(compile_one, flags))


def _link(objects: Sequence[str], target: str, script: str, scratch: Path, *, strip: bool = True) -> None:
    flags = [*_LINK.split(), "-Wl,--strip-all" if strip else "-g"]
    _zig([*flags, f"-Wl,-T,source/{script}", *objects, "-o", target], scratch, script)


def _zig(arguments: list[str], scratch: Path, what: str) -> None:
    environment = dict(os.environ, ZIG_LOCAL_CACHE_DIR=str(scratch / "zig"), ZIG_GLOBAL_CACHE_DIR=str(scratch / "zig"))
    command = [sys.executable, "-m", "ziglang", "cc", *arguments]
    result = subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise KernelBuildError(f"the kernel does not compile: {what}", result.stderr)
