"""A run that exists is whole; one that failed leaves nothing behind."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from rayos_model.contract.trace_record import TraceKind
from rayos_model.errors import BadInput, PlatformFailure, RayosError, StorageFailure
from rayos_model.run import run as runs
from rayos_model.run.run import Run
from rayos_model.run.system import Progress, execute
from rayos_model.run.writer import RunWriter
from rayos_model.trace.parquet import TraceWriter
from tests.conftest import RecordedSystem, small_scenario, small_trace


def test_a_run_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    seen: list[Progress] = []
    written = execute(RecordedSystem(small_trace()), small_scenario(), tmp_path / "a" / "run", seen.append)
    read = Run.load(tmp_path / "a" / "run")
    assert read.passed
    assert seen[-1].virtual_ns == seen[-1].duration_ns
    assert read.scenario == written.scenario == small_scenario()
    assert read.to_dict() == written.to_dict()
    assert read.provenance["platform"] == read.platform == "icount"
    assert {"system", "seed", "date", "package_version", "python", "host_cpu"} <= set(read.provenance)
    assert len(read.trace(TraceKind.M_FLIP)) == 300
    assert read.markers().splitlines() == ["RAYOS_SOAK:START:1:5", "RAYOS_SOAK:COMPLETE:pass"]
    assert json.dumps(read.to_dict())
    assert [entry.name for entry in (tmp_path / "a").iterdir()] == ["run"]


@pytest.mark.parametrize("failure", [PlatformFailure("guest panic"), KeyboardInterrupt(), RuntimeError("bug")])
def test_a_failed_run_leaves_nothing(tmp_path: Path, failure: BaseException) -> None:
    with pytest.raises(type(failure)):
        execute(RecordedSystem(small_trace(), failure=failure), small_scenario(), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_run_is_not_overwritten(tmp_path: Path) -> None:
    system = RecordedSystem(small_trace())
    execute(system, small_scenario(), tmp_path / "run")
    with pytest.raises(BadInput, match="exists already"):
        execute(system, small_scenario(), tmp_path / "run")
    (tmp_path / "empty").mkdir()
    assert execute(system, small_scenario(), tmp_path / "empty").passed


def test_the_default_directory_names_scenario_and_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = execute(RecordedSystem(small_trace(), name="kernel"), small_scenario())
    assert run.path.parent == Path("runs")
    assert run.path.name.startswith("small-kernel-")


def test_a_full_disk_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(TraceWriter, "_flush", full)
    with pytest.raises(StorageFailure, match=r"disk is full; the run was not written") as caught:
        execute(RecordedSystem(small_trace()), small_scenario(), tmp_path / "run")
    assert isinstance(caught.value, RayosError)
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailure, match="cannot write the run"):
        execute(RecordedSystem(small_trace()), small_scenario(), tmp_path / "file" / "run")


@pytest.mark.parametrize(
    "name", [runs.SCENARIO, runs.TRACE, runs.METRICS, runs.MARKERS, runs.PROVENANCE, runs.VERDICTS]
)
def test_an_incomplete_run_is_refused(tmp_path: Path, name: str) -> None:
    execute(RecordedSystem(small_trace()), small_scenario(), tmp_path / "run")
    (tmp_path / "run" / name).unlink()
    with pytest.raises(BadInput, match=name):
        Run.load(tmp_path / "run")


@pytest.mark.parametrize("name", [runs.SCENARIO, runs.METRICS, runs.PROVENANCE, runs.VERDICTS])
@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}', "null"])
def test_a_damaged_run_is_refused(tmp_path: Path, name: str, content: str) -> None:
    execute(RecordedSystem(small_trace()), small_scenario(), tmp_path / "run")
    (tmp_path / "run" / name).write_text(content)
    if (name, content) == (runs.VERDICTS, "[]"):
        return
    with pytest.raises(BadInput, match=str(tmp_path)):
        Run.load(tmp_path / "run")


def test_a_screenshot_is_kept(tmp_path: Path) -> None:
    with RunWriter(small_scenario(), "kernel", tmp_path / "run") as writer:
        writer.trace(small_trace())
        writer.screenshot(b"\x89PNG")
    assert writer.run is not None
    assert writer.run.screenshot is not None
    assert writer.run.screenshot.read_bytes() == b"\x89PNG"
