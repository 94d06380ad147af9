"""Run folders and baselines from elsewhere: what is no plain file is not followed, copied or waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rayos_model.comparison import baseline
from rayos_model.errors import BadInput
from rayos_model.run.run import METRICS, SCENARIO, TRACE, Run
from rayos_model.run.system import execute
from rayos_model.scenario import files
from rayos_model.trace.parquet import read_trace
from tests.support.small import RecordedSystem, small_scenario, small_trace


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    return execute(RecordedSystem(small_trace()), small_scenario(), tmp_path / "run")


@pytest.mark.parametrize("name", [METRICS, SCENARIO])
@pytest.mark.timeout(60)
def test_a_device_or_pipe_in_a_run_is_refused_at_once(run: Run, name: str) -> None:
    (run.path / name).unlink()
    (run.path / name).symlink_to("/dev/zero")
    with pytest.raises(BadInput, match=f"{name} missing"):
        Run.load(run.path)
    (run.path / name).unlink()
    os.mkfifo(run.path / name)
    with pytest.raises(BadInput, match=f"{name} missing"):
        Run.load(run.path)


@pytest.mark.timeout(60)
def test_a_pipe_is_no_scenario_and_no_trace(tmp_path: Path) -> None:
    for name in ("pipe.toml", TRACE):
        os.mkfifo(tmp_path / name)
    with pytest.raises(BadInput, match="expected a file"):
        files.load(tmp_path / "pipe.toml")
    with pytest.raises(BadInput, match="expected a file"):
        read_trace(tmp_path / TRACE)


def test_a_baseline_holds_plain_files_only(run: Run, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (run.path / "link").symlink_to(tmp_path / "secret")
    (run.path / "all").symlink_to("/")
    kept = baseline.save(run)
    assert not {path.name for path in kept.iterdir()} & {"link", "all"}
    assert baseline.load_baseline(run).metrics == run.metrics


def test_a_baseline_that_leads_elsewhere_removes_nothing_there(run: Run, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    link = baseline.baseline_path(run)
    for target in (precious, Path("../../precious")):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        baseline.save(run)
        assert (precious / "file").exists()
    first = link.resolve()
    baseline.save(run)
    assert not first.exists(), "its own older copy goes"


def test_a_trace_of_far_too_many_records_is_not_read(tmp_path: Path) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from rayos_model.trace.parquet import _SCHEMA

    zeros = [pa.array(np.zeros(1 << 22, field.type.to_pandas_dtype())) for field in _SCHEMA]
    with pq.ParquetWriter(tmp_path / TRACE, _SCHEMA, compression="zstd", data_page_size=1 << 30) as writer:
        writer.write_table(pa.Table.from_arrays(zeros, schema=_SCHEMA), row_group_size=1 << 22)
    with pytest.raises(BadInput, match="records in a file of its size"):
        read_trace(tmp_path / TRACE)
