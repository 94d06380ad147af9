"""The command line: exit statuses, one line for an error, one document for `--json`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from rayos_model.cli import app as cli
from rayos_model.errors import PlatformFailure
from rayos_model.run import system
from rayos_model.run.run import Run
from rayos_model.run.system import Progress, ProgressFn, execute
from rayos_model.run.writer import RunWriter
from rayos_model.scenario import files
from rayos_model.scenario.scenario import Scenario
from tests.support.command import SMALL, Rayos
from tests.support.small import RecordedSystem, small_trace


def test_run_passes_and_fails_by_the_criteria(rayos: Rayos) -> None:
    status, out, err = rayos("run", "small.toml", "--on", "model", "--out", "one")
    assert (status, err) == (0, "")
    assert "commit_to_present.p99" in out
    rayos.plays(RecordedSystem(small_trace(leak_pages=1)))
    status, out, _ = rayos("run", "small.toml", "--on", "model", "--out", "two")
    assert status == 1
    assert "FAILED" in out


def test_json_is_one_document_and_nothing_else(rayos: Rayos) -> None:
    status, out, err = rayos("run", "small.toml", "--on", "model", "--json", "--out", "one", "--seed", "7")
    document = json.loads(out)
    assert (status, err) == (0, "")
    assert document["ok"] is True
    assert document["provenance"]["seed"] == 7
    assert document["metrics"]["frame_rate.min"] == {"value": 60.0, "unit": "fps"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "dmo", "--on", "model"),
        ("run", "nowhere/none.toml", "--on", "model"),
        ("run", "demo"),
        ("run", "demo", "--on", "toaster"),
        ("run", "demo", "--on", "model", "--duration", "-3"),
        ("run", "demo", "--on", "model", "--duration", "long", "--json"),
        ("run", "demo", "--on", "model", "--seed", "-1"),
        ("report", "nowhere"),
        ("markers", "check", "nowhere.log"),
        ("frobnicate",),
        ("plan", "demo"),
        ("plan", "demo", "--vary", "clients", "--slo", "commit_to_present.p99"),
        ("plan", "demo", "--vary", "clients=1,2"),
        ("plan", "demo", "--vary", "clients", "--plot", "plot.doc"),
        ("sweep", "demo"),
        ("sweep", "demo", "--set", "machine.quantm_us=100"),
        ("sweep", "demo", "--set", "clients=1..4"),
        ("sweep", "demo", "--set", "clients=1", "--jobs", "0"),
        ("trace", "nowhere", "--perfetto", "f.pftrace"),
        ("explain", "nowhere"),
    ],
)
def test_bad_input_is_one_line_and_status_2(rayos: Rayos, arguments: tuple[str, ...]) -> None:
    status, out, err = rayos(*arguments)
    assert status == 2
    assert out == ""
    assert err.startswith("rayos: ")
    assert err.count("\n") == 1


def test_control_characters_of_an_argument_are_shown_escaped(rayos: Rayos) -> None:
    status, _, err = rayos("run", "--on", "\x1b[31mred")
    assert (status, err.count("\n")) == (2, 1)
    assert "\x1b" not in err and "\\x1b" in err


def test_a_failing_platform_is_status_3(rayos: Rayos) -> None:
    rayos.plays(RecordedSystem(small_trace(), failure=PlatformFailure("the guest panicked: heap")))
    assert rayos("run", "small.toml", "--on", "kernel", "--json") == (3, "", "rayos: the guest panicked: heap\n")
    assert not any(Path("runs").iterdir())


def test_interruption_is_one_line_and_status_130(rayos: Rayos) -> None:
    rayos.plays(RecordedSystem(small_trace(), failure=KeyboardInterrupt()))
    status, out, err = rayos("run", "small.toml", "--on", "model")
    assert (status, out) == (130, "")
    assert "interrupted" in err
    assert not any(Path("runs").iterdir())


def test_runs_are_reported_side_by_side(rayos: Rayos) -> None:
    rayos("run", "small.toml", "--on", "model", "--out", "one")
    rayos("run", "small.toml", "--on", "model", "--out", "two")
    status, out, _ = rayos("report", "one", "two", "--html", "page.html")
    assert status == 0
    assert out.count("small on model") >= 2
    assert "<svg" in Path("page.html").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "one", "--html", "file/page.html"),
        ("explain", "small.toml", "--html", "file/page.html"),
        ("trace", "one", "--perfetto", "."),
        ("sweep", "small.toml", "--set", "seed=1,2", "--out", "file/table.parquet"),
        ("plan", "small.toml", "--vary", "clients", "--plot", "file/plan.png"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    rayos: Rayos, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("it began to work")

    Path("file").touch()
    rayos("run", "small.toml", "--on", "model", "--out", "one")
    monkeypatch.setattr(Run, "load", work)
    monkeypatch.setattr(files, "load", work)
    status, out, err = rayos(*arguments)
    assert (status, out, err.count("\n")) == (3, "", 1)
    assert "the result" in err


def test_a_name_that_another_run_takes_meanwhile_is_kept_by_it(rayos: Rayos) -> None:
    played = RecordedSystem(small_trace())

    class Slow(RecordedSystem):
        def run(self, scenario: Scenario, writer: RunWriter, progress: ProgressFn) -> None:
            execute(played, scenario, "mine")
            super().run(scenario, writer, progress)

    rayos.plays(Slow(small_trace(50)))
    _, out, err = rayos("run", "small.toml", "--on", "model", "--out", "mine")
    assert "another run has taken mine" in err
    assert "run: mine-2" in out
    assert Run.load("mine").metrics != Run.load("mine-2").metrics


def test_a_run_is_given_up_after_its_timeout() -> None:
    clock = iter((0.0, 1.0, 11.0))
    shown: list[Progress] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rayos_model.run.system.time.monotonic", lambda: next(clock))
        show = system.limited(shown.append, 10)
        show(Progress(1, 9))
        with pytest.raises(PlatformFailure, match="given up after 10 s"):
            show(Progress(2, 9))
    assert shown == [Progress(1, 9)]


def test_a_run_is_compared_with_its_baseline(rayos: Rayos) -> None:
    rayos("run", "small.toml", "--on", "model", "--out", "good", "--save-baseline")
    status, out, err = rayos("compare", "good", "--html", "page.html")
    assert (status, err) == (0, "")
    assert "nothing regressed" in out
    assert "Baseline against current" in Path("page.html").read_text()
    rayos.plays(RecordedSystem(small_trace(50)))
    rayos("run", "small.toml", "--on", "model", "--out", "bad")
    status, out, _ = rayos("compare", "bad")
    assert status == 1
    assert "REGRESSED" in out
    status, out, err = rayos("compare", "good", "bad", "--json")
    document = json.loads(out)
    assert (status, err, document["ok"]) == (1, "", False)
    worse = {metric["name"] for metric in document["metrics"] if metric["verdict"] == "regressed"}
    assert "frame_rate.mean" in worse


def test_runs_that_are_not_comparable_are_bad_input(rayos: Rayos) -> None:
    rayos("run", "small.toml", "--on", "model", "--out", "one")
    rayos("run", "small.toml", "--on", "model", "--out", "two", "--seed", "7")
    for arguments in (("one", "two"), ("one",), ("one", "one", "one"), ("one", "nowhere"), ("one", "--calibration")):
        status, out, err = rayos("compare", *arguments)
        assert (status, out, err.count("\n")) == (2, "", 1)


def test_a_sweep_prints_and_keeps_its_table(rayos: Rayos) -> None:
    options = ("--duration", "2", "--jobs", "1", "--out", "t.parquet", "--metric", "memory.peak")
    status, out, err = rayos("sweep", "small.toml", "--set", "clients=1,2", *options)
    assert (status, err) == (0, "")
    assert "memory" in out and "clients" in out
    assert Path("t.parquet").is_file()


def test_a_plan_is_one_json_document(rayos: Rayos) -> None:
    options = ("--vary", "clients=1..3", "--slo", "frame_rate.min>=60", "--duration", "3", "--jobs", "1", "--json")
    status, out, _ = rayos("plan", "small.toml", *options)
    document = json.loads(out)
    assert (status, document["ok"], document["answers"][0]["value"]) == (0, True, 3)
    assert document["objectives"] == ["frame_rate.min >=60", "clients.refused == 0"]


def test_scenarios_are_listed_shown_and_described(rayos: Rayos) -> None:
    assert "soak-64" in rayos("scenarios")[1]
    assert "validation/mixed-4" in rayos("scenarios", "list")[1]
    assert 'name = "mixed-4"' in rayos("scenarios", "show", "validation/mixed-4")[1]
    assert 'name = "demo"' in rayos("scenarios", "show", "demo")[1]
    assert rayos("scenarios", "show", "small.toml")[1] == SMALL
    assert json.loads(rayos("scenarios", "schema")[1])["title"] == "RayOS scenario"


def test_a_log_is_checked(rayos: Rayos) -> None:
    Path("good.log").write_text("RAYOS_SOAK:START:0:1\r\nRAYOS_FOO:BAR\r\nRAYOS_SOAK:COMPLETE:pass\r\n")
    status, out, _ = rayos("markers", "check", "good.log")
    assert status == 0
    assert "2 markers, 1 unknown, 0 problems" in out
    Path("bad.log").write_bytes(b"RAYOS_SOAK:START:x:1\n\xff\xfe\n")
    status, out, _ = rayos("markers", "check", "bad.log")
    assert status == 1
    assert "line 1: clients must be a whole number" in out


def test_help_teaches_with_examples(rayos: Rayos) -> None:
    status, out, _ = rayos("--help")
    assert status == 0
    assert "rayos doctor" in out
    assert "Example: rayos run soak-16" in rayos("run", "--help")[1]


def test_progress_goes_to_standard_error_only(rayos: Rayos, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rayos_model.cli.progress._LINE_EVERY_S", 0.0)
    _, out, err = rayos("run", "small.toml", "--on", "model", "--json")
    json.loads(out)
    assert "5 of 5 virtual s" in err


def test_every_subcommand_explains_itself_with_an_example_and_every_option() -> None:
    command = typer.main.get_command(cli.app)
    assert isinstance(command, typer.core.TyperGroup)
    for name, one in command.commands.items():
        assert one.help and one.help[0].isupper(), name
        parts = getattr(one, "commands", {"": one})
        for part in parts.values():
            assert isinstance(part, typer.core.TyperCommand)
            assert part.epilog or part.name == "list", f"{name} {part.name}: no example"
            assert not [parameter.name for parameter in part.params if not getattr(parameter, "help", None)], name


@pytest.mark.parametrize("old", [("run", "demo", "--on", "model", "--points"), ("explain", "demo", "--share", "0.1")])
def test_options_have_one_name(rayos: Rayos, old: tuple[str, ...]) -> None:
    status, _, err = rayos(*old)
    assert (status, "No such option" in err) == (2, True)
