"""Disk errors and the error chain of the specification: tried again, written elsewhere, or told; nothing is lost."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from rayos_model.calibration import load_calibration
from rayos_model.contract.abi import FAULT_TARGET_DISK, BatchTag, Detection, FaultKind, Syscall, ThreadId, TraceKind
from rayos_model.contract.trace_record import Records
from rayos_model.hardware import KernelSystem
from rayos_model.harness.failure import RECOVERY_LIMIT_NS, FailureInjectionResult, FailureInjector, Scenario
from rayos_model.harness.workload import ClientWorkload
from rayos_model.metrics.fault_ledger import InjectedFault
from rayos_model.model import ModelSystem
from rayos_model.run.system import System
from rayos_model.scenario import files
from tests.support.failures import (
    TOLERANCE,
    both_systems,
    calm_run_like,
    check_log,
    failure_markers,
    injected,
    recovery_ns,
    run_that_repeats,
    system_named,
)

MS: Final = 1_000_000
LATE_NS: Final = 2 * MS
"""The compositor is more urgent than the disk thread; and a request takes its time."""
BACKOFFS_NS: Final = (1 * MS, 4 * MS)
RESUME_NS: Final = 20 * MS
READ, WRITE, BAD_BLOCK = 0, 1, 2  # variants of a disk error
READS, WRITES = 0, 1  # ... of an outage
OUTAGE_NS: Final = (300 * MS, 200 * MS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("disk")


def retry_ns(fault: InjectedFault) -> int:
    """From the first refusal to the recovery."""
    assert fault.detected_after_ns is not None
    return recovery_ns(fault) - fault.detected_after_ns


def between(records: Records, begin_ns: int, end_ns: int) -> Records:
    return records[(records["time_ns"] >= begin_ns) & (records["time_ns"] <= end_ns)]


def errors_of(result: FailureInjectionResult, variant: int) -> list[InjectedFault]:
    return [fault for fault in result.of_kind(FaultKind.DISK_ERROR) if fault.variant == variant]


# ---- disk errors --------------------------------------------------------------------------------------------


@both_systems
def test_disk_errors(system_name: str, folder: Path) -> None:
    result = injected("failure-disk", system_name, folder)
    assert {(fault.kind, fault.variant) for fault in result.faults} == {
        *((FaultKind.DISK_ERROR, variant) for variant in (READ, WRITE, BAD_BLOCK)),
        *((FaultKind.DISK_OUTAGE, variant) for variant in (READS, WRITES)),
    }
    assert {fault.target for fault in result.faults} == {FAULT_TARGET_DISK}
    retries = result.run.trace(TraceKind.M_DISK_RETRY)
    for fault in errors_of(result, READ) + errors_of(result, WRITE):
        assert BACKOFFS_NS[0] < retry_ns(fault) < BACKOFFS_NS[0] + LATE_NS, "refused once, tried again"
        during = between(retries, fault.injected_ns, fault.injected_ns + recovery_ns(fault))
        assert during["arg"].tolist() == [fault.variant]
    for fault in errors_of(result, BAD_BLOCK):
        assert sum(BACKOFFS_NS) < retry_ns(fault) < sum(BACKOFFS_NS) + LATE_NS, "refused three times, written elsewhere"
    for fault in result.of_kind(FaultKind.DISK_OUTAGE):
        limit = BACKOFFS_NS[0] + sum(BACKOFFS_NS) + LATE_NS + (RESUME_NS if fault.variant == WRITES else 10 * MS)
        assert recovery_ns(fault) < limit < RECOVERY_LIMIT_NS, "counted from its end"
    assert result.metrics["disk.corrupt"] == 0, "of what is on the disk, every block, and of what was acknowledged"
    if system_name == "kernel":
        assert result.metrics["disk.verified"] > 1000
        assert result.run.provenance["disk"]["wrong"] == []


@both_systems
def test_a_bad_block_is_never_used_again(system_name: str, folder: Path) -> None:
    result = injected("failure-disk", system_name, folder)
    retries, requests = (result.run.trace(kind) for kind in (TraceKind.M_DISK_RETRY, TraceKind.M_DISK_REQUEST))
    written = requests[requests["subject"] & 3 == 1]
    for fault in errors_of(result, BAD_BLOCK):
        end_ns = fault.injected_ns + recovery_ns(fault)
        tried = between(retries, fault.injected_ns, end_ns)
        (block,) = set(tried["subject"].tolist())
        assert len(tried) == len(BACKOFFS_NS)
        later = written[written["time_ns"] > end_ns]
        assert len(later) > 0
        assert not np.any(later["subject"] >> 2 == block)


@both_systems
def test_nobody_else_notices(system_name: str, folder: Path) -> None:
    result = injected("failure-disk", system_name, folder)
    run = calm_run_like(result, system_name, folder)
    assert run.metrics["disk.retries"] == run.metrics["disk.errors"] == 0
    assert len(run.trace(TraceKind.M_FAULT_DETECTED, TraceKind.M_STORE_ERROR)) == 0


def test_the_kernel_repeats_itself_to_the_byte(folder: Path) -> None:
    what = files.load("failure-disk").with_overrides(duration_s=10.0)
    assert run_that_repeats(what, folder).metrics["faults.injected"] > 5


def test_disk_errors_are_predicted(folder: Path) -> None:
    model, kernel = (injected("failure-disk", name, folder) for name in ("model", "kernel"))
    assert [str(m) for m in failure_markers(model.run)] == [str(m) for m in failure_markers(kernel.run)]
    for predicted, measured in zip(model.faults, kernel.faults, strict=True):
        assert (predicted.kind, predicted.variant) == (measured.kind, measured.variant)
        assert recovery_ns(predicted) == pytest.approx(recovery_ns(measured), rel=TOLERANCE)
        assert retry_ns_or_none(predicted) == pytest.approx(retry_ns_or_none(measured), rel=TOLERANCE)


def retry_ns_or_none(fault: InjectedFault) -> int:
    """Of what lasts, recovery is counted from its end."""
    return retry_ns(fault) if fault.kind is FaultKind.DISK_ERROR else recovery_ns(fault)


# ---- the error chain ----------------------------------------------------------------------------------------

COPIERS, PASTERS, EDITORS, OTHERS = (0, 2), (1, 3), (4, 5, 6, 7), (8, 9, 10)
MIMES: Final = 3


@cache
def chain(system_name: str, folder: Path) -> FailureInjectionResult:
    what = files.load("failure-chain")
    seeing: System = (
        KernelSystem(trace_points=True)
        if system_name == "kernel"
        else ModelSystem(load_calibration(), trace_points=True)
    )
    return FailureInjector.for_scenario(what).run(seeing, folder / f"chain-{system_name}")


def sends(result: FailureInjectionResult, client: int, tag: BatchTag) -> Records:
    sent = result.run.trace(TraceKind.P_SEND)
    mine: Records = sent[(sent["subject"] == tag) & (sent["thread"] == ThreadId.CLIENT0 + client)]
    return mine


@both_systems
def test_error_recovery_chain(system_name: str, folder: Path) -> None:
    """Disk → driver → store → whoever asked: a save, a paste; each handles the error, and succeeds later."""
    result = chain(system_name, folder)
    assert result.passed, result.diagnostics
    check_log(result)
    told = result.run.trace(TraceKind.M_STORE_ERROR)
    failed = result.run.trace(TraceKind.M_DISK_ERROR)
    assert [(f.kind, f.variant) for f in result.faults] == [
        (FaultKind.DISK_OUTAGE, variant) for variant in (READS, WRITES, READS, WRITES)
    ]
    for fault in result.faults:
        # The driver tried three times before the store heard of it, and the store before anybody else did.
        end_ns = fault.injected_ns + 500 * MS
        at_disk, at_client = (between(records, fault.injected_ns, end_ns) for records in (failed, told))
        assert len(at_disk) > 0
        assert set(at_disk["arg"].tolist()) == {fault.variant}
        assert at_disk["time_ns"][0] >= fault.injected_ns + sum(BACKOFFS_NS)
        assert at_client["time_ns"][0] > at_disk["time_ns"][0]
        asked = {Syscall.GET} if fault.variant == READS else {Syscall.FLUSH}
        assert set(at_client["arg"].tolist()) == asked
    assert set(told["subject"].tolist()) <= {*COPIERS, *EDITORS}, "only who asked is told"
    assert result.metrics["disk.corrupt"] == 0
    assert all(diagnosis == "left" for diagnosis in departures(result)), "nobody is lost"


def departures(result: FailureInjectionResult) -> list[str]:
    destroyed = result.run.trace(TraceKind.M_CLIENT_DESTROYED)
    assert len(destroyed) == result.run.scenario.client_count
    return ["left" if reason == 0 else "lost" for reason in destroyed["arg"].tolist()]


@both_systems
def test_what_could_not_be_saved_is_saved_later(system_name: str, folder: Path) -> None:
    result = chain(system_name, folder)
    told, durable, left = (
        result.run.trace(kind) for kind in (TraceKind.M_STORE_ERROR, TraceKind.M_DURABLE, TraceKind.M_CLIENT_DESTROYED)
    )
    for editor in EDITORS:
        refusals = told[told["subject"] == editor]["time_ns"]
        saved = durable[durable["subject"] == editor]["time_ns"]
        gone = left[left["subject"] == editor]["time_ns"]
        assert len(refusals) > 1
        assert len(saved) == 1
        assert refusals[-1] < saved[0] < gone[0], "it stays until its work is safe"
    if system_name == "kernel":
        assert result.run.provenance["disk"]["wrong"] == [], "the host finds all of it on the disk"


@both_systems
def test_what_was_pasted_in_part_is_pasted_again(system_name: str, folder: Path) -> None:
    result = chain(system_name, folder)
    told = result.run.trace(TraceKind.M_STORE_ERROR)
    again = 0
    for copier, paster in zip(COPIERS, PASTERS, strict=True):
        refusals = told[told["subject"] == copier]
        pastes, done = sends(result, paster, BatchTag.PASTE), sends(result, paster, BatchTag.PASTE_DONE)
        # Asked for in three types, and once more for each time that it was cut short; the last may be under way.
        assert 0 <= len(pastes) - MIMES * len(done) - len(refusals) < MIMES
        again += len(refusals)
        for fault in result.faults:
            assert np.any(done["time_ns"] > fault.injected_ns + 500 * MS)
    assert again > 10


def test_the_chain_is_predicted(folder: Path) -> None:
    model, kernel = (chain(name, folder) for name in ("model", "kernel"))
    for predicted, measured in zip(model.faults, kernel.faults, strict=True):
        assert recovery_ns(predicted) == pytest.approx(recovery_ns(measured), rel=TOLERANCE)
    ours, theirs = (r.run.trace(TraceKind.M_STORE_ERROR) for r in (model, kernel))
    assert ours[["subject", "arg"]].tolist() == theirs[["subject", "arg"]].tolist()
    assert np.allclose(ours["time_ns"].astype(float), theirs["time_ns"].astype(float), rtol=0, atol=MS)


# ---- with the detector off ------------------------------------------------------------------------------------


def small(failure: Scenario, *workloads: ClientWorkload, **tables: Any) -> FailureInjector:
    return FailureInjector(
        [ClientWorkload.of("rendering", count=2, surface=[64, 64]), *workloads],
        [failure],
        7,
        machine={"memory_mb": 64, "disk_mb": 16, "cache_mb": 1},
        display={"width": 320, "height": 240},
        **tables,
    )


@both_systems
@pytest.mark.parametrize("variant", ["read", "write", "bad_block", "reads", "writes"])
def test_with_the_detector_off_it_is_missed(variant: str, system_name: str, tmp_path: Path) -> None:
    lasts = variant in ("reads", "writes")
    failure = Scenario.of(
        "disk_outage" if lasts else "disk_error", variant=variant, at_s=1.5, **({"duration_s": 0.2} if lasts else {})
    )
    load = {"disk_iops": 600, "disk_depth": 4}
    seeing = small(failure, load=load).run(system_named(system_name), tmp_path / "seeing")
    assert seeing.passed, seeing.diagnostics
    blind = small(failure, load=load).run(system_named(system_name, [Detection.IO_ERROR]), tmp_path / "blind")
    assert not blind.passed
    for metric in ("faults.injected", "faults.undetected", "faults.unrecovered"):
        assert blind.metrics[metric] == 1
    assert str(failure_markers(blind.run)[-1]) == "RAYOS_FAILURE:TEST_COMPLETE:fail"


def test_a_kernel_that_ignores_refusals_loses_what_it_acknowledged(tmp_path: Path) -> None:
    """The device's own answer keeps the promise: without it the work is gone, and the host finds that out."""
    failure = Scenario.of("disk_outage", variant="writes", at_s=1.0, duration_s=0.9)
    editor = ClientWorkload.of("editor", surface=[64, 64], rate_hz=20)
    closing = {"timeline": [{"at_s": 1.2, "action": "close", "group": 1}]}
    blind = small(failure, editor, **closing).run(system_named("kernel", [Detection.IO_ERROR]), tmp_path / "blind")
    assert not blind.passed
    assert len(blind.run.trace(TraceKind.M_DURABLE)) == 1
    assert blind.run.provenance["disk"]["wrong"] == ["editor 2: saved work was acknowledged and is not there"]
