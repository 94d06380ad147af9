"""The compositor on this host, under sanitizers: a whole session, every protocol error, and hostile clients."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HARNESS = ROOT / "tests" / "kernel_host"
COMMON = ["-g", "-O1", "-pthread", "-Wall", "-Wextra", "-Wno-attributes", "-Wno-unused-function"]
COMMON += [f"-I{ROOT / 'kernel'}"]
COMPILERS = {
    "zig": [sys.executable, "-m", "ziglang", "cc", "-std=c23", "-fsanitize=undefined", "-fno-sanitize-trap=all"],
    "gcc": ["gcc", "-std=c2x", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
}
FUZZ_BATCHES = 20_000

Build = Callable[[str], Path]
"""From a harness's name to its program."""


@pytest.fixture(scope="module", params=COMPILERS)
def build(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Compiles a harness with the compositor at its first use."""
    if request.param == "gcc" and shutil.which("gcc") is None:
        pytest.skip("no gcc: AddressSanitizer is not used")
    folder = tmp_path_factory.mktemp(f"wayland-{request.param}")

    def program(name: str) -> Path:
        target = folder / name
        if not target.exists():
            integration = ROOT / "kernel" / "experiment" / "integration.c"
            compositor = [integration, *sorted((ROOT / "kernel" / "wayland").glob("*.c"))]
            sources = [HARNESS / f"wayland_{name}.c", HARNESS / "wayland_mock.c", *compositor]
            command = [*COMPILERS[request.param], *COMMON, *map(str, sources), "-o", str(target)]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        return target

    return program


def run(program: Path, *arguments: object) -> None:
    done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{program.name} {arguments}: {done.stderr[-2000:]}"
    assert done.stdout.startswith("ok"), done.stdout


def test_a_session_goes_as_the_protocol_says(build: Build) -> None:
    run(build("session"))


def test_a_desktop_goes_as_the_protocol_says(build: Build) -> None:
    """Maximise, fullscreen, minimise, resize with several configures in flight, decorations, the clipboard."""
    run(build("desktop"))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_hostile_clients_harm_nobody_else_and_leave_nothing(build: Build, seed: int) -> None:
    run(build("fuzz"), seed, FUZZ_BATCHES)
