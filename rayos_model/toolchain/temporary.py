"""Temporary files and folders: removed when done, and after a process was killed by the next one that writes there.

A lock on each says that its maker lives; the system drops the lock with the process. Names are random.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from rayos_model.errors import StorageFailure

_NAME: Final = re.compile(r"(\..+\.|[a-z-]*)rayos-[0-9a-f]{8}(\.\w+)?")
_SWEPT: Final[set[Path]] = set()
"""Folders in which this process has looked for what killed processes left."""


@contextmanager
def temporary_file(target: Path) -> Iterator[Path]:
    """An empty file beside `target`, with its suffix and a dot before its name. Missing parents are made.

    Raises `OSError`.
    """
    with _temporary(target.parent, f".{target.stem}.", target.suffix, folder=False) as path:
        yield path


@contextmanager
def temporary_folder_beside(target: Path) -> Iterator[Path]:
    """An empty folder beside `target`, with a dot before its name. Missing parents are made. Raises `OSError`."""
    with _temporary(target.parent, f".{target.name}.", "", folder=True) as path:
        yield path


@contextmanager
def temporary_folder(purpose: str, parent: Path | None = None) -> Iterator[Path]:
    """An empty folder in `parent` (default: the system's folder for temporary files).

    Raises `StorageFailure` when it cannot be made.
    """
    place = Path(tempfile.gettempdir()) if parent is None else parent
    with ExitStack() as stack:
        try:
            path = stack.enter_context(_temporary(place, f"{purpose}-", "", folder=True))
        except OSError as error:
            raise StorageFailure(f"{place}: no temporary folder can be made: {error.strerror or error}") from error
        yield path


@contextmanager
def _temporary(parent: Path, prefix: str, suffix: str, *, folder: bool) -> Iterator[Path]:
    parent.mkdir(parents=True, exist_ok=True)
    _sweep(parent)
    path, lock = _create(parent, prefix, suffix, folder=folder)
    try:
        yield path
    finally:
        _remove(path)  # a file or folder that was renamed into its place is not there any more
        os.close(lock)


def _create(parent: Path, prefix: str, suffix: str, *, folder: bool) -> tuple[Path, int]:
    while True:
        path = parent / f"{prefix}rayos-{uuid.uuid4().hex[:8]}{suffix}"
        if folder:
            path.mkdir(0o700 if parent == Path(tempfile.gettempdir()) else 0o777)
        else:
            path.touch(exist_ok=False)
        with suppress(FileNotFoundError):  # swept between the two steps
            lock = os.open(path, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_SH)
            if path.exists():
                return path, lock
            os.close(lock)


def _sweep(parent: Path) -> None:
    """Removes what processes that were killed have left in a folder; once per process and folder."""
    if parent in _SWEPT:
        return
    _SWEPT.add(parent)
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            own = _NAME.fullmatch(entry.name) and entry.stat(follow_symlinks=False).st_uid == os.getuid()
            if own and not entry.is_symlink() and _abandoned(Path(entry.path)):
                _remove(Path(entry.path))


def _abandoned(path: Path) -> bool:
    try:
        lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(lock)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
