"""A bug planted in the kernel is found, made small, and then fails the same way when run again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rayos_model import backends
from rayos_model.cli import app as cli
from rayos_model.contract.abi import Provocation
from rayos_model.experiments.shrink import failures_of
from rayos_model.hardware import KernelSystem
from rayos_model.harness.integration import Perturbation, SystemUnderTest, divergent, perturbed
from rayos_model.scenario.builder import ScenarioBuilder, to_toml
from rayos_model.scenario.files import load
from rayos_model.scenario.scenario import Scenario, from_dict

SEEDS = range(4)
"""Interleavings tried; 0 is the undisturbed one."""


def busy_desktop(vcpus: int = 1) -> Scenario:
    """Copies that begin at the same instant in every pair, short quanta, and two changes of theme."""
    return (
        ScenarioBuilder("busy")
        .lasting(3)
        .machine(vcpus=vcpus, quantum_us=200, ping_interval_s=0.5, hang_timeout_s=0.4)
        .clients("clipboard", 8, rate_hz=15, transfer_bytes=30_000, stagger_ms=0)
        .clients("rendering", 2)
        .at(1, "theme_change")
        .at(2, "theme_change")
        .build()
    )


def ups_and_downs() -> Scenario:
    """A computing process that is killed while it runs on the other processor."""
    return from_dict(
        {
            "name": "ups-and-downs",
            "kind": "stress",
            "duration_s": 2,
            "machine": {"vcpus": 2},
            "clients": [{"count": 2, "workload": "rendering", "surface": [64, 64]}],
            "load": {"cpu_threads": 1, "steps": [1, 0], "step_s": 1},
        }
    )


def rayos(system: KernelSystem, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(backends, "system", lambda *_, **__: system)
    monkeypatch.setattr(sys, "argv", ["rayos", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return int(caught.value.code or 0)


@pytest.mark.parametrize(("vcpus", "by"), [(1, "jitter_seed"), (2, "jitter_seed"), (2, "ipi_delay_seed")])
def test_a_sound_kernel_ends_the_same_under_every_interleaving(vcpus: int, by: Perturbation) -> None:
    results = SystemUnderTest(KernelSystem()).interleavings(busy_desktop(vcpus), SEEDS, by)
    assert divergent(results) == []
    assert all(result.passed for result in results.values())
    times = {tuple(moment.time_ns for moment in result.timeline) for result in results.values()}
    assert len(times) == len(SEEDS), "the interleavings were different ones"


@pytest.mark.parametrize("bug", [Provocation.RACE, Provocation.LOST_WAKEUP], ids=lambda bug: bug.name.lower())
def test_a_bug_of_timing_diverges(bug: Provocation) -> None:
    results = SystemUnderTest(KernelSystem(provoke=bug)).interleavings(busy_desktop(), SEEDS)
    assert divergent(results) != []


@pytest.mark.parametrize(
    ("bug", "failure", "workload"),
    [
        (Provocation.ORDER, "verify.theme", None),
        (Provocation.RACE, "verify.transfers", "clipboard"),
        (Provocation.LOST_WAKEUP, "hangs", "clipboard"),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, Provocation) else "",
)
def test_a_planted_bug_is_found_and_shrunk(
    bug: Provocation, failure: str, workload: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    system = KernelSystem(provoke=bug)
    found = next(
        perturbed(busy_desktop(), seed) for seed in SEEDS if failures_of(system, perturbed(busy_desktop(), seed))
    )
    Path("found.toml").write_text(to_toml(found))
    assert rayos(system, monkeypatch, "shrink", "found.toml", "--on", "kernel", "--out", "small.toml") == 0

    small = load("small.toml")
    assert small.client_count < found.client_count
    assert small.duration_s < found.duration_s
    assert small.seed == found.seed
    assert small.machine.jitter_seed == found.machine.jitter_seed
    if workload is not None:
        assert {group.workload for group in small.clients} == {workload}
        assert small.timeline == ()
    assert failure in failures_of(system, small)
    assert rayos(system, monkeypatch, "run", "small.toml", "--on", "kernel") == 1
    assert failures_of(KernelSystem(), small) == frozenset(), "without the bug it passes"


def test_only_interrupts_that_are_late_show_that_a_processor_was_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed process is freed some time later, instead of when its processor has left it."""
    monkeypatch.chdir(tmp_path)
    hasty = KernelSystem(provoke=Provocation.HASTE)
    for seed in SEEDS:
        assert failures_of(hasty, perturbed(ups_and_downs(), seed, "jitter_seed")) == frozenset()
    late = [perturbed(ups_and_downs(), seed, "ipi_delay_seed") for seed in SEEDS]
    found = next(one for one in late if "GuestPanic" in failures_of(hasty, one))
    Path("found.toml").write_text(to_toml(found))
    assert rayos(hasty, monkeypatch, "shrink", "found.toml", "--on", "kernel", "--out", "small.toml") == 0

    small = load("small.toml")
    assert small.duration_s < found.duration_s
    assert small.machine.ipi_delay_seed == found.machine.ipi_delay_seed
    assert rayos(hasty, monkeypatch, "run", "small.toml", "--on", "kernel") == 3
    assert failures_of(KernelSystem(), small) == frozenset(), "without the bug it passes"
