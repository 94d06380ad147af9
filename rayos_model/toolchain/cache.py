"""The user's cache folder for builds: a lock against concurrent ones, seals by which damage is noticed.

Must not know what is built.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path


def default_cache() -> Path:
    """This package's folder in the user's cache: below $XDG_CACHE_HOME, by default ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "rayos-model"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds an exclusive lock on a file: one process builds, the others wait for its result."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def seal(path: Path) -> str:
    """Keeps the SHA-256 of a file in another one beside it; returns it."""
    found = _sha256(path)
    _seal_of(path).write_text(found + "\n", encoding="ascii")
    return found


def intact(path: Path) -> str | None:
    """The SHA-256 of a sealed file; None if it is missing, or not what was sealed."""
    try:
        found = _sha256(path)
        return found if _seal_of(path).read_text(encoding="ascii").strip() == found else None
    except (OSError, UnicodeDecodeError):
        return None


def _seal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
