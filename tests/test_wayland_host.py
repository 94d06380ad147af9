"""The kernel's compositor on this host, under sanitizers: a whole session, every protocol error, and hostile clients."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HARNESS = ROOT / "tests" / "kernel_host"
COMMON = ["-g", "-O1", "-fno-omit-frame-pointer", "-pthread", "-Wall", "-Wextra", "-Wno-attributes", "-Wno-unused-function"]
COMPILERS = {
    "zig": [sys.executable, "-m", "ziglang", "cc", "-std=c23", "-fsanitize=undefined", "-fno-sanitize-trap=all"],
    "gcc": ["gcc", "-std=c2x", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
}
FUZZ_BATCHES = 20_000


@pytest.fixture(scope="module", params=COMPILERS)
def build(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """A function from a harness's name to its program."""
    if request.param == "gcc" and shutil.which("gcc") is None:
        pytest.skip("no gcc: AddressSanitizer is not used")
    folder = tmp_path_factory.mktemp(f"wayland-{request.param}")

    def program(name: str) -> Path:
        target = folder / name
        if not target.exists():
            sources = [HARNESS / f"wayland_{name}.c", HARNESS / "wayland_mock.c", *sorted((ROOT / "kernel" / "wayland").glob("*.c"))]
            done = subprocess.run(
                [*COMPILERS[request.param], *COMMON, *map(str, sources), "-o", str(target)], capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
        return target

    return program


def run(program: Path, *arguments: object) -> None:
    done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{program.name} {arguments}: {done.stderr[-2000:]}"
    assert done.stdout.startswith("ok"), done.stdout
    assert "runtime error" not in done.stderr, done.stderr[-2000:]


def test_a_session_goes_as_the_protocol_says(build) -> None:
    run(build("session"))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_hostile_clients_harm_nobody_else_and_leave_nothing(build, seed: int) -> None:
    run(build("fuzz"), seed, FUZZ_BATCHES)
