"""Composite passes: damage, repaint, flip, presentation."""

from __future__ import annotations

from typing import Final

from rayos_model.contract.abi import Workload
from rayos_model.contract.trace_record import TraceKind

# Looked up once: members of an enumeration are slow to reach before Python 3.12.
BUFFER_COMMIT: Final = TraceKind.M_BUFFER_COMMIT
TYPED_INTO: Final = (Workload.INPUT, Workload.EDITOR)
