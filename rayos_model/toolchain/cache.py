"""Where what was built is kept: the user's cache. Must not know what is built."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


def default_cache() -> Path:
    """The user's cache folder for this package."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "rayos-model"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock file: one builds, the others wait for its result."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
