"""Temporary files: gone when done; what a killed process leaves is removed by the next one, and nothing else."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rayos_model.errors import StorageFailure
from rayos_model.toolchain import temporary

WRITER = """
import sys, time
from pathlib import Path
from rayos_model.toolchain import temporary
target = Path(sys.argv[1])
with temporary.temporary_file(target) as file, temporary.temporary_folder_beside(target) as folder:
    (folder / "half").touch()
    print(file, folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path, Path]]:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "table.csv")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        file, folder = process.stdout.readline().split()
        try:
            yield process, Path(file), Path(folder)
        finally:
            process.kill()


def swept(target: Path) -> None:
    temporary._SWEPT.clear()
    with temporary.temporary_file(target):
        pass


def test_the_next_process_removes_what_a_killed_one_left(
    writer: tuple[subprocess.Popen[str], Path, Path], tmp_path: Path
) -> None:
    process, file, folder = writer
    swept(tmp_path / "other")
    assert file.exists() and (folder / "half").exists(), "its maker lives"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert file.exists() and folder.exists()
    swept(tmp_path / "other")
    assert list(tmp_path.iterdir()) == []


def test_files_of_others_are_kept(tmp_path: Path) -> None:
    names = [".hidden", "rayos-model", ".run.rayos-xyz", "rayos-0123456g", ".a.rayos-01234567.b.c"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "link.rayos-01234567").touch()
    (tmp_path / ".link.rayos-01234567").symlink_to(tmp_path / ".hidden")
    swept(tmp_path / "other")
    assert {path.name for path in tmp_path.iterdir()} == {*names, "link.rayos-01234567", ".link.rayos-01234567"}


def test_a_temporary_folder_that_cannot_be_made_is_a_failure_of_storage(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StorageFailure, match="no temporary folder"),
        temporary.temporary_folder("trial", tmp_path / "file"),
    ):
        pass
