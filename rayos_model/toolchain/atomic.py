"""Files and folders that appear whole: written aside, then renamed. The only place that does so.

An `OSError` on the way becomes a `StorageFailure`, one line that names the target and what to do.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rayos_model.errors import StorageFailure


def storage_failure(error: OSError, target: Path, what: str) -> StorageFailure:
    """The failure to write `what` ("the run") to a target, as one line."""
    if isinstance(error, StorageFailure):
        return error
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFailure(f"{target}: the disk is full; {what} was not written")
    return StorageFailure(f"{target}: cannot write {what}: {error.strerror or error}")


@contextmanager
def storing(target: Path, what: str) -> Iterator[None]:
    """Turns an `OSError` of the block into a `StorageFailure` about the target."""
    try:
        yield
    except OSError as error:
        raise storage_failure(error, target, what) from error


@contextmanager
def written_aside(target: Path, what: str) -> Iterator[Path]:
    """A path beside the target, with the same ending, for the block to write; then it is renamed to the target.

    If the block raises, the target is as it was and nothing else remains. Raises `StorageFailure` for an `OSError`.
    """
    with storing(target, what):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
            aside = Path(folder, f"part{target.suffix}")
            yield aside
            aside.replace(target)


@contextmanager
def folder_aside(target: Path, what: str) -> Iterator[Path]:
    """A new folder beside the target for the block to fill; then it takes the target's name, in place of an older one.

    If the block raises, the target is as it was and nothing else remains. Raises `StorageFailure` for an `OSError`.
    """
    with storing(target, what):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
            aside = Path(scratch, "new")
            aside.mkdir()
            yield aside
            if target.exists():
                target.rename(Path(scratch, "old"))
            aside.rename(target)
