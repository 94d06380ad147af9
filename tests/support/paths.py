"""Folders of the checkout, for tests that read its files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
KERNEL: Final = ROOT / "kernel"
KERNEL_HOST: Final = ROOT / "tests" / "kernel_host"
