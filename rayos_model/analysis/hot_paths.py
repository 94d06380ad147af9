"""Where a run's virtual CPU time went, by operation: the segments of a run with points, summed. Judges nothing."""

from __future__ import annotations

import pandas as pd

from rayos_model.run.run import Run
from rayos_model.trace.segments import segments


def has_points(run: Run) -> bool:
    """Whether the run's trace holds control-flow points."""
    return bool(run.provenance.get("trace_points"))


def hot_paths(run: Run) -> pd.DataFrame:
    """One row an operation (thread and point), the most CPU time first; the run has points.

    Columns: operation ('compositor.request.wl_surface.commit'), calls, total_ns (self time: up to this point from the
    one before, interrupts and dispatch included), share (of all threads' CPU time), mean_ns, max_ns (of a call).
    """
    cost = segments(run.trace()).groupby("kind")["cpu_ns"]
    table = cost.agg(calls="size", total_ns="sum", mean_ns="mean", max_ns="max").reset_index()
    table = table.rename(columns={"kind": "operation"}).assign(
        share=table["total_ns"] / max(1, table["total_ns"].sum())
    )
    return table.sort_values("total_ns", ascending=False, ignore_index=True)
