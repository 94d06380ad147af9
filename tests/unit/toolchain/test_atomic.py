"""Atomic writes: what exists is whole, and a failure is one line that says what to do."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from rayos_model.errors import StorageFailure
from rayos_model.toolchain.atomic import folder_aside, rename_to_free_name, storage_failure, written_aside


def test_a_file_appears_under_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "below" / "table.parquet"
    with written_aside(target, "the table") as path:
        assert path.suffix == ".parquet" and path.name.startswith("."), "writers choose a format by the suffix"
        path.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("failure", [OSError(errno.EIO, "broken"), ValueError("a bug"), KeyboardInterrupt()])
def test_a_write_that_fails_half_way_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, failure: BaseException
) -> None:
    target = tmp_path / "page.html"
    target.write_text("old")
    expected = StorageFailure if isinstance(failure, OSError) else type(failure)
    with pytest.raises(expected), written_aside(target, "the page") as path:
        path.write_text("ne")
        raise failure
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_replaces_an_older_one_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "recorded"
    with folder_aside(target, "the run") as folder:
        (folder / "old").touch()
    with pytest.raises(StorageFailure, match="cannot write the run: broken"), folder_aside(target, "the run") as folder:
        (folder / "new").touch()
        raise OSError(errno.EIO, "broken")
    assert [path.name for path in target.iterdir()] == ["old"]
    with folder_aside(target, "the run") as folder:
        (folder / "new").touch()
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_whose_name_is_taken_gets_a_number(tmp_path: Path) -> None:
    for name in ("run", "first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert rename_to_free_name(tmp_path / "first", tmp_path / "run") == tmp_path / "run-2"
    assert rename_to_free_name(tmp_path / "second", tmp_path / "run") == tmp_path / "run-3"
    assert (tmp_path / "run" / "run").exists() and (tmp_path / "run-3" / "second").exists()


def test_a_full_disk_is_one_line_that_says_what_to_do() -> None:
    with pytest.raises(StorageFailure) as caught, written_aside(Path("/dev/full"), "the table") as path:
        path.write_text("too much")
    assert str(caught.value) == "/dev/full: the disk is full; the table was not written: free some space and run again"
    assert Path("/dev/full").is_char_device(), "a device is written, not replaced"


FREE = "the run was not written: free some space and run again"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.EDQUOT, "Disk quota exceeded"), f"the disk quota is used up; {FREE}"),
        (shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")]), f"the disk is full; {FREE}"),
        (
            PermissionError(errno.EACCES, "Permission denied"),
            "cannot write the run: Permission denied; choose a place where you may write",
        ),
        (OSError(errno.ENOTDIR, "Not a directory"), "cannot write the run: Not a directory; choose another place"),
        (OSError("two\nlines"), "cannot write the run: two lines; choose another place"),
    ],
)
def test_every_failure_names_place_content_reason_and_remedy(error: OSError, line: str) -> None:
    assert str(storage_failure(error, Path("a/b"), "the run")) == f"a/b: {line}"


def test_a_symbolic_link_is_followed_and_not_replaced(tmp_path: Path) -> None:
    link = tmp_path / "latest.html"
    link.symlink_to("page.html")
    with written_aside(link, "the page") as path:
        path.write_text("page")
    assert link.is_symlink()
    assert (tmp_path / "page.html").read_text() == "page"
