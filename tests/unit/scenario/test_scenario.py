"""A scenario that loads is valid; one that does not says in one line where and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rayos_model.errors import BadInput
from rayos_model.scenario import files
from rayos_model.scenario.tables import NS
from rayos_model.verdict.verdict import criteria_of
from tests.support.small import small_scenario

HEAD = 'name = "x"\nduration_s = 10\n'
FAILURE = HEAD + 'kind = "failure"\n'
CLIENT = '[[clients]]\nworkload = "rendering"\n'
EVERYTHING = [name for category in ("", "calibration", "validation") for name in files.shipped(category)]
NETWORK = "[network]\nheartbeat_ms = 100\n"
DISK = "[machine]\ndisk_mb = 16\n"
PARTITION = '[[faults]]\nkind = "network_partition"\nat_s = 1\nduration_s = 1\n'

MISTAKES = {
    "a boolean for a number": (HEAD + CLIENT + "count = true\n", ("clients.0.count", "whole number", "True")),
    "text for a number": ('name = "x"\nduration_s = "3"\n' + CLIENT, ("duration_s", "expected a number", "'3'")),
    "a fraction for a count": (HEAD + CLIENT + "count = 2.5\n", ("clients.0.count", "whole number", "2.5")),
    "no number": ('name = "x"\nduration_s = nan\n' + CLIENT, ("duration_s", "finite", "nan")),
    "a number of 5000 digits": (f'name = "x"\nduration_s = {"9" * 5000}\n' + CLIENT, ("too many digits",)),
    "deep nesting": (HEAD + "clients = " + "[" * 5000 + "]" * 5000, ("nested too deeply",)),
    "no time at all": ('name = "x"\nduration_s = 1e-12\n' + CLIENT, ("duration_s", "at least 0.1", "1e-12")),
    "a start beyond any bound": (HEAD + CLIENT + "start_s = 1e300\n", ("clients.0.start_s", "at most 2_592_000")),
    "a stagger beyond any bound": (HEAD + CLIENT + "stagger_ms = 1e300\n", ("clients.0.stagger_ms", "at most")),
    "a lifetime beyond any bound": (HEAD + CLIENT + "lifetime_s = 1e300\n", ("clients.0.lifetime_s", "at most")),
    "a rate of almost nothing": (HEAD + CLIENT + "rate_hz = 1e-300\n", ("clients.0.rate_hz", "at least 1e-06")),
    "pings without pause": (HEAD + "[machine]\nping_interval_s = 1e-9\n" + CLIENT, ("ping_interval_s", "at least")),
    "a spread beyond any bound": (
        HEAD + CLIENT + 'think = { dist = "lognormal", median_us = 5, sigma = 100 }\n',
        ("clients.0.think.sigma", "at most 10"),
    ),
    "a start past the end": (HEAD + CLIENT + "start_s = 10\n", ("clients.0", "before the end (10 s)")),
    "a last start past the end": (
        HEAD + CLIENT + "count = 3\nstagger_ms = 6000\n",
        ("clients.0", "the last starts at 12 s"),
    ),
    "an event past the end": (
        HEAD + CLIENT + '[[timeline]]\nat_s = 11\naction = "close"\n',
        ("timeline.0.at_s", "before the end (10 s)", "11"),
    ),
    "steps past the end": (HEAD + "[load]\ncpu_threads = 1\nsteps = [0, 0.5, 1]\n" + CLIENT, ("load.steps", "got 10")),
    "an infinite limit": (HEAD + CLIENT + '[criteria]\ncrashes = "== 1e999"\n', ("crashes", "finite", "1e999")),
    "unknown key": (HEAD + CLIENT + "surfaces = [1, 1]\n", ("clients.0.surfaces", "unknown key", "'surface'")),
    "unknown top-level key": ("durations = 1\n" + HEAD + CLIENT, ("durations", "unknown key", "'duration_s'")),
    "unknown distribution key": (
        HEAD + CLIENT + 'think = { dist = "exponential", mean = 5 }\n',
        ("clients.0.think.mean", "unknown key", "'mean_us'"),
    ),
    "missing key": ('name = "x"\n' + CLIENT, ("duration_s", "required")),
    "no clients": (HEAD + "clients = []\n", ("clients", "at least 1")),
    "wrong type": (HEAD + '[machine]\nmemory_mb = "big"\n' + CLIENT, ("machine.memory_mb", "whole number", "'big'")),
    "out of range": (HEAD + CLIENT + "damage = 1.5\n", ("clients.0.damage", "at most 1", "1.5")),
    "workload": (HEAD + '[[clients]]\nworkload = "rendring"\n', ("clients.0.workload", "did you mean 'rendering'?")),
    "distribution": (HEAD + CLIENT + 'think = { dist = "normal" }\n', ("clients.0.think", "exponential", "'normal'")),
    "no distribution": (HEAD + CLIENT + "think = 5\n", ("clients.0.think", "expected a distribution", "5")),
    "several cpus": (HEAD + "[machine]\nvcpus = 17\n" + CLIENT, ("machine.vcpus", "at most 16", "17")),
    "fault kind": (
        FAILURE + CLIENT + '[[faults]]\nkind = "crash"\nat_s = 1\n',
        ("faults.0.kind", "client_crash", "'crash'"),
    ),
    "fault key": (
        FAILURE + CLIENT + '[[faults]]\nkind = "hang"\nrate = 1\n',
        ("faults.0.rate", "unknown key", "'rate_hz'"),
    ),
    "fault without time": (FAILURE + CLIENT + '[[faults]]\nkind = "hang"\n', ("faults.0", "at_s", "rate_hz")),
    "fault too late": (
        FAILURE + CLIENT + '[[faults]]\nkind = "hang"\nat_s = 6\n',
        ("faults.0", "last 5 s", "6 s of 10 s"),
    ),
    "fault variant": (
        FAILURE + CLIENT + '[[faults]]\nkind = "hang"\nat_s = 1\nvariant = "kill"\n',
        ("faults.0", "variant", "stop_responding", "'kill'"),
    ),
    "fault target": (
        FAILURE + CLIENT + '[[faults]]\nkind = "hang"\nat_s = 1\ntarget = 1\n',
        ("faults.0.target", "below 1", "1"),
    ),
    "fault group": (
        FAILURE + CLIENT + '[[faults]]\nkind = "hang"\nat_s = 1\ngroup = 1\n',
        ("faults.0.group", "below 1", "1"),
    ),
    "partition without network": (
        FAILURE + CLIENT + PARTITION,
        ("faults.0", "network"),
    ),
    "partition without end": (
        FAILURE + NETWORK + CLIENT + '[[faults]]\nkind = "network_partition"\nat_s = 1\n',
        ("faults.0", "duration_s"),
    ),
    "partition too short": (
        FAILURE + NETWORK + CLIENT + '[[faults]]\nkind = "network_partition"\nat_s = 1\nduration_s = 0.3\n',
        ("faults.0.duration_s", "timeout_ms (350)", "0.3 s"),
    ),
    "partition too late": (
        FAILURE + NETWORK + CLIENT + '[[faults]]\nkind = "network_partition"\nat_s = 4.5\nduration_s = 1\n',
        ("faults.0", "last 5 s"),
    ),
    "partition on several cpus": (
        FAILURE + NETWORK + "[machine]\nvcpus = 2\n" + CLIENT + PARTITION,
        ("machine.vcpus", "expected 1", "2"),
    ),
    "partition of a client": (
        FAILURE + NETWORK + CLIENT + '[[faults]]\nkind = "network_partition"\nat_s = 1\nduration_s = 1\ntarget = 0\n',
        ("faults.0", "target"),
    ),
    "late interrupts of one cpu": (HEAD + "[machine]\nipi_delay_seed = 1\n" + CLIENT, ("ipi_delay_seed", "vcpus", "2")),
    "disk error without disk": (
        FAILURE + CLIENT + '[[faults]]\nkind = "disk_error"\nat_s = 1\n',
        ("faults.0", "machine.disk_mb"),
    ),
    "disk error of a client": (
        FAILURE + DISK + CLIENT + '[[faults]]\nkind = "disk_error"\nat_s = 1\ngroup = 0\n',
        ("faults.0", "disk_error strikes no client"),
    ),
    "disk error that lasts": (
        FAILURE + DISK + CLIENT + '[[faults]]\nkind = "disk_error"\nat_s = 1\nduration_s = 1\n',
        ("faults.0", "duration_s", "disk_outage"),
    ),
    "disk outage without end": (
        FAILURE + DISK + CLIENT + '[[faults]]\nkind = "disk_outage"\nat_s = 1\n',
        ("faults.0", "duration_s"),
    ),
    "disk error on several cpus": (
        FAILURE + DISK + "vcpus = 2\n" + CLIENT + '[[faults]]\nkind = "disk_error"\nat_s = 1\n',
        ("machine.vcpus", "expected 1 with a disk_error", "2"),
    ),
    "duration of a hang": (
        FAILURE + CLIENT + '[[faults]]\nkind = "hang"\nat_s = 1\nduration_s = 1\n',
        ("faults.0", "duration_s", "network_partition or disk_outage"),
    ),
    "time-out of a network": (HEAD + "[network]\ntimeout_ms = 150\n" + CLIENT, ("network", "timeout_ms", "200", "150")),
    "latency of a network": (HEAD + "[network]\nlatency_us = 50000\n" + CLIENT, ("network", "latency_us", "50000")),
    "network key": (HEAD + "[network]\nlatency_ms = 1\n" + CLIENT, ("network.latency_ms", "'latency_us'")),
    "faults of a soak": (
        HEAD + CLIENT + '[[faults]]\nkind = "hang"\nat_s = 1\n',
        ("faults", "failure", "soak"),
    ),
    "limit": (HEAD + CLIENT + "[limits]\nclient_pool = 1\n", ("limits.client_pool", "unknown key", "'client_pools'")),
    "load": (HEAD + CLIENT + "[load]\ndisk_iops = 500\n", ("load.disk_iops", "a machine with a disk")),
    "load key": (HEAD + CLIENT + "[load]\ncpu_thread = 8\n", ("load.cpu_thread", "'cpu_threads'")),
    "surface beyond display": (HEAD + CLIENT + "surface = [1300, 10]\n", ("clients.0.surface", "1280×720", "1300×10")),
    "metric": (
        HEAD + CLIENT + '[criteria]\n"frame_rate.mim" = ">= 60"\n',
        ("criteria", "did you mean 'frame_rate.min'?"),
    ),
    "unit": (HEAD + CLIENT + '[criteria]\n"cpu.mean" = "< 5 ms"\n', ("criteria", "cpu.mean", "%", "'ms'")),
    "no unit": (HEAD + CLIENT + '[criteria]\n"composition.p99" = "< 5"\n', ("composition.p99", "ms", "no unit")),
    "form": (HEAD + CLIENT + '[criteria]\n"crashes" = "none"\n', ("crashes", "operator value unit", "'none'")),
    "syntax": ('name = "x"\nduration_s = = 3\n', ("not valid TOML", "line 2")),
    "duplicate key": (HEAD + HEAD, ("not valid TOML", "line 3")),
    "idle with a rate": (HEAD + '[[clients]]\nworkload = "idle"\nrate_hz = 3\n', ("rate_hz",)),
    "gap of zero": (HEAD + '[[clients]]\nworkload = "input"\ngap = { dist = "constant" }\n', ("gap", "0")),
    "endless time": (
        HEAD + CLIENT + 'think = { dist = "lognormal", median_us = 1e9, sigma = 9 }\n',
        ("think", "below"),
    ),
    "not a number": (HEAD + CLIENT + "rate_hz = nan\n", ("clients.0.rate_hz",)),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_in_one_line(mistake: str) -> None:
    text, parts = MISTAKES[mistake]
    with pytest.raises(BadInput) as caught:
        files.parse(text, "mine.toml")
    message = str(caught.value)
    assert message.startswith("mine.toml: ")
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("name", EVERYTHING)
def test_shipped_scenarios_load_under_their_name(name: str) -> None:
    loaded = files.load(name)
    assert loaded.name == name
    assert loaded.description
    assert 0 <= loaded.warmup_ns < loaded.duration_ns


def test_shipped_soaks_demand_what_the_specification_does() -> None:
    def required(name: str, metric: str) -> tuple[str, float]:
        criterion = criteria_of(files.load(name))[metric]
        return criterion.op, criterion.value

    assert required("soak-4", "crashes") == ("==", 0)
    assert required("soak-4", "frame_rate.min") == (">=", 60)
    assert required("soak-16", "dropped_frames.percent") == ("<", 5)
    assert required("soak-16", "commit_to_present.p99") == ("<", 100_000)
    assert required("soak-64", "memory.leak") == ("==", 0)
    assert required("soak-surfaces", "memory.leak") == ("==", 0)
    assert required("soak-60fps", "frame_rate.min") == (">=", 60)
    durations = {"soak-4": 3600, "soak-16": 3600, "soak-64": 1800}
    assert {name: files.load(name).duration_s for name in durations} == durations
    assert {name: files.load(name).client_count for name in ("soak-4", "soak-16", "soak-64", "soak-128")} == {
        "soak-4": 4,
        "soak-16": 16,
        "soak-64": 64,
        "soak-128": 128,
    }


def test_validation_shares_no_seed_and_no_client_group_with_calibration() -> None:
    calibration = [files.load(name) for name in files.shipped("calibration")]
    validation = [files.load(name) for name in files.shipped("validation")]
    assert not {one.seed for one in calibration} & {one.seed for one in validation}
    surfaces = {group.surface for one in calibration for group in one.clients}
    assert not surfaces & {group.surface for one in validation for group in one.clients}


def test_a_misspelt_name_is_answered_with_a_near_one() -> None:
    with pytest.raises(BadInput, match="did you mean 'soak-16'"):
        files.load("soak16")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_an_unreadable_file_is_bad_input(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "s.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=str(path)):
        files.load(path)


def test_defaults_follow_the_workload() -> None:
    rendering, typing, idle = files.parse(
        HEAD + CLIENT + '[[clients]]\nworkload = "input"\n[[clients]]\nworkload = "idle"\n'
    ).clients
    assert (rendering.rate, rendering.damage_share) == (60, 1)
    assert (typing.rate, typing.damage_share, typing.gap_or_default.dist) == (10, 0.25, "exponential")
    assert idle.rate == 0


def test_overrides_keep_what_was_not_given() -> None:
    original = small_scenario()
    shorter = original.with_overrides(duration_s=0.5, seed=9)
    assert (shorter.duration_ns, shorter.seed, shorter.clients) == (NS // 2, 9, original.clients)
    assert shorter.warmup_ns < shorter.duration_ns
    assert original.with_overrides() == original
    with pytest.raises(BadInput, match="duration_s"):
        original.with_overrides(duration_s=0)


def test_the_schema_names_every_key() -> None:
    schema = json.dumps(files.json_schema())
    for key in ("duration_s", "repaint_window_us", "transfer_bytes", "median_us", "hang_timeout_s"):
        assert f'"{key}"' in schema


def test_a_fault_at_the_very_start_counts_among_the_planned_events() -> None:
    scenario = files.parse(FAILURE + CLIENT + '[[faults]]\nkind = "hang"\nat_s = 0\n')
    assert scenario.last_event_s == 5  # the time left for its recovery
