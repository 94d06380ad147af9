"""Runs as one Perfetto timeline (ui.perfetto.dev): a process per run, a track per thread, slices, counters, instants.

Written with the schema that Perfetto publishes (package `perfetto`). Must not know how runs are judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import pandas as pd

from rayos_model.contract.abi import ThreadId, TraceKind
from rayos_model.contract.trace_record import FIRST_MEASUREMENT, Records
from rayos_model.errors import BadInput
from rayos_model.run.run import Run
from rayos_model.scenario.tables import NS
from rayos_model.toolchain.atomic import written_aside
from rayos_model.trace.points import thread_name

INSTANTS: Final = {
    TraceKind.M_FLIP: "flip",
    TraceKind.M_DROPPED: "dropped frame",
    TraceKind.M_CLIENT_CREATED: "client created",
    TraceKind.M_CLIENT_DESTROYED: "client destroyed",
    TraceKind.M_HANG: "hang",
    TraceKind.M_CRASH: "crash",
    TraceKind.M_PROTOCOL_ERROR: "protocol error",
}
COUNTERS: Final = {"fps": "page flips / s", "cpu_percent": "CPU, %", "memory_kb": "memory, kB", "p99_us": "p99, µs"}
_SEQUENCE: Final = 1


def slices(trace: Records) -> pd.DataFrame:
    """One row for each segment: start_ns, end_ns, thread, name (the point that ends it), pair, cpu_ns.

    A segment starts at its thread's previous point. If the thread blocked there, it starts `cpu_ns` before its end
    instead: a trace records how long a segment ran, not when its thread was dispatched. A segment that was preempted
    after a wait is therefore shown with too late a start. Empty when the run has no control-flow points.
    """
    from rayos_model.trace.segments import segments

    points = trace[trace["kind"] < FIRST_MEASUREMENT]
    if not len(points):
        return pd.DataFrame(columns=["start_ns", "end_ns", "thread", "name", "pair", "cpu_ns"])
    points = points[np.argsort(points["time_ns"], kind="stable")]
    table = segments(points)
    before = table.groupby("thread")["time_ns"].shift()
    waited = table["pair"].str.contains(r"\.(?:block|start)>")
    latest = table["time_ns"] - table["cpu_ns"].astype(np.int64)
    start = latest.where(waited | before.isna(), before)
    start = start.clip(lower=before.fillna(0)).astype(np.int64)
    return pd.DataFrame(
        {
            "start_ns": start.clip(upper=table["time_ns"]),
            "end_ns": table["time_ns"],
            "thread": table["thread"],
            "name": table["kind"].str.partition(".")[2],
            "pair": table["pair"],
            "cpu_ns": table["cpu_ns"].astype(np.int64),
        }
    )


def write_perfetto(runs: Sequence[Run], target: Path) -> int:
    """Writes runs as one timeline, each from its start at 0; returns the number of slices.

    Slices need runs that traced points (`rayos run --trace-points`); counters and instants any run has. Raises
    `BadInput` when the package `perfetto` is not installed, `StorageFailure` when writing fails.
    """
    try:
        from perfetto.trace_builder.proto_builder import StreamingTraceProtoBuilder
    except ImportError:
        raise BadInput("a timeline needs the package perfetto: pip install 'rayos-model[perfetto]'") from None
    with written_aside(target, "the timeline") as aside, aside.open("wb") as file:
        return sum(_Process(file, StreamingTraceProtoBuilder, n).write(run) for n, run in enumerate(runs, 1))


class _Process:
    """One run in a timeline. The id of a track is the number of the run and, in the low 32 bits, of the track."""

    def __init__(self, file: IO[bytes], builder: Any, number: int) -> None:
        self._builder = builder(file)
        self._uuid = number << 32
        self._pid = number

    def write(self, run: Run) -> int:
        """Writes everything of a run, ordered by time within each track; returns the number of slices."""
        self._describe(0, name=f"{run.scenario.name} on {run.system}")
        trace = run.trace()
        table = slices(trace)
        for thread in sorted({*table["thread"], ThreadId.COMPOSITOR}):
            self._describe(int(thread) + 1, thread=int(thread))
        columns = (table[name].tolist() for name in ("start_ns", "end_ns", "thread", "name", "cpu_ns", "pair"))
        for start_ns, end_ns, thread, point, cpu_ns, pair in zip(*columns, strict=True):
            self._event(start_ns, thread + 1, "TYPE_SLICE_BEGIN", point, cpu_ns=cpu_ns, pair=pair)
            self._event(end_ns, thread + 1, "TYPE_SLICE_END")
        for time_ns, name, subject in _instants(trace):
            self._event(time_ns, ThreadId.COMPOSITOR + 1, "TYPE_INSTANT", name, subject=subject)
        seconds = run.metrics.seconds
        for nth, (column, name) in enumerate(COUNTERS.items()):
            track = (1 << 30) + nth
            self._describe(track, counter=name)
            for time_s, value in zip(seconds["time_s"], seconds[column], strict=True):
                if time_s is not None and value is not None:
                    self._count(round(time_s * NS), track, value)
        return len(table)

    def _packet(self, time_ns: int | None = None) -> Any:
        packet = self._builder.create_packet()
        packet.trusted_packet_sequence_id = _SEQUENCE
        if time_ns is not None:
            packet.timestamp = int(time_ns)
        return packet

    def _describe(self, track: int, *, name: str = "", thread: int | None = None, counter: str = "") -> None:
        packet = self._packet()
        descriptor = packet.track_descriptor
        descriptor.uuid = self._uuid + track
        if name:
            descriptor.process.pid = self._pid
            descriptor.process.process_name = name
        elif thread is not None:
            descriptor.parent_uuid = self._uuid
            descriptor.thread.pid = self._pid
            descriptor.thread.tid = self._pid * 100_000 + thread
            descriptor.thread.thread_name = thread_name(thread)
        else:
            descriptor.parent_uuid = self._uuid
            descriptor.name = counter
            descriptor.counter.SetInParent()
        self._builder.write_packet(packet)

    def _event(self, time_ns: int, track: int, kind: str, name: str = "", **notes: Any) -> None:
        packet = self._packet(time_ns)
        event = packet.track_event
        event.type = getattr(type(event), kind)
        event.track_uuid = self._uuid + int(track)
        if name:
            event.name = name
        for key, value in notes.items():
            note = event.debug_annotations.add()
            note.name = key
            if isinstance(value, str):
                note.string_value = value
            elif value < 1 << 63:
                note.int_value = int(value)
            else:
                note.uint_value = int(value)
        self._builder.write_packet(packet)

    def _count(self, time_ns: int, track: int, value: float) -> None:
        packet = self._packet(time_ns)
        event = packet.track_event
        event.type = type(event).TYPE_COUNTER
        event.track_uuid = self._uuid + track
        event.double_counter_value = float(value)
        self._builder.write_packet(packet)


def _instants(trace: Records) -> Iterator[tuple[int, str, int]]:
    chosen = trace[np.isin(trace["kind"], list(INSTANTS))]
    for record in chosen[np.argsort(chosen["time_ns"], kind="stable")]:
        kind = TraceKind(int(record["kind"]))
        subject = int(record["arg"] if kind in (TraceKind.M_FLIP, TraceKind.M_DROPPED) else record["subject"])
        yield int(record["time_ns"]), INSTANTS[kind], subject
