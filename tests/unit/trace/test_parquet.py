"""Traces survive Parquet, in order and whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rayos_model.contract.abi import TraceKind
from rayos_model.contract.trace_record import TRACE_DTYPE, Records, records_from_bytes
from rayos_model.trace import parquet as trace
from tests.support.small import small_trace


@given(st.lists(hnp.arrays(np.uint8, st.integers(0, 20).map(lambda n: n * 32)), max_size=4))
@settings(deadline=None, max_examples=30)
def test_records_survive_parquet(tmp_path_factory: pytest.TempPathFactory, chunks: list[np.ndarray]) -> None:
    path = tmp_path_factory.mktemp("trace") / "t.parquet"
    parts = [records_from_bytes(chunk.tobytes()).copy() for chunk in chunks]
    for part in parts:
        part["kind"] = np.array(list(TraceKind))[part["kind"] % len(TraceKind)]
        part["time_ns"] %= trace.LONGEST_NS
    with trace.TraceWriter(path, rows_per_group=25) as writer:
        for part in parts:
            writer.append(part)
    expected: Records = np.concatenate(parts) if parts else np.zeros(0, TRACE_DTYPE)
    np.testing.assert_array_equal(trace.read_trace(path), expected)


def test_kinds_can_be_selected_while_reading(tmp_path: Path) -> None:
    with trace.TraceWriter(tmp_path / "t.parquet") as writer:
        writer.append(small_trace())
    flips = trace.read_trace(tmp_path / "t.parquet", [TraceKind.M_FLIP])
    assert len(flips) == 300
    np.testing.assert_array_equal(flips, trace.select(small_trace(), TraceKind.M_FLIP))
    assert len(trace.read_trace(tmp_path / "t.parquet", [TraceKind.M_CRASH])) == 0


def test_records_are_parted_into_points_and_measurements() -> None:
    records = np.concatenate([small_trace(), trace.record(1, TraceKind.P_FLIP)])
    assert len(trace.points(records)) == 1
    assert len(trace.measurements(records)) == len(records) - 1
    assert trace.between(records, 0, 1)["kind"].tolist() == [TraceKind.M_BASELINE, TraceKind.M_CLIENT_CREATED]


def test_a_frame_names_kinds() -> None:
    table = trace.frame(small_trace())
    assert (table["kind"] == "M_FLIP").sum() == 300
    assert table["arg"].max() == small_trace()["arg"].max()
