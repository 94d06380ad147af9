"""One burst of the compositor: the points, measurements and queue-writes of one item."""

from __future__ import annotations

from typing import Final

from rayos_model.contract.trace_record import TraceKind

COMMIT_TO_PRESENT: Final = TraceKind.M_COMMIT_TO_PRESENT
COMPOSITION: Final = TraceKind.M_COMPOSITION
