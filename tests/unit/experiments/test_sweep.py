"""Sweeps: one table whichever way it was computed, nothing lost, nothing computed twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import distributed
import pytest

from rayos_model.errors import BadInput, PlatformFailure
from rayos_model.experiments import task, workers
from rayos_model.experiments.design import Range, design, parse_setting
from rayos_model.experiments.sweep import summary, sweep
from rayos_model.scenario.keys import parse_value, share_out, split_values, value_of, with_changes
from rayos_model.scenario.scenario import Scenario
from tests.support.small import small_scenario

SETTINGS: dict[str, Sequence[Any]] = {"clients": [1, 2], "clients.0.damage": [0.25, 1.0]}


def tiny(**changes: Any) -> Scenario:
    return small_scenario(duration_s=2, **changes)


def test_one_job_two_jobs_and_a_resumed_sweep_write_the_same_bytes(tmp_path: Path) -> None:
    table = sweep(tiny(), SETTINGS, replications=2, jobs=1, out=tmp_path / "one.parquet")
    sweep(tiny(), SETTINGS, replications=2, jobs=2, out=tmp_path / "two.parquet")
    kept = sorted((tmp_path / "two.points").iterdir())
    for file in kept[::2]:
        file.unlink()
    kept[1].write_text("{ cut short")
    sweep(tiny(), SETTINGS, replications=2, jobs=1, out=tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    assert len(kept) == len(table.groupby(["point", "replication"])) == 8
    head = ["point", "clients", "clients.0.damage", "replication", "seed"]
    assert list(table.columns) == [*head, "metric", "value", "unit", "low", "high"]


def test_a_finished_point_is_never_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep(tiny(), {"clients": [1]}, jobs=1, out=tmp_path / "t.parquet")
    computed: list[task.Task] = []
    counts: list[tuple[int, int]] = []
    compute = task.compute

    def watched(task: task.Task) -> str:
        computed.append(task)
        return compute(task)

    def done(finished: int, total: int) -> None:
        counts.append((finished, total))

    monkeypatch.setattr(workers, "compute", watched)
    sweep(tiny(name="renamed"), {"clients": [1, 2, 2]}, jobs=1, out=tmp_path / "t.parquet", done=done)
    assert len(computed) == 1
    assert counts == [(1, 2), (2, 2)]


def test_a_killed_sweep_leaves_no_process_and_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    scenario = tmp_path / "tiny.toml"
    scenario.write_text('name = "small"\nduration_s = 2\nwarmup_s = 1\n[[clients]]\nworkload = "rendering"\n')
    command = [sys.executable, "-m", "rayos_model", "sweep", str(scenario), "--set", "seed=1,2,3,4,5,6,7,8"]
    target, marks = tmp_path / "t.parquet", {"RAYOS_TEST_MARK": str(tmp_path)}
    arguments = [*command, "--jobs", "2", "--out", str(target)]
    sweeping = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, env={**os.environ, **marks})
    folder = tmp_path / "t.points"
    deadline = time.monotonic() + 60
    while not list(folder.glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    sweeping.send_signal(signal.SIGKILL)
    sweeping.wait(10)
    finished = {file.name: file.stat().st_mtime_ns for file in folder.glob("*.json")}
    assert finished and not target.exists()
    deadline = time.monotonic() + 10
    while _marked(str(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _marked(str(tmp_path))
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, timeout=60)
    assert finished.items() <= {file.name: file.stat().st_mtime_ns for file in folder.glob("*.json")}.items()
    whole = sweep(tiny(), {"seed": [1, 2, 3, 4, 5, 6, 7, 8]}, jobs=1, out=tmp_path / "whole.parquet")
    assert len(set(whole["seed"])) == 8
    assert target.read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def _marked(mark: str) -> list[str]:
    """Processes that inherited the mark in their environment."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"RAYOS_TEST_MARK={mark}".encode() in environment.read_bytes():
                found.append(environment.parent.name)
        except OSError:
            pass
    return found


def test_an_interrupted_sweep_ends_at_once_and_keeps_what_is_finished(tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    def done(finished: int, total: int) -> None:
        if finished == 1:
            raise Interrupted

    with pytest.raises(Interrupted):
        sweep(tiny(), {"seed": [1, 2, 3, 4, 5, 6]}, jobs=2, out=tmp_path / "t.parquet", done=done)
    assert len(list((tmp_path / "t.points").glob("*.json"))) == 1
    assert not (tmp_path / "t.parquet").exists()


def test_a_dask_cluster_gives_the_same_bytes(tmp_path: Path) -> None:
    sweep(tiny(), SETTINGS, jobs=1, out=tmp_path / "one.parquet")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "local_directory": str(tmp_path)}
    with distributed.LocalCluster(**options) as cluster:  # type: ignore[no-untyped-call]
        sweep(tiny(), SETTINGS, dask=cluster.scheduler_address, out=tmp_path / "dask.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "dask.parquet").read_bytes()


def test_the_longest_points_are_computed_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    compute = task.compute

    def watched(task: task.Task) -> str:
        sizes.append(json.loads(task.scenario)["clients"][0]["count"])
        return compute(task)

    monkeypatch.setattr(workers, "compute", watched)
    table = sweep(tiny(), {"clients": [2, 1, 3]}, jobs=1, out=tmp_path / "t.parquet")
    assert sizes == [3, 2, 1]
    assert list(table["clients"].unique()) == [2, 1, 3]


def test_a_worker_starts_without_what_it_does_not_need() -> None:
    """Loading these takes as long as computing several points."""
    loaded = "import sys; from rayos_model import model; from rayos_model.experiments import task; "
    loaded += "print({'pandas', 'scipy.stats'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True, timeout=60)
    assert found.stdout == "set()\n"


def test_nobody_at_the_address_is_one_line() -> None:
    with pytest.raises(BadInput, match="no Dask scheduler answers"), workers._dask_client("tcp://127.0.0.1:9", 1):
        pass


def test_another_version_of_the_model_on_a_worker_is_refused() -> None:
    with pytest.raises(PlatformFailure, match="another version"):
        task.compute(task.Task("{}", "{}", "of elsewhere"))


def test_a_latin_hypercube_has_one_point_in_each_stratum() -> None:
    settings: dict[str, Sequence[Any] | Range] = {"clients": Range(1, 10), "x": ["a", "b"], "y": Range(0.0, 5.0)}
    chosen = design(settings, 10, seed=3)
    assert len(chosen) == 20
    assert chosen == design(settings, 10, seed=3) != design(settings, 10, seed=4)
    first = [point for point in chosen if point["x"] == "a"]
    assert sorted(point["clients"] for point in first) == list(range(1, 11))
    assert sorted(int(point["y"] * 2) for point in first) == list(range(10))


def test_settings_are_read_as_toml_writes_them() -> None:
    assert parse_setting("clients.0.surface=[64, 32],[128,96]") == ("clients.0.surface", [[64, 32], [128, 96]])
    assert parse_setting("a=1..8") == ("a", Range(1, 8))
    assert parse_setting("a=0.5..1") == ("a", Range(0.5, 1))
    assert split_values('60, 0.5,"x",input') == [60, 0.5, "x", "input"]
    assert parse_value("true") is True
    for wrong in ("a", "a=", "=3", "a=8..1", "a=1..", "a=x..y"):
        with pytest.raises(BadInput, match="expected"):
            parse_setting(wrong)


def test_clients_are_shared_out_in_proportion() -> None:
    assert share_out(16, [16]) == [16]
    assert share_out(128, [24, 16, 8, 8, 8]) == [48, 32, 16, 16, 16]
    assert share_out(5, [24, 16, 8, 8, 8]) == [1, 1, 1, 1, 1]
    assert sum(share_out(77, [3, 3, 1])) == 77
    groups = [{"workload": "rendering", "count": 3}, {"workload": "input", "count": 1, "damage": 0.5}]
    more = with_changes(tiny(clients=groups), {"clients": 8, "clients.*.damage": 0.125, "machine.quantum_us": 500})
    assert [group.count for group in more.clients] == [6, 2]
    assert {group.damage for group in more.clients} == {0.125}
    assert value_of(more, "clients") == 8
    assert value_of(more, "machine.quantum_us") == 500
    assert value_of(more, "clients.*.damage") == 0.125


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("clients", 0, "at least 1"),
        ("clients", 4096, "at most 1024"),
        ("clients", "many", "whole number"),
        ("clients.3.count", 2, r"clients\.0\.KEY"),
        ("machine.quantm_us", 2, "did you mean 'quantum_us'"),
        ("machine.quantum_us", 1, "at least 100"),
        ("nonsense", 1, "unknown key"),
        ("seed.x", 1, "whole number"),
    ],
)
def test_a_wrong_key_or_value_is_one_line_that_names_it(key: str, value: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        sweep(tiny(), {key: [value]}, jobs=1, out=tmp_path / "t.parquet")
    assert "\n" not in str(caught.value)
    assert key.split(".")[0] in str(caught.value)
    assert not any(tmp_path.iterdir())


def test_a_point_whose_clients_would_never_start_is_refused_before_anything_is_computed(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"clients=102.*at least 2\.01 s.*got 2 s") as caught:
        sweep(tiny(), {"clients": [1, 102]}, jobs=1, out=tmp_path / "t.parquet")
    assert "\n" not in str(caught.value)
    assert not any(tmp_path.iterdir())
    sweep(tiny(), {"clients.0.stagger_ms": [1.0], "clients": [102]}, jobs=1, out=tmp_path / "t.parquet")


def test_the_summary_averages_replications(tmp_path: Path) -> None:
    table = sweep(tiny(), {"clients": [1, 2]}, replications=2, jobs=1, out=tmp_path / "t.parquet")
    means = summary(table, ["memory.peak", "hangs"])
    assert list(means.columns) == ["point", "clients", "memory.peak", "hangs"]
    rows = table[(table["metric"] == "memory.peak") & (table["clients"] == 2)]
    assert means["memory.peak"][1] == rows["value"].mean() > means["memory.peak"][0]
