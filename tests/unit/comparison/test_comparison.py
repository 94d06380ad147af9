"""Comparing two runs: a clean re-run is never flagged, a real change is, and the operation it comes from is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rayos_model.calibration import load_calibration
from rayos_model.comparison import Comparison, attribution, baseline, compare_runs, runs
from rayos_model.contract.abi import TraceKind
from rayos_model.contract.metric_units import METRIC_UNITS
from rayos_model.contract.trace_record import TRACE_DTYPE, Records
from rayos_model.errors import BadInput
from rayos_model.hardware import KernelSystem, build_kernel
from rayos_model.run.run import Run
from rayos_model.run.system import ProgressFn, execute
from rayos_model.run.writer import RunWriter
from rayos_model.scenario import files
from rayos_model.scenario.scenario import Scenario
from rayos_model.scenario.tables import NS
from tests.support.paths import ROOT
from tests.support.small import RecordedSystem, small_scenario, small_trace

OPERATION = "compositor.request.wl_surface.commit"


class Noisy:
    """A kernel whose commits take `slow` × 10 µs, disturbed by noise that lasts from one commit to the next."""

    name = "kernel"

    def __init__(self, seed: int, slow: float = 1.0, platform: str = "icount", sigma: float = 0.1) -> None:
        self._random = np.random.default_rng(seed)
        self._slow, self._platform, self._sigma = slow, platform, sigma

    def run(self, scenario: Scenario, writer: RunWriter, progress: ProgressFn) -> None:
        writer.trace(np.concatenate([small_trace(), self._commits(scenario)]))
        writer.provenance(platform=self._platform)

    def _commits(self, scenario: Scenario, a_second: int = 400) -> Records:
        count = a_second * round(scenario.duration_s)
        noise = np.convolve(self._random.normal(0, self._sigma, count + 9), np.full(10, 0.1**0.5), "valid")
        commits = np.zeros(count, dtype=TRACE_DTYPE)
        commits["time_ns"] = np.arange(count) * NS // a_second
        commits["subject"] = np.arange(count) % 3
        commits["kind"] = TraceKind.M_BUFFER_COMMIT
        commits["arg"] = 10_000 * self._slow * np.exp(noise)
        return commits


Make = Callable[..., Run]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def run(seed: int, *, of: Scenario | None = None, **how: Any) -> Run:
        return execute(Noisy(seed, **how), of or small_scenario(), tmp_path / f"{len(list(tmp_path.iterdir()))}")

    return run


def verdicts(comparison: Comparison, *kinds: str) -> set[str]:
    return {change.name for change in comparison.changes if change.verdict in kinds}


# ---- statistics ----------------------------------------------------------------------------------


def test_a_run_compared_with_its_like_shows_no_change_at_all(make: Make) -> None:
    result = compare_runs(make(1), make(1))
    assert result.ok
    assert {change.verdict for change in result.changes} == {"same"}
    assert all(change.change == 0 and change.low in (0, None) for change in result.changes)


def test_noise_alone_is_hardly_ever_flagged(make: Make) -> None:
    flagged = [not compare_runs(make(seed), make(100 + seed)).ok for seed in range(20)]
    # The specification allows one false alarm in 20; the noise here moves a second's mean by more than the floor.
    assert sum(flagged) <= 1


@pytest.mark.parametrize(("slow", "verdict"), [(1.1, "regressed"), (0.9, "improved")])
def test_a_tenth_is_found_in_noise(make: Make, slow: float, verdict: str) -> None:
    result = compare_runs(make(3), make(4, slow=slow))
    assert result.ok is (verdict != "regressed")
    assert {"buffer_commit.mean", "buffer_commit.p50"} <= verdicts(result, verdict)
    mean = next(change for change in result.changes if change.name == "buffer_commit.mean")
    assert mean.low is not None and mean.high is not None
    assert mean.low < slow - 1 < mean.high, "the interval holds the change that was made"
    (effect,) = (effect for effect in result.effects if effect.operation == "buffer_commit")
    assert np.sign(effect.cliffs_delta) == np.sign(effect.shift_us) == np.sign(slow - 1)
    assert effect.paired == effect.baseline_count == effect.current_count


def test_a_change_below_the_floor_is_none_however_certain(make: Make) -> None:
    assert compare_runs(make(1), make(1, slow=1.008)).ok
    assert not compare_runs(make(1), make(1, slow=1.03)).ok


def test_the_wall_clock_is_judged_by_medians_and_paces_only(make: Make) -> None:
    assert compare_runs(make(1, platform="tcg"), make(2, slow=1.3, platform="tcg")).ok
    result = compare_runs(make(1, platform="tcg"), make(2, slow=2, platform="tcg"))
    assert verdicts(result, "regressed") == {"buffer_commit.p50"}
    assert {"buffer_commit.mean", "buffer_commit.p95", "cpu.mean"} <= verdicts(result, "not judged")


def test_fewer_frames_and_a_leak_are_regressions(tmp_path: Path) -> None:
    before = execute(RecordedSystem(small_trace()), small_scenario(), tmp_path / "a")
    after = execute(RecordedSystem(small_trace(50, leak_pages=1)), small_scenario(), tmp_path / "b")
    assert {"frame_rate.mean", "memory.leak"} <= verdicts(compare_runs(before, after), "regressed")
    assert "frame_rate.mean" in verdicts(compare_runs(after, before), "improved")


def test_runs_of_another_scenario_system_or_platform_are_not_comparable(make: Make) -> None:
    one = make(1)
    for other in (make(1, of=small_scenario(seed=7)), make(1, of=small_scenario(duration_s=6))):
        with pytest.raises(BadInput, match="the scenarios differ"):
            compare_runs(one, other)
    with pytest.raises(BadInput, match="platform icount and tcg"):
        compare_runs(one, make(1, platform="tcg"))


def test_the_manual_states_each_floor_and_its_reason() -> None:
    manual = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    for floor in {runs.floor_of(name, exact) for name in METRIC_UNITS for exact in (True, False)} - {None}:
        assert floor is not None
        assert floor.reason in manual


# ---- baselines -----------------------------------------------------------------------------------


def test_a_baseline_is_kept_and_replaced_in_one_step(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make(1), make(2)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with pytest.raises(BadInput, match="--save-baseline"):
        baseline.load_baseline(first)
    baseline.save(first)
    assert baseline.load_baseline(second).metrics == first.metrics
    baseline.save(second)
    assert baseline.load_baseline(first).metrics == second.metrics
    assert len(list(Path("runs/baselines").iterdir())) == 2, "the link and one copy"


# ---- attribution, on the kernel ------------------------------------------------------------------


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Clean twice, and with a commit slowed down by a tenth: 29 turns of two instructions upon 583 ns."""
    folder = tmp_path_factory.mktemp("kernels")
    what = files.load("validation/mixed-4").with_overrides(duration_s=6)
    defines = {"clean": (), "again": (), "slow": ("RAYOS_SLOW_COMMIT=29",)}
    return {
        name: execute(KernelSystem(trace_points=True, defines=macros), what, folder / name)
        for name, macros in defines.items()
    }


def test_a_clean_kernel_run_again_is_the_same_to_the_last_segment(kernels: dict[str, Run]) -> None:
    result = compare_runs(kernels["clean"], kernels["again"])
    assert {change.verdict for change in result.changes} == {"same"}
    assert result.operations == ()


def test_a_slow_operation_is_flagged_and_named(kernels: dict[str, Run]) -> None:
    result = compare_runs(kernels["clean"], kernels["slow"])
    assert "buffer_commit.p50" in verdicts(result, "regressed")
    worst = result.operations[0]
    assert worst.operation == OPERATION
    assert worst.low <= worst.change <= worst.high
    # 29 turns are 58 to 60 instructions, of which icount makes as many ns.
    assert worst.low > 0.09 and worst.high < 0.11
    assert worst.share > 0.9
    assert worst.compared > 0.9


def test_a_slow_operation_stands_out_from_calibration(kernels: dict[str, Run]) -> None:
    clean, slow = (
        attribution.attribute_to_calibration(load_calibration(), kernels[name]) for name in ("clean", "slow")
    )
    assert OPERATION not in {one.operation for one in clean}
    assert slow[0].operation == OPERATION
    assert 0.08 < slow[0].change < 0.12


def test_the_shipped_kernel_has_nothing_planted() -> None:
    planted = build_kernel(("RAYOS_SLOW_COMMIT=29",))
    assert build_kernel().sha256 != planted.sha256
