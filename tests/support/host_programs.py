"""Programs of the kernel's modules for this machine, compiled with sanitizers: by zig with UBSan, by gcc also ASan."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.support.paths import KERNEL, KERNEL_HOST

PROGRAMS: Final = {
    "memory": ["core/page.c", "core/heap.c", "core/library.c"],
    "mutex": ["ipc/mutex.c"],
    "random": ["core/random.c"],
    "scenario": ["experiment/scenario.c"],
    "trace": ["experiment/trace.c", "core/page.c", "experiment/profile.c", "core/histogram.c"],
    "histogram": ["core/histogram.c"],
    "blit": ["wayland/blit.c"],
    "net": ["remote/message.c", "drivers/virtio.c", "core/page.c"],
    "virtio": ["drivers/virtio.c", "core/page.c"],
    "store": ["store/store.c", "store/index.c", "store/recovery.c", "store/cache.c", "core/page.c"],
    "socket": ["ipc/socket.c"],
}
"""Program `<name>_test.c` → the modules of the kernel under test."""

_ZIG: Final = [sys.executable, "-m", "ziglang", "cc"]
_MODULE_COMPILERS: Final = {
    "zig": [*_ZIG, "-fsanitize=undefined", "-fsanitize-trap=undefined", "-fno-sanitize=alignment"],
    "gcc": ["gcc", "-fsanitize=address,undefined", "-fno-sanitize=alignment", "-fno-sanitize-recover=undefined"],
}
_MODULE_FLAGS: Final = [
    *("-std=gnu2x", "-O1", "-g", "-fno-strict-aliasing", "-DRAYOS_HOST", "-DDIRECT_BASE=0x200000000000ull"),
    *(f"-I{KERNEL}", "-include", "stdalign.h", "-include", "assert.h"),
]
_WAYLAND_COMPILERS: Final = {
    "zig": [*_ZIG, "-std=c23", "-fsanitize=undefined", "-fno-sanitize-trap=all"],
    "gcc": ["gcc", "-std=c2x", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
}
_WAYLAND_FLAGS: Final = [
    *("-g", "-O1", "-pthread", "-Wall", "-Wextra", "-Wno-attributes", "-Wno-unused-function"),
    f"-I{KERNEL}",
]
COMPILERS: Final = tuple(_MODULE_COMPILERS)


def usable(compiler: str, folder: Path) -> bool:
    """Whether a compiler is here, knows the language and has the sanitizers' libraries; `folder` is for a trial."""
    if compiler == "zig":
        return True
    if shutil.which("gcc") is None:
        return False
    probe = folder / "probe.c"
    probe.write_text("_Static_assert(1); [[noreturn]] void f(void); int main(void) { bool b = false; return b; }\n")
    command = [*_MODULE_COMPILERS["gcc"], "-std=gnu2x", str(probe), "-include", "stdbool.h", "-o", f"{folder}/probe"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def build_module_program(name: str, target: Path, compiler: str) -> None:
    """Compiles `<name>_test.c` with its modules."""
    sources = [KERNEL_HOST / f"{name}_test.c", KERNEL_HOST / "host.c", *(KERNEL / module for module in PROGRAMS[name])]
    _compile([*_MODULE_COMPILERS[compiler], *_MODULE_FLAGS], sources, target)


def build_wayland_program(name: str, target: Path, compiler: str) -> None:
    """Compiles `wayland_<name>.c` with the whole compositor."""
    compositor = [KERNEL / "experiment" / "integration.c", *sorted((KERNEL / "wayland").glob("*.c"))]
    sources = [KERNEL_HOST / f"wayland_{name}.c", KERNEL_HOST / "wayland_mock.c", *compositor]
    _compile([*_WAYLAND_COMPILERS[compiler], *_WAYLAND_FLAGS], sources, target)


def _compile(command: Sequence[str], sources: Sequence[Path], target: Path) -> None:
    done = subprocess.run(
        [*command, *map(str, sources), "-o", str(target)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
