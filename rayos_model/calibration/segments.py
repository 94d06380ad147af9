"""From a trace with points to a table of segments: who, from which point to which, at what sizes, at what cost.

The labels are those of :mod:`rayos_model.parameters`; the model walks the same points.
"""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rayos_model.abi import (
    FIRST_MEASUREMENT,
    Action,
    BatchTag,
    FaultKind,
    Interface,
    NetSide,
    Records,
    Report,
    ThreadId,
    TraceKind,
    unpack_painted,
    unpack_queued,
)
from rayos_model.model.touched import Touched
from rayos_model.parameters import OF_THEMSELVES, heap_depth, size_names
from rayos_model.warmth import NOT_SET, WARMTHS, Warmth

#: Requests of each interface in the order of their opcodes (published wayland.xml and xdg-shell.xml).
REQUESTS: dict[Interface, tuple[str, ...]] = {
    Interface.WL_DISPLAY: ("sync", "get_registry"),
    Interface.WL_REGISTRY: ("bind",),
    Interface.WL_COMPOSITOR: ("create_surface", "create_region"),
    Interface.WL_SHM_POOL: ("create_buffer", "destroy", "resize"),
    Interface.WL_SHM: ("create_pool",),
    Interface.WL_BUFFER: ("destroy",),
    Interface.WL_DATA_OFFER: ("accept", "receive", "destroy", "finish", "set_actions"),
    Interface.WL_DATA_SOURCE: ("offer", "destroy", "set_actions"),
    Interface.WL_DATA_DEVICE: ("start_drag", "set_selection", "release"),
    Interface.WL_DATA_DEVICE_MANAGER: ("create_data_source", "get_data_device"),
    Interface.WL_SURFACE: (
        *("destroy", "attach", "damage", "frame", "set_opaque_region", "set_input_region", "commit"),
        *("set_buffer_transform", "set_buffer_scale", "damage_buffer", "offset"),
    ),
    Interface.WL_SEAT: ("get_pointer", "get_keyboard", "get_touch", "release"),
    Interface.WL_POINTER: ("set_cursor", "release"),
    Interface.WL_KEYBOARD: ("release",),
    Interface.WL_OUTPUT: ("release",),
    Interface.WL_REGION: ("destroy", "add", "subtract"),
    Interface.XDG_WM_BASE: ("destroy", "create_positioner", "get_xdg_surface", "pong"),
    Interface.XDG_SURFACE: ("destroy", "get_toplevel", "get_popup", "set_window_geometry", "ack_configure"),
    Interface.XDG_TOPLEVEL: (
        *("destroy", "set_parent", "set_title", "set_app_id", "show_window_menu", "move", "resize", "set_max_size"),
        *("set_min_size", "set_maximized", "unset_maximized", "set_fullscreen", "unset_fullscreen", "set_minimized"),
    ),
    Interface.ZXDG_DECORATION_MANAGER_V1: ("destroy", "get_toplevel_decoration"),
    Interface.ZXDG_TOPLEVEL_DECORATION_V1: ("destroy", "set_mode", "unset_mode"),
}
REPLACED = ("replaced", "replaced_used", "replaced_mapped", "replaced_drawn")
"""Columns of `replaced_spaces`; each has its cost in `Scheduling`."""

_PIPE_IO = ("pipe_read", "pipe_write", "close")
_OPERATIONS = ("read", "write", "flush")
_SIDES = tuple(side.name.lower() for side in NetSide)
#: Points whose subject says which of several things they are: 'disk_done.write', 'memory.map'.
POINT_DETAILS: dict[TraceKind, tuple[str, ...]] = {
    TraceKind.P_DISK_SUBMIT: _OPERATIONS,
    TraceKind.P_DISK_DONE: _OPERATIONS,
    TraceKind.P_MEMORY: ("map", "unmap", "refused"),
    TraceKind.P_SPAWN: ("client", "load"),
    TraceKind.P_NET_SEND: _SIDES,
    TraceKind.P_NET_RECEIVE: _SIDES,
}
_STORE_CALLS = {"get": "block.get", "durable": "block.flush"}
#: What a thread does first that a timer has woken.
_BY_TIMER = (
    *("wake", "snapshot", "disk_done", "inject", "mend", "scrub"),
    *("repaint", "flip", "vblank", "input", "device", "drag", "ping", "resize", "action"),
)
_POOL = ("request.wl_shm.create_pool", "request.wl_shm_pool.destroy")
_THREADS = {
    ThreadId.IDLE: "idle",
    ThreadId.REPORTER: "reporter",
    ThreadId.COMPOSITOR: "compositor",
    ThreadId.LAUNCHER: "launcher",
    ThreadId.INJECTOR: "injector",
    ThreadId.DISK: "disk",
    ThreadId.NETWORK: "network",
}


def request_label(identity: int) -> str:
    """The label of a request: 'request.<interface>.<request>'; of one to nobody or for nothing: 'request.none'."""
    if identity >> 8 == 0:
        return "request.none"
    interface, opcode = Interface(identity >> 8), identity & 0xFF
    names = REQUESTS.get(interface, ())
    if opcode >= len(names):
        return "request.none"
    name = names[opcode]
    return f"request.{interface.name.lower()}.{name}"


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


def _blocks_told_apart(label: pd.Series, thread: NDArray[np.uint16]) -> pd.Series:
    """Who blocks in a call of the store has done some of its work by then: such blocks are named after the call.

    Which call it was is known from the point at its end, the thread's next one.
    """
    call = label.groupby(thread).shift(-1).map(_STORE_CALLS)
    return label.where((label != "block") | call.isna(), call)


def _label(kind: int, detail: int) -> str:
    if kind == TraceKind.P_REQUEST:
        return request_label(detail)
    if kind == TraceKind.P_PIPE_IO:
        return _PIPE_IO[detail]
    if kind == TraceKind.P_REPORT:
        return f"report.{Report(detail).name.lower()}"
    if kind == TraceKind.P_INJECT:
        return f"inject.{FaultKind(detail >> 4).name.lower()}.{detail & 15}"
    name = TraceKind(kind).name.removeprefix("P_").lower()
    if kind == TraceKind.P_ACTION:
        return f"{name}.{Action(detail).name.lower()}"
    if kind in POINT_DETAILS:
        return f"{name}.{POINT_DETAILS[TraceKind(kind)][detail]}"
    return f"{name}.{BatchTag(detail).name.lower()}" if kind in (TraceKind.P_ENTER, TraceKind.P_SEND) else name


def _depth(sleepers: NDArray[np.uint8]) -> NDArray[np.float64]:
    levels = np.array([heap_depth(count) for count in range(256)], np.float64)
    return levels[sleepers]


def _sizes(points: Records, label: pd.Series) -> pd.DataFrame:
    """Size columns a to e, whose meaning :data:`rayos_model.parameters.SIZES` gives by label."""
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
    """Blocks that the buffer cache gave up for the thread of each point since its point before."""
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
    """Of each delivery among the points, whether the device had to be waited for: 1 or 0.

    It has, when the request was submitted after the last such wait, which was for all that were under way.
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
    """Pages of the shared memory that the client of each selected record created last before it."""
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
    """One row a segment.

    Columns: time_ns (of its end), thread, depth (of the heap of sleepers), pair ('client.block>receive'),
    kind ('client.receive'), cpu_ns, irqs,
    dispatches, and one column for each size name, with the previous point's as prev_<name>; NaN where not carried.
    """
    points = trace[trace["kind"] < FIRST_MEASUREMENT]
    label = _labels(points)
    label = _blocks_told_apart(label, points["thread"])
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
    names = label.map({name: size_names(name) for name in label.unique()})
    for position, column in enumerate("abcde"):
        of = names.map(lambda n, p=position: n[p] if len(n) > p else None)
        for name in of.dropna().unique():
            target = frame[name] if name in frame else pd.Series(np.nan, index=frame.index)
            frame[name] = target.where(of != name, sizes[column])
    for name, told_elsewhere in (("dropped", _dropped), ("awaited", _awaited)):
        if name in frame:
            frame[name] = frame[name].where(frame[name].isna(), told_elsewhere(trace, points))
    own = list(frame.columns[7:])
    before = frame.groupby("thread")[["label", *own]].shift()
    before["label"] = before["label"].where(before["label"].notna(), "start")
    for name in own:
        if name not in OF_THEMSELVES:
            frame[f"prev_{name}"] = before[name]
    role = frame["thread"].map(lambda t: _THREADS.get(t, "client"))
    frame["kind"] = role + "." + frame["label"]
    frame["pair"] = role + "." + before["label"] + ">" + frame["label"]
    return frame.drop(columns="label")


def replaced_spaces(table: pd.DataFrame) -> pd.DataFrame:
    """Of each segment of a run on one processor, whether another client's address space was replaced in it.

    Columns `REPLACED`: 1 or 0, and what `Touched.forget` says of that client.
    """
    touched: defaultdict[int, Touched] = defaultdict(Touched)
    space = 0  # the client whose own is loaded
    rows = []
    steps, pages = (table[name].fillna(0).astype(int) for name in ("steps", "pages"))
    for thread, pair, drew, shared in zip(table["thread"], table["pair"], steps, pages, strict=True):
        replaced = (0, 0, 0, 0)
        if thread >= ThreadId.CLIENT0:
            if thread != space:
                if space:
                    replaced = (1, *touched[space].forget())
                space = thread
            label = pair.partition(">")[2]
            if label == "exit":  # the launcher frees it next
                space = 0
                touched.pop(thread, None)
            elif label == "shm":
                touched[thread].map(shared)
            elif label == "shm_free":
                touched[thread].unmap(shared)
            elif label.startswith("enter"):
                touched[thread].draw(drew)
        rows.append(replaced)
    return pd.DataFrame(rows, table.index, REPLACED, dtype=np.float64)


def circumstances(table: pd.DataFrame, quantum_ns: int) -> pd.DataFrame:
    """Of each segment of a run on one processor, in what circumstances it was passed.

    Columns `warmth`, one of `WARMTHS`, and `liveliness`, as in `Warmth`.

    Clients have an address space each; kernel threads run in whichever is loaded.
    """
    passed, loads, space = Warmth(), 0, 0
    found = []
    timer = _timer_set(table, quantum_ns)
    begin = (table["time_ns"] - table["cpu_ns"]).astype(np.int64)
    for pair, thread, begin_ns, timer_ns in zip(table["pair"], table["thread"], begin, timer, strict=True):
        if thread >= ThreadId.CLIENT0 and thread != space:
            space, loads = thread, loads + 1
        found.append((WARMTHS[passed.pass_by(pair, thread, begin_ns, loads, timer_ns)], passed.liveliness))
    return pd.DataFrame(found, table.index, ["warmth", "liveliness"])


def _timer_set(table: pd.DataFrame, quantum_ns: int) -> list[int]:
    """When the processor was handed over within each segment, if its timer is to be set to another instant for that.

    The timer is set for the end of a quantum or the earliest sleeper. What a thread slept until is known afterwards:
    from the next time that it was woken for that.
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
