"""Atomic writes: a file or folder is written beside its place and renamed into it, so what exists is whole.

A write that fails or is interrupted leaves the older version as it was and nothing beside it. The guarantee covers the
death of the process, not of the machine: nothing is synced to the disk.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rayos_model.errors import StorageFailure
from rayos_model.toolchain.temporary import temporary_file, temporary_folder_beside

_FULL: Final = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up"}
_FORBIDDEN: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


def storage_failure(error: OSError, target: Path, what: str) -> StorageFailure:
    """The error a user sees when `what` could not be written to `target`: one line with the reason and the remedy.

    A full disk is recognised by its error number and, where a library drops that (`shutil.Error`), by its text.
    """
    for number, reason in _FULL.items():
        if error.errno == number or os.strerror(number) in str(error):
            return StorageFailure(f"{target}: {reason}; {what} was not written: free some space and run again")
    reason = " ".join((error.strerror or str(error) or type(error).__name__).split())
    remedy = "choose a place where you may write" if error.errno in _FORBIDDEN else "choose another place"
    return StorageFailure(f"{target}: cannot write {what}: {reason}; {remedy}")


@contextmanager
def storing(target: Path, what: str) -> Iterator[None]:
    """Turns an `OSError` inside the `with` into the `StorageFailure` of `storage_failure`."""
    try:
        yield
    except OSError as error:
        raise storage_failure(error, target, what) from error


@contextmanager
def written_aside(target: Path, what: str) -> Iterator[Path]:
    """Yields the path to write to; the file there replaces `target` when the `with` ends without an exception.

    `what` names the content in an error, such as `"the table"`. The path has the suffix of `target`, by which writers
    choose a format, and starts with a dot. Missing parent folders are made. A symbolic link is followed; a device such
    as /dev/stdout is written directly. Raises `StorageFailure` for an `OSError` inside the `with` or while renaming.
    """
    with storing(target, what):
        place = target.resolve()
        if place.exists() and not (place.is_file() or place.is_dir()):
            yield place
            return
        with temporary_file(place) as aside:
            yield aside
            aside.replace(place)


@contextmanager
def folder_aside(target: Path, what: str) -> Iterator[Path]:
    """As `written_aside` for a folder, which exists and is empty at the start; it replaces an older `target` whole.

    Raises `StorageFailure` for an `OSError` inside the `with` or while renaming.
    """
    with storing(target, what), temporary_folder_beside(target) as aside:
        yield aside
        _replace_folder(aside, target)


def _replace_folder(aside: Path, target: Path) -> None:
    if not target.is_dir():
        aside.rename(target)
    else:
        with temporary_folder_beside(target) as older:
            target.rename(older)
            try:
                aside.rename(target)
            except OSError:
                older.rename(target)
                raise


def rename_to_free_name(folder: Path, target: Path) -> Path:
    """Renames a folder to `target`, or to `target-2`, `-3` … if that has content by now. Returns the new path."""
    for number in range(1, 1000):
        place = target if number == 1 else target.with_name(f"{target.name}-{number}")
        try:
            folder.rename(place)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
        else:
            return place
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def check_writable(target: Path, what: str) -> None:
    """Raises `StorageFailure` when `target` cannot be written; for use before long work whose result it is to hold."""
    with storing(target, what):
        place = target.resolve()
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if place.exists() and not place.is_file():
            return
        with temporary_file(place):
            pass
