"""Contention in a run: hold and wait times of the kernel's locks, and waits of ready threads for a CPU.

The model writes no such records: it has no locks. Must not know which system made the trace.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from rayos_model.contract.abi import TraceKind
from rayos_model.run.run import Run

LOCKS: Final = ("kernel", "window", "heap", "page", "trace", "console")
"""`enum lock_id` of kernel/core/lock.h."""

_COLUMNS: Final = ("times", "total_ns", "mean_ns", "longest_ns")


def contention(run: Run) -> pd.DataFrame:
    """Totals over the whole seconds after warm-up: one row per lock, contended lock (`… wait`), and `ready threads`.

    Columns: times (number of holds or waits), total_ns, mean_ns, longest_ns. Empty for a run without such records.
    """
    records = run.trace(TraceKind.M_LOCK_HOLD, TraceKind.M_LOCK_WAIT, TraceKind.M_READY_WAIT)
    records = records[records["time_ns"] > run.scenario.warmup_ns]
    ready = records["kind"] == TraceKind.M_READY_WAIT
    lock = np.where(ready, 0, records["subject"] & 0xFF)
    names = [
        "ready threads" if is_ready else LOCKS[number] + (" wait" if kind == TraceKind.M_LOCK_WAIT else "")
        for is_ready, number, kind in zip(ready.tolist(), lock.tolist(), records["kind"].tolist(), strict=True)
    ]
    table = pd.DataFrame(
        {
            "what": names,
            "times": np.where(ready, records["subject"], records["subject"] >> 8).astype(np.int64),
            "total_ns": (records["arg"] & 0xFFFFFFFF).astype(np.int64),
            "longest_ns": (records["arg"] >> 32).astype(np.int64),
        }
    )
    table = table.groupby("what", sort=False).agg({"times": "sum", "total_ns": "sum", "longest_ns": "max"})
    table["mean_ns"] = table["total_ns"] / table["times"].clip(lower=1)
    return table[list(_COLUMNS)]
