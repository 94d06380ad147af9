"""Timelines: written by us, read back with the schema that Perfetto publishes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as schema

from rayos_model.calibration import load_calibration
from rayos_model.contract.abi import TraceKind
from rayos_model.contract.trace_record import FIRST_MEASUREMENT
from rayos_model.hardware import KernelSystem
from rayos_model.model import ModelSystem
from rayos_model.report.perfetto import slices, write_perfetto
from rayos_model.run.run import Run
from rayos_model.run.system import System, execute
from rayos_model.scenario.scenario import Scenario
from rayos_model.trace.segments import segments
from tests.support.small import mixture, small_scenario


def run_of(system: System, folder: Path, scenario: Scenario) -> Run:
    return execute(system, scenario, folder / f"{system.name}{len(list(folder.iterdir()))}")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs")
    return run_of(ModelSystem(load_calibration(), trace_points=True), folder, mixture())


def test_tracing_points_changes_no_measurement(model: Run, tmp_path: Path) -> None:
    plain = run_of(ModelSystem(load_calibration()), tmp_path, mixture())
    trace = model.trace()
    assert (trace[trace["kind"] >= FIRST_MEASUREMENT] == plain.trace()).all()
    assert not (plain.trace()["kind"] < FIRST_MEASUREMENT).any()


def test_segments_of_a_thread_do_not_overlap_and_last_as_long_as_they_ran(model: Run) -> None:
    table = slices(model.trace()).sort_values(["thread", "end_ns"], kind="stable")
    assert (table["end_ns"] >= table["start_ns"]).all()
    same = table["thread"].eq(table["thread"].shift())
    assert (table["start_ns"][same] >= table["end_ns"].shift()[same]).all()
    assert (table["end_ns"] - table["start_ns"]).sum() >= 0.99 * table["cpu_ns"].sum()


def test_model_and_kernel_come_to_the_same_points_as_often(model: Run, tmp_path: Path) -> None:
    kernel = run_of(KernelSystem(trace_points=True), tmp_path, mixture())
    counts = [Counter(segments(run.trace())["pair"]) for run in (kernel, model)]
    differ = {pair: (counts[0][pair], counts[1][pair]) for pair in counts[0] | counts[1]}
    # A few orders differ where two things happen within a microsecond; calibration and residuals move them.
    assert all(abs(a - b) <= max(4, 0.05 * a) for a, b in differ.values()), differ
    assert abs(sum(counts[0].values()) - sum(counts[1].values())) <= 0.005 * sum(counts[0].values())


def test_a_timeline_decodes_with_the_published_schema(model: Run, tmp_path: Path) -> None:
    target = tmp_path / "two.pftrace"
    count = write_perfetto([model, model], target)
    trace = schema.Trace.FromString(target.read_bytes())
    described = {p.track_descriptor.uuid: p.track_descriptor for p in trace.packet if p.HasField("track_descriptor")}
    processes = [d for d in described.values() if d.HasField("process")]
    assert [d.process.process_name for d in processes] == ["small on model"] * 2
    assert len({d.process.pid for d in processes}) == 2
    threads = Counter(d.thread.thread_name for d in described.values() if d.HasField("thread"))
    assert threads["compositor"] == threads["client 0"] == 2
    counters = {d.name for d in described.values() if d.HasField("counter")}
    assert counters == {"page flips / s", "CPU, %", "memory, kB", "p99, µs"}
    assert all(d.parent_uuid in described for d in described.values() if not d.HasField("process"))

    events = [(p.timestamp, p.track_event) for p in trace.packet if p.HasField("track_event")]
    kinds = Counter(event.type for _, event in events)
    assert kinds[schema.TrackEvent.TYPE_SLICE_BEGIN] == kinds[schema.TrackEvent.TYPE_SLICE_END] == count > 1000
    instants = Counter(event.name for _, event in events if event.type == schema.TrackEvent.TYPE_INSTANT)
    flips = int(np.count_nonzero(model.trace()["kind"] == TraceKind.M_FLIP))
    assert instants["flip"] == 2 * flips > 0
    assert instants["client destroyed"] >= 12
    open_slices: Counter[int] = Counter()
    last: dict[int, int] = {}
    for time_ns, event in events:
        assert event.track_uuid in described
        if event.type in (schema.TrackEvent.TYPE_SLICE_BEGIN, schema.TrackEvent.TYPE_SLICE_END):
            assert time_ns >= last.get(event.track_uuid, 0)
            last[event.track_uuid] = time_ns
            open_slices[event.track_uuid] += 1 if event.type == schema.TrackEvent.TYPE_SLICE_BEGIN else -1
            assert open_slices[event.track_uuid] in (0, 1)
    flip = next(e for _, e in events if e.type == schema.TrackEvent.TYPE_SLICE_BEGIN and e.name == "flip")
    notes = {note.name: note for note in flip.debug_annotations}
    assert notes["pair"].string_value.startswith("compositor.")
    assert notes["cpu_ns"].int_value > 0


def test_a_run_without_points_gives_counters_and_instants_alone(tmp_path: Path) -> None:
    plain = run_of(ModelSystem(load_calibration()), tmp_path, small_scenario(duration_s=2))
    assert write_perfetto([plain], tmp_path / "t.pftrace") == 0
    assert (tmp_path / "t.pftrace").stat().st_size > 1000
