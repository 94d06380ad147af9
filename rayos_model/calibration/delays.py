"""Delays read from a trace: wake-ups of an idle CPU, handovers between CPUs, hold times of the kernel lock."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rayos_model.contract.abi import ThreadId, TraceKind
from rayos_model.contract.trace_record import FIRST_MEASUREMENT, Records, unpack_queued


def kernel_locked(trace: Records) -> pd.Series:
    """Median hold times of the kernel lock, ns, by their names in `Scheduling`.

    Medians, because an owner that loses its host core meanwhile holds the lock much longer; that is rare.
    """
    kind = trace["kind"]
    blocks = (kind == TraceKind.P_BLOCK) & (trace["thread"] >= ThreadId.CLIENT0)
    samples = {
        "block_lock_hold_ns": trace["subject"][blocks],
        "service_lock_hold_ns": unpack_queued(trace["arg"][kind == TraceKind.P_EVENTS])[2],
        "idle_lock_hold_ns": trace["subject"][kind == TraceKind.M_TIMER],
    }
    return pd.Series({name: float(np.median(ns)) if len(ns) else 0.0 for name, ns in samples.items()})


def idle_wake_delays(trace: Records) -> NDArray[np.float64]:
    """Delay from each timer deadline on an idle CPU to the switch that it causes, ns.

    The time of the switch is the start of the first segment of the thread that is dispatched.
    """
    timer = np.flatnonzero(trace["kind"] == TraceKind.M_TIMER)
    points = np.flatnonzero(trace["kind"] < FIRST_MEASUREMENT)
    after = np.searchsorted(points, timer)
    timer, after = timer[after < len(points)], after[after < len(points)]
    first = trace[points[after]]
    deadline = trace["time_ns"][timer].astype(np.int64) - trace["arg"][timer].astype(np.int64)
    switch = _began_ns(first)
    undisturbed = (first["dispatches"] == 1) & (first["irqs"] == 0)
    return np.asarray((switch - deadline)[undisturbed], np.float64)


def handovers(trace: Records) -> pd.DataFrame:
    """Delays from the last point of a client's turn to the switch on an idle CPU that receives an IPI.

    Columns: after ("send": that CPU takes the batch sent; "recv": it wakes another client), gap_ns. Both instants are
    of one clock, and no other CPU runs between them.
    """
    points = trace[trace["kind"] < FIRST_MEASUREMENT]
    before, then = points[:-1], points[1:]
    switched = (before["cpu"] != then["cpu"]) & (then["dispatches"] == 1) & (then["irqs"] == 0)
    tables = []
    for after, last, first in (
        ("send", TraceKind.P_SEND, TraceKind.P_TAKE),
        ("recv", TraceKind.P_RECEIVE, TraceKind.P_RECEIVE),
    ):
        where = switched & (before["kind"] == last) & (then["kind"] == first)
        gaps = _began_ns(then[where]) - before["time_ns"][where].astype(np.int64)
        tables.append(pd.DataFrame({"after": after, "gap_ns": gaps}))
    return pd.concat(tables, ignore_index=True)


def _began_ns(points: Records) -> NDArray[np.int64]:
    """Start times, ns, of the segments that end at these points; after a dispatch: the time of the switch."""
    return np.asarray(points["time_ns"].astype(np.int64) - points["cpu_ns"].astype(np.int64), np.int64)
