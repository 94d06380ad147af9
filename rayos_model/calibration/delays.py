"""Delays read from a trace: wake-ups of an idle CPU, handovers between CPUs, hold times of the kernel lock."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rayos_model.contract.abi import ThreadId, TraceKind
from rayos_model.contract.trace_record import FIRST_MEASUREMENT, Records, unpack_queued


def kernel_locked(trace: Records) -> pd.Series:
    """Medians of how long the kernel lock is held, ns, by the names that `Scheduling` has for them.

    What is held by somebody who loses his core meanwhile is not its cost; it is seldom.
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
    """From each timer deadline that found the CPU idle to the switch it caused, ns.

    The switch instant is where the first segment of the thread that got the CPU began.
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
    """From the last point of a client's turn to the switch on an idle processor that was told; columns after, gap_ns.

    `after` is "send", when that processor takes what was sent, or "recv", when it wakes another client. Both are
    instants of one clock, and no other processor runs between them.
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
    """When the segments began that points close; of a thread's first on a processor: the switch to it."""
    return np.asarray(points["time_ns"].astype(np.int64) - points["cpu_ns"].astype(np.int64), np.int64)
