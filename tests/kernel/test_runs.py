"""The kernel system: the real kernel in QEMU yields complete runs, the same ones each time, and names what fails."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rayos_model.contract.abi import Provocation, TraceKind
from rayos_model.errors import BadInput, PlatformFailure
from rayos_model.hardware import KernelSystem, build_kernel, doctor, failures
from rayos_model.hardware.execution import probe
from rayos_model.hardware.platforms import platform_named
from rayos_model.hardware.qemu import find_qemu
from rayos_model.hardware.rendezvous import Limits
from rayos_model.run.run import Run
from rayos_model.run.system import Progress, execute
from rayos_model.scenario.scenario import Scenario, from_dict
from tests.support.repetition import repeated

SECONDS = 5.0


def scenario(**changes: object) -> Scenario:
    base = {
        "name": "hardware-test",
        "duration_s": SECONDS,
        "clients": [
            {"count": 2, "workload": "rendering", "think": {"dist": "exponential", "mean_us": 500}},
            {"count": 1, "workload": "input"},
        ],
    }
    return from_dict({**base, **changes})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, list[Progress]]:
    """One run on icount with every point traced, and the progress it reported."""
    seen: list[Progress] = []
    return execute(KernelSystem(trace_points=True), scenario(), tmp_path_factory.mktemp("run"), seen.append), seen


def test_a_run_is_complete(run: tuple[Run, list[Progress]]) -> None:
    made, _ = run
    lines = made.markers().splitlines()
    assert lines[0].startswith("RAYOS_BOOT")
    assert lines[-1] == "RAYOS_SOAK:COMPLETE:pass"
    assert sum("METRICS_SNAPSHOT" in line for line in lines) == SECONDS
    flips = made.trace(TraceKind.M_FLIP)
    # 60 a second but for the first frames, before a client has anything to show.
    assert 0.9 * 60 * SECONDS < len(flips) <= 60 * SECONDS + 2 * 60
    assert (np.diff(made.trace()["time_ns"].astype(np.int64)) >= 0).all()


def test_progress_follows_virtual_time(run: tuple[Run, list[Progress]]) -> None:
    _, seen = run
    assert [p.phase for p in seen[:2]] == ["building the kernel", "booting"]
    assert seen[-1].phase == "done"
    assert seen[-1].virtual_ns == seen[-1].duration_ns == SECONDS * 1e9
    times = [p.virtual_ns for p in seen]
    assert times == sorted(times)
    assert max(p.fps for p in seen) > 50


def test_provenance_names_what_ran_and_no_path_of_this_machine(run: tuple[Run, list[Progress]]) -> None:
    facts = run[0].provenance
    assert facts["platform"] == "icount"
    assert facts["kernel_sha256"] == build_kernel().sha256
    assert facts["qemu_version"] == find_qemu().version
    assert "<kernel>" in facts["qemu_arguments"]
    text = json.dumps(dict(facts))
    assert str(Path.home()) not in text
    assert str(Path(__file__).resolve().parents[2]) not in text


def test_the_screenshot_shows_the_display(run: tuple[Run, list[Progress]]) -> None:
    made, _ = run
    assert made.screenshot is not None
    with Image.open(made.screenshot) as image:
        assert image.format == "PNG"
        assert image.size == (made.scenario.display.width, made.scenario.display.height)


def test_icount_runs_are_the_same_byte_for_byte(run: tuple[Run, list[Progress]], tmp_path: Path) -> None:
    first, _ = run

    # In a notebook's thread, with another path to the run and other open files: none of that may show.
    async def notebook(out: Path) -> Run:
        return execute(KernelSystem(trace_points=True), scenario(), out)

    second = repeated(lambda out: asyncio.run(notebook(out)), tmp_path, first)
    assert first.metrics == second.metrics


def test_input_through_the_devices_repeats_byte_for_byte(tmp_path: Path) -> None:
    what = scenario(input={"source": "device"}, duration_s=3.0)
    first = repeated(lambda out: execute(KernelSystem(trace_points=True), what, out), tmp_path)
    reports = first.trace(TraceKind.P_DEVICE)
    assert len(reports) > 5
    assert len(first.trace(TraceKind.M_INPUT_ROUND_TRIP)) > 5
    # From the compositor's asking to the report's being there, however long the host took.
    assert int(reports["cpu_ns"].max()) < 20_000


def test_another_seed_is_another_run(run: tuple[Run, list[Progress]], tmp_path: Path) -> None:
    other = execute(KernelSystem(trace_points=True), scenario(seed=2), tmp_path / "other")
    assert run[0].trace().tobytes() != other.trace().tobytes()


def test_wall_clock_emulation_runs_the_same_scenario(tmp_path: Path) -> None:
    made = execute(KernelSystem("tcg"), scenario(duration_s=2.0), tmp_path / "tcg")
    assert made.platform == "tcg"
    assert made.markers().splitlines()[-1].startswith("RAYOS_SOAK:COMPLETE:")
    assert len(made.trace(TraceKind.M_FLIP)) > 10


def test_translations_that_are_kept_across_address_spaces_are_noticed(tmp_path: Path) -> None:
    """What every other test relies on: with an address space of another in use, hardly a client gets anywhere."""
    kernel = KernelSystem(defines=("KEEP_TRANSLATIONS=1",), limits=Limits(silence_s=5))
    try:
        made = execute(kernel, scenario(duration_s=2.0), tmp_path / "kept")
    except PlatformFailure:
        return
    assert "COMPLETE:fail" in made.markers()


def test_a_kernel_panic_is_a_platform_failure_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(failures.GuestPanic) as caught:
        execute(KernelSystem(provoke=Provocation.PANIC), scenario(), tmp_path / "panic")
    assert caught.value.reason
    assert f"RAYOS_PANIC:{caught.value.reason}" in "".join(caught.value.__notes__)
    assert not list(tmp_path.iterdir())


def test_a_kernel_hang_is_a_platform_failure(tmp_path: Path) -> None:
    limits = Limits(silence_s=5)  # a second of this scenario takes a tenth of one
    with pytest.raises((failures.GuestHang, failures.GuestPanic), match="hang"):
        execute(KernelSystem(provoke=Provocation.HANG, limits=limits), scenario(duration_s=20.0), tmp_path / "hang")


def test_a_missing_qemu_is_a_platform_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAYOS_QEMU", "/nowhere/qemu")
    with pytest.raises(failures.QemuMissing):
        execute(KernelSystem(), scenario(), tmp_path / "missing")
    checks = {check.name: check for check in doctor()}
    assert not checks["QEMU"].ok
    assert "apt-get install" in checks["QEMU"].advice
    assert not checks["platform icount"].ok


def test_an_unknown_platform_is_bad_input() -> None:
    with pytest.raises(BadInput):
        KernelSystem("xen")


@pytest.mark.skipif(not Path("/dev/kvm").exists(), reason="no /dev/kvm")
def test_kvm_is_judged_by_what_it_does(tmp_path: Path) -> None:
    qemu, kernel = find_qemu(), Path(build_kernel().path)
    try:
        wall_s = probe(qemu, kernel, platform_named("kvm"))
    except failures.PlatformUnusable as failure:
        assert "use --platform icount" in str(failure)
        with pytest.raises(failures.PlatformUnusable):
            execute(KernelSystem("kvm"), scenario(), tmp_path / "kvm")
    else:
        assert wall_s < 5


def test_the_doctor_finds_the_default_platform_usable() -> None:
    checks = {check.name: check for check in doctor()}
    assert {"QEMU", "kernel", "platform icount", "platform tcg", "platform kvm"} <= set(checks)
    assert all(check.ok for check in checks.values() if check.required)
    assert all("\n" not in check.detail for check in checks.values())


def test_every_failure_of_the_platform_has_exit_status_3() -> None:
    classes = [value for value in vars(failures).values() if isinstance(value, type) and value is not PlatformFailure]
    assert len(classes) > 10
    assert all(issubclass(failure, PlatformFailure) and failure.exit_code == 3 for failure in classes)
