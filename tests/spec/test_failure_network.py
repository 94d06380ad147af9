"""The network partition of the specification: noticed by the link and by silence, in step again, others unharmed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from rayos_model.contract.abi import FAULT_TARGET_NETWORK, Detection, FaultKind, TraceKind
from rayos_model.harness.failure import RECOVERY_LIMIT_NS, FailureInjectionResult, FailureInjector, Scenario
from rayos_model.harness.workload import ClientWorkload
from rayos_model.metrics.fault_ledger import InjectedFault
from rayos_model.run.system import execute
from rayos_model.scenario import files
from rayos_model.scenario.scenario import from_dict
from tests.support.failures import (
    TOLERANCE,
    both_systems,
    calm_run_like,
    failure_markers,
    injected,
    recovery_ns,
    run_that_repeats,
    system_named,
)

MS: Final = 1_000_000
WHAT: Final = files.load("failure-partition")
HEARTBEAT_NS: Final = 100 * MS
TIMEOUT_NS: Final = 350 * MS
WAY_NS: Final = 500_000
LATE_NS: Final = 10 * MS
"""The compositor is more urgent than the network thread: for as long as a pass takes."""
LASTS_NS: Final = (800 * MS, 600 * MS)
SERVER_LINK, REMOTE_LINK = 0, 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("network")


def detection_ns(fault: InjectedFault) -> int:
    assert fault.detected_after_ns is not None
    return fault.detected_after_ns


def detections(result: FailureInjectionResult) -> list[str]:
    return [str(m["failure_type"]) for m in failure_markers(result.run) if m.name.endswith(":DETECTED")]


@both_systems
def test_network_partition(system_name: str, folder: Path) -> None:
    result = injected("failure-partition", system_name, folder)
    assert {fault.kind for fault in result.faults} == {FaultKind.NETWORK_PARTITION}
    assert {fault.variant for fault in result.faults} == {SERVER_LINK, REMOTE_LINK}
    assert {fault.target for fault in result.faults} == {FAULT_TARGET_NETWORK}
    noticed = {SERVER_LINK: "link_down", REMOTE_LINK: "heartbeat"}
    assert detections(result) == [noticed[fault.variant] for fault in result.faults]
    for fault in result.faults:
        if fault.variant == SERVER_LINK:
            assert detection_ns(fault) < LATE_NS
        else:
            assert TIMEOUT_NS - HEARTBEAT_NS - LATE_NS < detection_ns(fault) < TIMEOUT_NS + LATE_NS
        # The first heartbeat after the end of the partition is answered: far below the five seconds.
        assert 0 < recovery_ns(fault) < HEARTBEAT_NS + 2 * WAY_NS + LATE_NS < RECOVERY_LIMIT_NS


@both_systems
def test_nothing_arrives_while_parted_and_everything_else_does(system_name: str, folder: Path) -> None:
    result = injected("failure-partition", system_name, folder)
    updates = result.run.trace(TraceKind.M_REMOTE_UPDATE)
    assert np.all(updates["arg"] >= 2 * WAY_NS)
    assert np.all(updates["arg"] < 2 * WAY_NS + LATE_NS)
    times = updates["time_ns"].astype(np.int64)
    sent = int(result.run.scenario.duration_ns // HEARTBEAT_NS)
    lost = 0
    for fault in result.faults:
        end_ns = fault.injected_ns + LASTS_NS[fault.variant]
        assert not np.any((times > fault.injected_ns + 2 * WAY_NS) & (times < end_ns))
        back = int(updates["subject"][np.searchsorted(times, end_ns)])
        assert back == np.ceil(end_ns / HEARTBEAT_NS), "in step again at the first heartbeat"
        before = int(updates["subject"][np.searchsorted(times, fault.injected_ns + 2 * WAY_NS) - 1])
        lost += back - before - 1
    assert lost > 5 * len(result.faults)
    assert sent - lost - len(updates) in (0, 1), "each other update was answered, but for one as the run ended"


@both_systems
def test_local_clients_do_not_notice(system_name: str, folder: Path) -> None:
    """The same frames as without partitions, to within those that a printed line delays past a repaint point."""
    result = injected("failure-partition", system_name, folder)
    run = calm_run_like(result, system_name, folder)
    assert len(run.trace(TraceKind.M_FAULT_DETECTED)) == 0


def test_the_kernel_repeats_itself_to_the_byte(folder: Path) -> None:
    what = WHAT.with_overrides(duration_s=9.0)
    assert run_that_repeats(what, folder).metrics["faults.injected"] > 0


@both_systems
def test_a_frame_is_there_when_it_has_been_sent(system_name: str, folder: Path) -> None:
    """Without latency it is looked at within microseconds: QEMU must not have left it to a later time of its own."""
    what = from_dict(
        {
            "name": "no-latency",
            "duration_s": 3,
            "machine": {"memory_mb": 64},
            "display": {"width": 320, "height": 240},
            "network": {"heartbeat_ms": 10, "timeout_ms": 20, "latency_us": 0},
            "clients": [{"workload": "idle", "surface": [64, 64]}],
        }
    )
    run = execute(system_named(system_name), what, folder / f"no-latency-{system_name}")
    assert run.passed
    updates = run.trace(TraceKind.M_REMOTE_UPDATE)
    assert list(updates["subject"][:299]) == list(range(1, 300))
    assert np.all(updates["arg"] < 100_000)


def test_the_partition_is_predicted(folder: Path) -> None:
    model, kernel = (injected("failure-partition", name, folder) for name in ("model", "kernel"))
    assert [str(m) for m in failure_markers(model.run)] == [str(m) for m in failure_markers(kernel.run)]
    for predicted, measured in zip(model.faults, kernel.faults, strict=True):
        assert predicted.variant == measured.variant
        assert recovery_ns(predicted) == pytest.approx(recovery_ns(measured), rel=TOLERANCE)
        assert detection_ns(predicted) == pytest.approx(detection_ns(measured), rel=TOLERANCE, abs=MS)


# ---- with detectors off ----------------------------------------------------------------------------------


def small(variant: str, **network: Any) -> FailureInjector:
    return FailureInjector(
        [ClientWorkload.of("rendering", count=2, surface=[64, 64])],
        [Scenario.of("network_partition", variant=variant, at_s=1.02, duration_s=0.7)],
        8,
        machine={"memory_mb": 64},
        display={"width": 320, "height": 240},
        network=network,
    )


@both_systems
def test_silence_is_the_second_line(system_name: str, folder: Path) -> None:
    system = system_named(system_name, [Detection.LINK_DOWN])
    result = small("server_link").run(system, folder / f"second-{system_name}")
    assert result.passed, result.diagnostics
    assert detections(result) == ["heartbeat"]


@both_systems
def test_the_link_alone_finds_its_own(system_name: str, folder: Path) -> None:
    system = system_named(system_name, [Detection.HEARTBEAT])
    result = small("server_link").run(system, folder / f"link-{system_name}")
    assert result.passed, result.diagnostics
    assert detections(result) == ["link_down"]


@both_systems
@pytest.mark.parametrize(
    ("variant", "off"),
    [("server_link", (Detection.LINK_DOWN, Detection.HEARTBEAT)), ("remote_link", (Detection.HEARTBEAT,))],
)
def test_with_its_detector_off_the_partition_is_missed(
    variant: str, off: tuple[Detection, ...], system_name: str, folder: Path
) -> None:
    result = small(variant).run(system_named(system_name, off), folder / f"blind-{variant}-{system_name}")
    assert not result.passed
    for metric in ("faults.injected", "faults.undetected", "faults.unrecovered"):
        assert result.metrics[metric] == 1
    assert str(failure_markers(result.run)[-1]) == "RAYOS_FAILURE:TEST_COMPLETE:fail"
