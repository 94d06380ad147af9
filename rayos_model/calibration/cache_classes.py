"""Address-space switches and cache-state classes of the segments of a trace. Must not know what they cost."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pandas as pd

from rayos_model.contract.abi import ThreadId
from rayos_model.costs.address_space import AddressSpaceUse
from rayos_model.costs.cache_state import CACHE_STATES, NOT_SET, CacheState

SPACE_SWITCH = ("space_switch", "space_switch_used", "space_switch_mapped_page", "space_switch_drawn_page")
"""Columns of `space_switches`; the cost of each is the field of `Scheduling` named `<column>_ns`."""
#: First points of a thread that a timer has woken.
_BY_TIMER = (
    *("wake", "snapshot", "disk_done", "inject", "mend", "scrub"),
    *("repaint", "flip", "vblank", "input", "device", "drag", "ping", "resize", "action"),
)


def space_switches(table: pd.DataFrame) -> pd.DataFrame:
    """Address-space switches in each segment of a run on one CPU.

    Columns `SPACE_SWITCH`: 1 where the CPU switches away from another client's address space, else 0; then the three
    numbers of `AddressSpaceUse.forget` for that client.
    """
    touched: defaultdict[int, AddressSpaceUse] = defaultdict(AddressSpaceUse)
    space = 0  # thread of the client whose address space is loaded
    rows = []
    steps, pages = (table[name].fillna(0).astype(int) for name in ("steps", "pages"))
    for thread, pair, drew, shared in zip(table["thread"], table["pair"], steps, pages, strict=True):
        switch = (0, 0, 0, 0)
        if thread >= ThreadId.CLIENT0:
            if thread != space:
                if space:
                    switch = (1, *touched[space].forget())
                space = thread
            label = pair.partition(">")[2]
            if label == "exit":  # the launcher frees the address space next
                space = 0
                touched.pop(thread, None)
            elif label == "shm":
                touched[thread].map(shared)
            elif label == "shm_free":
                touched[thread].unmap(shared)
            elif label.startswith("enter"):
                touched[thread].draw(drew)
        rows.append(switch)
    return pd.DataFrame(rows, table.index, SPACE_SWITCH, dtype=np.float64)


def cache_classes(table: pd.DataFrame, quantum_ns: int) -> pd.DataFrame:
    """Cache state at each segment of a run on one CPU.

    Columns `cache_state`, one of `CACHE_STATES`, and `activity`, as in `CacheState`. Each client has an address space;
    kernel threads run in the one that is loaded.
    """
    passed, loads, space = CacheState(), 0, 0
    found = []
    timer = _timer_set(table, quantum_ns)
    begin = (table["time_ns"] - table["cpu_ns"]).astype(np.int64)
    for pair, thread, begin_ns, timer_ns in zip(table["pair"], table["thread"], begin, timer, strict=True):
        if thread >= ThreadId.CLIENT0 and thread != space:
            space, loads = thread, loads + 1
        found.append((CACHE_STATES[passed.pass_by(pair, thread, begin_ns, loads, timer_ns)], passed.activity))
    return pd.DataFrame(found, table.index, ["cache_state", "activity"])


def _timer_set(table: pd.DataFrame, quantum_ns: int) -> list[int]:
    """Time of the dispatch within each segment that sets the CPU's timer to another instant; else `NOT_SET`.

    The timer is set for the end of the quantum or the earliest sleeper's deadline. A sleeper's deadline is taken from
    the next wake-up of the thread by a timer.
    """
    points = table[["pair", "thread", "time_ns", "cpu_ns", "dispatches"]]
    points = points.assign(
        begin=(points["time_ns"] - points["cpu_ns"]).astype(np.int64),
        woken=points["pair"].str.extract(r"\.block(?:\.[a-z]+)?>([a-z_]+)", expand=False).isin(_BY_TIMER),
        blocks=points["pair"].str.contains(r">block(?:\.|$)"),
    )
    until = points["begin"].where(points["woken"]).groupby(points["thread"]).bfill()
    asleep: dict[int, float] = {}
    armed, found = math.inf, []
    columns = (points[name] for name in ("thread", "begin", "dispatches", "woken", "blocks"))
    for thread, begin, dispatches, woken, blocks, deadline in zip(*columns, until, strict=True):
        timer_ns = NOT_SET
        if dispatches:
            asleep.pop(thread, None)
            wanted = min([begin + quantum_ns, *asleep.values()])
            if woken or wanted != armed:
                timer_ns, armed = begin, wanted
        if blocks:
            asleep[thread] = math.inf if deadline != deadline else deadline
        found.append(timer_ns)
    return found
