"""The compositor on this host, under sanitizers: a whole session, every protocol error, and hostile clients."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.host_programs import COMPILERS, build_wayland_program, usable

FUZZ_BATCHES = 20_000

Build = Callable[[str], Path]
"""From a harness's name to its program."""


@pytest.fixture(scope="module", params=COMPILERS)
def build(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Compiles a harness with the compositor at its first use."""
    folder = tmp_path_factory.mktemp(f"wayland-{request.param}")
    if not usable(request.param, folder):
        pytest.skip("no gcc with C23 and address sanitizer here")

    def program(name: str) -> Path:
        target = folder / name
        if not target.exists():
            build_wayland_program(name, target, request.param)
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
