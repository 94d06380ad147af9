"""Calibrations and recordings are found again on disk, or refused in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from rayos_model.calibration import load_calibration, load_recorded, record, store
from rayos_model.calibration.fit import fit_pairs
from rayos_model.calibration.memory import fit_memory
from rayos_model.costs.parameters import Parameters
from rayos_model.errors import BadInput
from rayos_model.run.system import execute
from tests.support.paths import ROOT
from tests.support.segments import FREE, table
from tests.support.small import RecordedSystem, small_scenario, small_trace


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for calibrations."""
    monkeypatch.setattr(store, "calibration_root", lambda: tmp_path)
    (tmp_path / "icount").mkdir()
    return tmp_path


def only_line(error: pytest.ExceptionInfo[BadInput]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_parameters_are_read_back_as_they_were_written(root: Path) -> None:
    data = table()
    data["cpu_ns"] = 100 + data["bytes"]
    parameters = Parameters(
        platform="icount",
        provenance={"kernel_sha256": "a" * 64},
        scheduling=FREE,
        memory=fit_memory(pd.DataFrame({"base": [3000], "pages": [24.0], "clients": [2], "shared": [0]})),
        segments=fit_pairs(data, FREE, {}),
        kinds={},
    )
    parameters.dump(root / "icount" / store.PARAMETERS)
    assert load_calibration("icount") == parameters
    assert [path.name for path in (root / "icount").iterdir()] == [store.PARAMETERS]


def test_a_platform_never_calibrated_is_bad_input(root: Path) -> None:
    with pytest.raises(BadInput) as error:
        load_calibration("kvm")
    assert "rayos calibrate --platform kvm" in only_line(error)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"platform": "icount"}', '{"platform": 5, "segments": []}', "\x00\xff"]
)
def test_a_damaged_calibration_is_bad_input(root: Path, content: str) -> None:
    path = root / "icount" / store.PARAMETERS
    path.write_text(content, "latin-1")
    with pytest.raises(BadInput) as error:
        load_calibration()
    assert str(path) in only_line(error)
    assert "makes a new calibration" in only_line(error)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "-1.0", "1e300", '"5"', "true", "null", "[]"])
@pytest.mark.parametrize("key", ["dispatch_ns", "base_pages"])
def test_a_cost_that_is_no_cost_is_bad_input(root: Path, key: str, number: str) -> None:
    path = root / "icount" / store.PARAMETERS
    content = (ROOT / "calibration" / "icount" / store.PARAMETERS).read_text()
    path.write_text(re.sub(rf'"{key}": [\d.]+', f'"{key}": {number}', content))
    with pytest.raises(BadInput) as error:
        load_calibration()
    assert f".{key}: expected" in only_line(error)


def test_a_recording_is_found_again_and_replaces_the_one_before(root: Path, tmp_path: Path) -> None:
    for number, latency_ns in enumerate((5_000_000, 6_000_000)):
        made = execute(RecordedSystem(small_trace(latency_ns=latency_ns)), small_scenario(), tmp_path / str(number))
        record(made, root / "icount")
    kept = load_recorded(small_scenario(), "icount")
    assert kept.metrics == made.metrics
    assert kept.provenance == dict(made.provenance)
    assert [path.name for path in (root / "icount" / "recorded").iterdir()] == ["small"]
    assert not list(kept.path.glob("*.parquet"))


def test_a_recording_that_is_not_there_names_those_that_are(root: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="recorded: none") as error:
        load_recorded(small_scenario(), "icount")
    record(execute(RecordedSystem(small_trace()), small_scenario(), tmp_path / "run"), root / "icount")
    with pytest.raises(BadInput, match="recorded: small") as error:
        load_recorded(small_scenario(name="other"), "icount")
    assert "without --recorded" in only_line(error)


def test_a_recording_of_another_version_of_the_scenario_is_refused(root: Path, tmp_path: Path) -> None:
    record(execute(RecordedSystem(small_trace()), small_scenario(), tmp_path / "run"), root / "icount")
    with pytest.raises(BadInput, match="another version of 'small'") as error:
        load_recorded(small_scenario(seed=9), "icount")
    only_line(error)


@pytest.mark.parametrize("name", ["metrics.json", "provenance.json", "scenario.json"])
@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"name": 1})])
def test_a_damaged_recording_is_bad_input(root: Path, tmp_path: Path, name: str, content: str) -> None:
    record(execute(RecordedSystem(small_trace()), small_scenario(), tmp_path / "run"), root / "icount")
    damaged = root / "icount" / "recorded" / "small" / name
    if (name, content) == ("provenance.json", json.dumps({"name": 1})):
        return  # any object will do
    damaged.write_text(content)
    with pytest.raises(BadInput) as error:
        load_recorded(small_scenario(), "icount")
    assert str(damaged.parent) in only_line(error)
