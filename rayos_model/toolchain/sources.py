"""Hashes of the package's own sources, by which builds and stored results of other sources are recognised as stale."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parents[1]
"""The folder of the package `rayos_model`."""

COMPILED: Final = ("contract", "costs", "metrics", "trace", "model")
"""Packages from which the compiled model contains code or constants."""

SIMULATION: Final = (*COMPILED, "scenario")
"""Packages that determine the metrics of a scenario under given parameters: all that `simulate` runs.

Left out are `errors` and `toolchain`, which change no result.
"""


def modules(packages: Iterable[str]) -> list[Path]:
    """The Python files of the given packages, in order of path."""
    return sorted(path for package in packages for path in (PACKAGE / package).rglob("*.py"))


@cache
def sources_sha256(packages: tuple[str, ...]) -> str:
    """SHA-256 of the paths and contents of all Python files of these packages.

    Computed once per process: an edit while it runs is not noticed, as the code it has imported stays the same too.
    """
    digest = hashlib.sha256()
    for path in modules(packages):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
