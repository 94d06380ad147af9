"""Provenance of a run: where it comes from. Of a foreign run every field that is used is checked here first.

Some fields reach a compiler, QEMU or the name of a folder. Nothing but the forms below gets so far.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from rayos_model.contract.strict import STRICT

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\z", max_length=64)]
_Define = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,63}(=[A-Za-z0-9_]{1,64})?\z")]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}\z")]


class Provenance(BaseModel):
    """The fields of a provenance that something reads; others are kept as they are, for people."""

    model_config = ConfigDict(**{**STRICT, "extra": "allow"})

    system: _Name
    platform: _Name = "unknown"
    kernel_sha256: _Sha256 | None = None
    kernel_defines: list[_Define] = Field(default_factory=list, max_length=64)
    provoke: _Name = "none"
    detectors_off: list[_Name] = Field(default_factory=list, max_length=64)
    trace_points: bool = False
    host_cores: int = Field(default=1, ge=1, le=1 << 16)


PROVENANCE_FORM: Final = TypeAdapter(Provenance)
