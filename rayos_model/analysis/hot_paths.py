"""CPU time of a run by operation: its segments, summed. Must not judge it."""

from __future__ import annotations

import pandas as pd

from rayos_model.run.run import Run
from rayos_model.trace.segments import segments


def has_points(run: Run) -> bool:
    """Whether the run's trace has control-flow points."""
    return bool(run.provenance.get("trace_points"))


def hot_paths(run: Run) -> pd.DataFrame:
    """CPU time per operation (thread and point), the largest first. The run must have points.

    Columns: operation ('compositor.request.wl_surface.commit'), calls, total_ns (self time from the previous point to
    this one, interrupts and dispatches included), share (of all threads' CPU time), mean_ns, max_ns (per call).
    """
    cost = segments(run.trace()).groupby("kind")["cpu_ns"]
    table = cost.agg(calls="size", total_ns="sum", mean_ns="mean", max_ns="max").reset_index()
    table = table.rename(columns={"kind": "operation"}).assign(
        share=table["total_ns"] / max(1, table["total_ns"].sum())
    )
    return table.sort_values("total_ns", ascending=False, ignore_index=True)
