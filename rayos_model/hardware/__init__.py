"""The hardware side: builds the real kernel, executes it in QEMU and monitors it. Must not know model or analysis.

The names below are imported on first use, so that `rayos` starts quickly and works without QEMU.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rayos_model.hardware.diagnosis import Check, doctor
    from rayos_model.hardware.platforms import PLATFORMS
    from rayos_model.hardware.rendezvous import Limits
    from rayos_model.hardware.system import KernelSystem, build_kernel

__all__ = ["PLATFORMS", "Check", "KernelSystem", "Limits", "build_kernel", "doctor"]

_HOMES = {
    "Check": "diagnosis",
    "KernelSystem": "system",
    "Limits": "rendezvous",
    "PLATFORMS": "platforms",
    "build_kernel": "system",
    "doctor": "diagnosis",
}


def __getattr__(name: str) -> Any:
    """Imports a public name on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
