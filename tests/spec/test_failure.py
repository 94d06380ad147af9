"""The failure tests of the specification, by name, on the model and on the kernel; and each with its detector off.

Shortened unless RAYOS_FULL_SOAK=1 (`make soak`), which runs each for the duration its scenario states.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from rayos_model.contract.abi import FAULT_TARGET_HEAP, BatchTag, Detection, FaultKind, TraceKind
from rayos_model.contract.fault_kinds import FAULT_VARIANTS
from rayos_model.contract.markers import parse
from rayos_model.harness.failure import FailureInjectionResult, FailureInjector, Scenario
from rayos_model.harness.workload import ClientWorkload
from rayos_model.run.system import execute
from rayos_model.scenario import files
from tests.support.failures import (
    FULL,
    REFRESH_NS,
    TOLERANCE,
    both_systems,
    failure_markers,
    injected,
    recovery_ns,
    system_named,
)

pytestmark = pytest.mark.timeout(0 if FULL else 600)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("failures")


def variants(result: FailureInjectionResult, kind: FaultKind) -> set[str]:
    return {FAULT_VARIANTS[kind.name.lower()][fault.variant] for fault in result.of_kind(kind)}


# ---- the tests of the specification ----------------------------------------------------------------------


@both_systems
def test_random_client_crashes(system_name: str, folder: Path) -> None:
    result = injected("failure-crashes", system_name, folder)
    assert len(result.faults) == (1000 if FULL else pytest.approx(13 / 0.6, abs=1.5))
    assert variants(result, FaultKind.CLIENT_CRASH) == {"page_fault", "illegal_instruction", "kill"}
    assert len({fault.target for fault in result.faults}) > 8, "crashes are spread over the clients"


@both_systems
def test_buffer_exhaustion_recovery(system_name: str, folder: Path) -> None:
    result = injected("failure-buffers", system_name, folder)
    assert variants(result, FaultKind.BUFFER_EXHAUSTION) == {"memory", "surfaces", "pools"}
    # Each is told by the protocol's own error, no_memory or invalid_fd (2 both), while its fault is open; nobody else.
    errors = result.run.trace(TraceKind.M_PROTOCOL_ERROR)
    assert len(errors) == len(result.faults)
    assert set(errors["arg"]) == {2}
    for error, fault in zip(errors, result.faults, strict=True):
        assert error["subject"] == fault.target
        assert fault.injected_ns < error["time_ns"] < fault.injected_ns + recovery_ns(fault)


@both_systems
def test_event_queue_overflow(system_name: str, folder: Path) -> None:
    result = injected("failure-overflow", system_name, folder)
    for fault in result.faults:
        assert fault.detected_after_ns is not None
        # 16 KiB at 500 motions (28 bytes) and 500 keys (24) a second, motions only up to half of it: 1.0 s. Gaps are
        # exponential, so the sum of some thousand varies by a few per cent.
        assert fault.detected_after_ns == pytest.approx(1.0e9, rel=0.15)
    # Nobody else is affected: the clients that draw beside it keep their pace and their latency.
    assert min(fps for fps in result.metrics.seconds["fps"][1:] if fps is not None) >= 60
    assert result.metrics["commit_to_present.max"] < 50_000


@both_systems
def test_memory_corruption_detection(system_name: str, folder: Path) -> None:
    result = injected("failure-corruption", system_name, folder)
    assert variants(result, FaultKind.MEMORY_CORRUPTION) == {"buffer", "heap"}
    found = parse(result.run.markers()).named("RAYOS_FAILURE:DETECTED")
    kinds = Counter(str(marker["failure_type"]) for marker in found)
    heap = sum(fault.target == FAULT_TARGET_HEAP for fault in result.faults)
    assert kinds == {"red_zone": heap, "crash": len(result.faults) - heap}
    if system_name == "kernel":
        named = [line for line in result.run.markers().splitlines() if line.startswith("RAYOS_DIAG:red_zone:")]
        assert len(named) == heap
        assert all(line.rsplit(":", 1)[1].startswith("ffff8") for line in named), "owner and address are told"


@both_systems
def test_no_corruption_is_invented(system_name: str, tmp_path: Path) -> None:
    """The scrubber's clean run; an hour of it in full."""
    clean = files.load("failure-corruption").model_copy(update={"faults": (), "duration_s": 3600.0 if FULL else 30.0})
    run = execute(system_named(system_name), clean, tmp_path / "run")
    assert run.passed
    assert run.metrics["faults.injected"] == run.metrics["cascades"] == 0
    assert [str(marker) for marker in failure_markers(run)] == ["RAYOS_FAILURE:TEST_COMPLETE:pass"]
    assert "red_zone" not in run.markers()


@both_systems
def test_deadlock_and_hang_detection(system_name: str, folder: Path) -> None:
    result = injected("failure-deadlock", system_name, folder)
    deadlocks, hangs = result.of_kind(FaultKind.DEADLOCK), result.of_kind(FaultKind.HANG)
    assert deadlocks and hangs
    for fault in deadlocks:
        # At the second lock, 2 ms after the first: by the wait-for graph, not by a time-out.
        assert fault.detected_after_ns == pytest.approx(2e6, rel=0.1)
    for fault in hangs:
        assert fault.detected_after_ns is not None
        # Unanswered for 1 s or more at a ping round; the ping after the strike is up to half a second away.
        assert 1.0e9 <= fault.detected_after_ns <= 1.5e9 + 1e6
    assert result.metrics["hangs"] == len(hangs)


@both_systems
def test_hostile_clients(system_name: str, folder: Path) -> None:
    result = injected("failure-hostile", system_name, folder)
    assert result.metrics["protocol_errors"] == len(result.faults)
    assert len(result.faults) == (200 if FULL else 56)


def test_hostile_clients_send_what_they_promise(tmp_path: Path) -> None:
    """Fifty messages each, with all that is refused: ten thousand in the whole scenario."""
    what = files.load("failure-hostile").with_overrides(duration_s=10.0)
    run = execute(system_named("kernel", trace_points=True), what, tmp_path / "run")
    requests = run.trace(TraceKind.P_REQUEST, TraceKind.P_SEND)
    sends = requests[requests["kind"] == TraceKind.P_SEND]
    strikes = run.metrics["faults.injected"]
    assert np.count_nonzero(sends["subject"] == BatchTag.HOSTILE) == strikes
    poison = np.count_nonzero(sends["subject"] == BatchTag.POISON)
    assert poison >= strikes
    batches = sends["arg"][sends["subject"] == BatchTag.HOSTILE]
    assert set(batches) == {49 // 3 * (24 + 36 + 12) + 24}, "seventeen damages, sixteen titles, sixteen pongs"


# ---- model against kernel --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["crashes", "buffers", "overflow", "corruption", "deadlock", "hostile", "mixed"])
def test_recovery_times_are_predicted(kind: str, folder: Path) -> None:
    model, kernel = (injected(f"failure-{kind}", name, folder) for name in ("model", "kernel"))
    assert [(f.kind, f.target) for f in model.faults] == [(f.kind, f.target) for f in kernel.faults]
    for statistic in ("mean", "p50", "max"):
        name = f"recovery.time.{statistic}"
        assert model.metrics[name] == pytest.approx(kernel.metrics[name], rel=TOLERANCE)
    for predicted, measured in zip(model.faults, kernel.faults, strict=True):
        if predicted.target == FAULT_TARGET_HEAP:
            # Found by the scrubber, or before by the owner that frees it: the model knows no objects.
            assert recovery_ns(measured) <= recovery_ns(predicted) + REFRESH_NS
        else:
            # A commit within a microsecond of a repaint point may make it on one system alone.
            assert recovery_ns(predicted) == pytest.approx(recovery_ns(measured), rel=TOLERANCE, abs=REFRESH_NS)
    assert Counter(map(str, failure_markers(model.run))) == Counter(map(str, failure_markers(kernel.run)))


# ---- with the detector off, the same tests fail ------------------------------------------------------------

BLIND: Final[dict[str, tuple[Scenario, Detection]]] = {
    "crash": (Scenario.of("client_crash", variant="page_fault", group=1, at_s=2), Detection.CRASH),
    "buffer overrun": (Scenario.of("memory_corruption", variant="buffer", group=1, at_s=2), Detection.CRASH),
    "heap overrun": (Scenario.of("memory_corruption", variant="heap", at_s=2), Detection.RED_ZONE),
    "memory": (Scenario.of("buffer_exhaustion", variant="memory", group=1, at_s=2), Detection.LIMIT),
    "surfaces": (Scenario.of("buffer_exhaustion", variant="surfaces", group=1, at_s=2), Detection.LIMIT),
    "pools": (Scenario.of("buffer_exhaustion", variant="pools", group=1, at_s=2), Detection.LIMIT),
    "overflow": (Scenario.of("event_queue_overflow", group=0, at_s=2), Detection.OVERFLOW),
    "hang": (Scenario.of("hang", group=1, at_s=2), Detection.HANG),
    "hostile": (Scenario.of("hostile_client", group=1, at_s=2), Detection.PROTOCOL),
    "deadlock": (Scenario.of("deadlock", group=1, at_s=2), Detection.DEADLOCK),
}
LIMITS: Final = {"client_memory_kb": 2048, "client_surfaces": 5, "client_pools": 5}


def small(failure: Scenario, **machine: Any) -> FailureInjector:
    """A small scenario in which this failure is recovered from, while its detector works."""
    return FailureInjector(
        [
            ClientWorkload.of("input", count=2, rate_hz=1500, surface=[64, 64]),
            ClientWorkload.of("rendering", count=2, surface=[64, 64]),
        ],
        [failure],
        8,
        machine={"memory_mb": 64, "ping_interval_s": 100, "lock_timeout_s": 0, **machine},
        display={"width": 320, "height": 240},
        limits=LIMITS,
    )


@both_systems
@pytest.mark.parametrize("what", BLIND)
def test_it_is_found_only_by_its_detector(what: str, system_name: str, tmp_path: Path) -> None:
    failure, detector = BLIND[what]
    machine = {"ping_interval_s": 0.5, "hang_timeout_s": 0.5} if what == "hang" else {}
    seeing = small(failure, **machine).run(system_named(system_name), tmp_path / "seeing")
    assert seeing.passed, seeing.diagnostics
    assert seeing.metrics["faults.injected"] == 1
    blind = small(failure, **machine).run(system_named(system_name, [detector]), tmp_path / "blind")
    assert not blind.passed
    for metric in ("faults.injected", "faults.undetected", "faults.unrecovered"):
        assert blind.metrics[metric] == 1
    assert any("not recovered" in line for line in blind.diagnostics)
    assert str(failure_markers(blind.run)[-1]) == "RAYOS_FAILURE:TEST_COMPLETE:fail"


@both_systems
def test_the_lock_watchdog_is_the_second_line(system_name: str, tmp_path: Path) -> None:
    failure, detector = BLIND["deadlock"]
    result = small(failure, lock_timeout_s=1).run(system_named(system_name, [detector]), tmp_path / "run")
    assert result.passed, result.diagnostics
    assert result.faults[0].detected_after_ns == pytest.approx(1.002e9, rel=0.01)
