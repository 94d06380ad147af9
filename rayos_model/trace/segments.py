"""Table of the segments of a trace with points: thread, pair of points, sizes, CPU time.

The labels are those of :mod:`rayos_model.trace.points`; the model passes the same points. Must not know expected costs.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rayos_model.contract.abi import ThreadId, TraceKind
from rayos_model.contract.trace_record import FIRST_MEASUREMENT, Records, unpack_painted, unpack_queued
from rayos_model.errors import BadInput
from rayos_model.trace.points import OF_THEMSELVES, POINT_DETAILS, THREAD_CLASSES, heap_depth, label_of, size_names

_STORE_CALLS = {"get": "block.get", "durable": "block.flush"}
_POOL = ("request.wl_shm.create_pool", "request.wl_shm_pool.destroy")


def _labels(points: Records) -> pd.Series:
    kind, subject, arg = points["kind"], points["subject"], points["arg"]
    key = kind.astype(np.int64) << 32
    tagged_kinds = (
        TraceKind.P_ENTER,
        TraceKind.P_SEND,
        TraceKind.P_PIPE_IO,
        TraceKind.P_REPORT,
        TraceKind.P_ACTION,
        *POINT_DETAILS,
    )
    tagged = np.isin(kind, tagged_kinds)
    request = np.isin(kind, (TraceKind.P_REQUEST, TraceKind.P_INJECT))
    key[tagged] |= subject[tagged]
    key[request] |= (arg[request] & 0xFFFFFFFF).astype(np.int64)
    return pd.Series(key).map({value: _label(value >> 32, value & 0xFFFFFFFF) for value in np.unique(key).tolist()})


def _label(kind: int, detail: int) -> str:
    try:
        return label_of(kind, detail)
    except (KeyError, ValueError, IndexError):
        raise BadInput(f"the trace has a point {TraceKind(kind).name} of unknown detail {detail}") from None


def _named_after_calls(label: pd.Series, thread: NDArray[np.uint16]) -> pd.Series:
    """Labels with blocks inside a store call named after the call, because part of its work precedes them.

    The call is known from the thread's next point, which ends it.
    """
    call = label.groupby(thread).shift(-1).map(_STORE_CALLS)
    return label.where((label != "block") | call.isna(), call)


def _depth(sleepers: NDArray[np.uint8]) -> NDArray[np.float64]:
    levels = np.array([heap_depth(count) for count in range(256)], np.float64)
    return levels[sleepers]


def _sizes(points: Records, label: pd.Series) -> pd.DataFrame:
    """Size columns a to e; :data:`rayos_model.trace.points.SIZES` names them per label."""
    low, high = points["arg"] & 0xFFFFFFFF, points["arg"] >> 32
    kind, subject = points["kind"], points["subject"]
    packed = kind == TraceKind.P_ENTER
    a = np.where(packed, low, points["arg"]).astype(np.float64)
    counted = np.isin(kind, (TraceKind.P_FLIP, TraceKind.P_PING))
    a[counted] = subject[counted]
    b = np.where(packed, high, subject).astype(np.float64)
    b[kind == TraceKind.P_BLOCK] = 0
    events = kind == TraceKind.P_EVENTS
    a[events], b[events], _ = unpack_queued(points["arg"][events])
    flips = kind == TraceKind.P_FLIP
    b[flips] = points["arg"][flips]
    composite = kind == TraceKind.P_COMPOSITE
    steps, rows, c = unpack_painted(points["arg"])
    a[composite], b[composite] = steps[composite], rows[composite]
    d, e = subject & 0xFFFF, subject >> 16
    pools = label.isin(_POOL).to_numpy()
    a[pools] = _pages_of_last_shm(points, pools)
    return pd.DataFrame({"a": a, "b": b, "c": c, "d": d, "e": e}, dtype=np.float64)


def _dropped(trace: Records, points: Records) -> np.ndarray:
    """Blocks that the buffer cache dropped on behalf of each point's thread since its previous point."""
    columns = {"time": np.int64, "thread": np.int64}
    reclaims, every = (
        pd.DataFrame({"time": records["time_ns"], "thread": records["thread"]}).astype(columns)
        for records in (trace[trace["kind"] == TraceKind.M_RECLAIM], points)
    )
    reclaims["dropped"] = trace["arg"][trace["kind"] == TraceKind.M_RECLAIM].astype(np.float64)
    reclaims["dropped"] = reclaims.groupby("thread")["dropped"].cumsum()
    so_far = pd.merge_asof(every, reclaims, on="time", by="thread")["dropped"].fillna(0.0)
    return so_far.groupby(every["thread"]).diff().fillna(so_far).to_numpy()


def _awaited(trace: Records, points: Records) -> np.ndarray:
    """For each completion among the points: 1 if the disk thread had to wait for the device, else 0.

    It had to if the request was submitted after the last such wait, which covered all requests in flight.
    """
    requests = trace[trace["kind"] == TraceKind.M_DISK_REQUEST]
    latest = np.searchsorted(requests["time_ns"], points["time_ns"], side="right") - 1
    awaited, waited_ns = np.zeros(len(points)), -1
    for at in np.flatnonzero((points["kind"] == TraceKind.P_DISK_DONE) & (latest >= 0)):
        request = requests[latest[at]]
        if int(request["time_ns"]) - int(request["arg"]) > waited_ns:
            awaited[at], waited_ns = 1.0, int(request["time_ns"])
    return awaited


def _pages_of_last_shm(points: Records, where: np.ndarray) -> np.ndarray:
    """Pages of the last shared memory created by the client of each selected record before it."""
    made = points[points["kind"] == TraceKind.P_SHM]
    left = pd.DataFrame(
        {"time": points["time_ns"][where].astype(np.int64), "client": points["subject"][where].astype(np.int64)}
    )
    right = pd.DataFrame(
        {
            "time": made["time_ns"].astype(np.int64),
            "client": made["thread"].astype(np.int64) - ThreadId.CLIENT0,
            "pages": made["arg"].astype(np.float64),
        }
    )
    merged = pd.merge_asof(left, right, on="time", by="client")
    return merged["pages"].fillna(0.0).to_numpy()


def segments(trace: Records) -> pd.DataFrame:
    """One row per segment, in order of time.

    Columns: time_ns (of its end), thread, cpu_ns, irqs, dispatches, depth (of the heap of sleepers), pair
    ('client.block>receive'), kind ('client.receive'), and one column per size, with that of the previous point as
    prev_<name>; NaN where the point has no such size.
    """
    # The model writes the points of a burst when the burst has been spent, other threads' records meanwhile.
    trace = trace[np.argsort(trace["time_ns"], kind="stable")]
    points = trace[trace["kind"] < FIRST_MEASUREMENT]
    label = _labels(points)
    label = _named_after_calls(label, points["thread"])
    sizes = _sizes(points, label)
    frame = pd.DataFrame(
        {
            "time_ns": points["time_ns"].astype(np.int64),
            "thread": points["thread"].astype(np.int64),
            "cpu_ns": points["cpu_ns"].astype(np.float64),
            "irqs": points["irqs"].astype(np.float64),
            "dispatches": points["dispatches"].astype(np.float64),
            "depth": _depth(points["sleepers"]),
            "label": label,
        }
    )
    names = {name: size_names(name) for name in label.unique()}
    for position, column in enumerate("abcde"):
        of = label.map({name: sizes_of[position] for name, sizes_of in names.items() if len(sizes_of) > position})
        for name in of.dropna().unique():
            target = frame[name] if name in frame else pd.Series(np.nan, index=frame.index)
            frame[name] = target.where(of != name, sizes[column])
    for name, from_other_records in (("dropped", _dropped), ("awaited", _awaited)):
        if name in frame:
            frame[name] = frame[name].where(frame[name].isna(), from_other_records(trace, points))
    own = list(frame.columns[7:])
    before = frame.groupby("thread")[["label", *own]].shift()
    before["label"] = before["label"].where(before["label"].notna(), "start")
    for name in own:
        if name not in OF_THEMSELVES:
            frame[f"prev_{name}"] = before[name]
    role = frame["thread"].map({thread: THREAD_CLASSES.get(thread, "client") for thread in frame["thread"].unique()})
    frame["kind"] = role + "." + frame["label"]
    frame["pair"] = role + "." + before["label"] + ">" + frame["label"]
    return frame.drop(columns="label")
