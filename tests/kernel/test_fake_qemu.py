"""A program that only claims to be QEMU is one line, within seconds, whatever it does instead."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from rayos_model.errors import PlatformFailure
from rayos_model.hardware import KernelSystem
from rayos_model.run.system import execute
from tests.support.small import small_scenario

VERSION = '[ "$1" = --version ] && { echo "QEMU emulator version 8.2.0"; exit 0; }\n'
GENEROUS_S = 30.0
"""The limit is 3 s without any CPU time; a busy host takes longer to come to that."""


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exit 0", "does not report its version"),
        ("exec sleep 1000", "does not end"),
        ("while true; do echo x; done", "prints more than"),
        (VERSION + "exit 7", "exit status 7"),
        (VERSION + "exec sleep 1000", "has done nothing for 3 s"),
    ],
    ids=["nothing", "asleep", "flood", "leaves", "no-answer"],
)
def test_a_program_that_is_no_qemu_is_noticed(
    script: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "qemu"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("RAYOS_QEMU", str(fake))
    began = time.monotonic()
    with pytest.raises(PlatformFailure, match=message):
        execute(KernelSystem(), small_scenario(), tmp_path / "run")
    assert time.monotonic() - began < GENEROUS_S
    assert not (tmp_path / "run").exists()
