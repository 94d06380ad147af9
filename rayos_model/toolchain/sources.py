"""Hashes of the package's own sources, so that what was made from other sources is known to be stale."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parents[1]
"""The folder of `rayos_model`."""

COMPILED: Final = ("contract", "costs", "metrics", "trace", "model")
"""Packages whose code or constants the compiled model may hold."""

SIMULATION: Final = (*COMPILED, "scenario")
"""Packages that turn a scenario and parameters into metrics."""


def modules(packages: Iterable[str]) -> list[Path]:
    """The Python files of packages, in order of path."""
    return sorted(path for package in packages for path in (PACKAGE / package).rglob("*.py"))


@cache
def sources_sha256(packages: tuple[str, ...]) -> str:
    """Hash of the names and contents of all Python files of these packages, as they were when first asked."""
    digest = hashlib.sha256()
    for path in modules(packages):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
