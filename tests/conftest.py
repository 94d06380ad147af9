"""Fixtures of several folders of tests: a C compiler, the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import SMALL, Rayos
from tests.support.paths import KERNEL


@pytest.fixture
def compile_and_run(tmp_path: Path) -> Callable[..., str]:
    """Compile a C program for the host with the pinned compiler, run it, return what it prints."""

    def run(source: str, *more: Path) -> str:
        program = tmp_path / "program.c"
        program.write_text(source)
        binary = tmp_path / "program"
        command = [sys.executable, "-m", "ziglang", "cc", "-O1", "-w", "-I", str(KERNEL)]
        subprocess.run([*command, "-o", str(binary), str(program), *map(str, more)], check=True, timeout=300)
        return subprocess.run([str(binary)], check=True, capture_output=True, text=True, timeout=60).stdout

    return run


@pytest.fixture
def rayos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Rayos:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL)
    return Rayos(monkeypatch, capsys)
