"""What several tests share: small scenarios, a system that plays recorded traces, a C compiler."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rayos_model.contract.trace_record import Records, TraceKind
from rayos_model.run.run import Run
from rayos_model.run.system import Progress, ProgressFn
from rayos_model.run.writer import RunWriter
from rayos_model.scenario.scenario import Scenario, from_dict
from rayos_model.scenario.tables import NS
from rayos_model.trace.parquet import record

ROOT = Path(__file__).parent.parent


def small_scenario(**changes: Any) -> Scenario:
    """One rendering client for 5 s, measured from 1 s on; `changes` replaces top-level keys."""
    base: dict[str, Any] = {
        "name": "small",
        "kind": "soak",
        "duration_s": 5,
        "warmup_s": 1,
        "clients": [{"workload": "rendering"}],
    }
    return from_dict({**base, **changes})


def small_trace(flips_a_second: int = 60, latency_ns: int = 5_000_000, leak_pages: int = 0) -> Records:
    """What a healthy run of `small_scenario` leaves: flips, latencies, snapshots, the memory balance."""
    parts = [record(0, TraceKind.M_BASELINE, arg=1000), record(0, TraceKind.M_CLIENT_CREATED)]
    for second in range(5):
        for flip in range(flips_a_second):
            at = second * NS + (2 * flip + 1) * NS // (2 * flips_a_second)
            parts.append(record(at, TraceKind.M_COMMIT_TO_PRESENT, arg=latency_ns))
            parts.append(record(at, TraceKind.M_FLIP, arg=second * flips_a_second + flip))
        end = (second + 1) * NS + 700
        parts += [record(end, TraceKind.M_IDLE, arg=3 * NS // 4), record(end, TraceKind.M_PAGES, arg=1100)]
        parts.append(record(end, TraceKind.M_FREE_BLOCK, subject=2000, arg=1500))
    parts += [record(6 * NS, TraceKind.M_PAGES_PEAK, arg=1200), record(6 * NS, TraceKind.M_CLIENT_DESTROYED)]
    parts.append(record(6 * NS, TraceKind.M_LEAK, arg=leak_pages))
    return np.concatenate(parts)


class RecordedSystem:
    """A system that plays a given trace, or fails with a given exception after it."""

    def __init__(self, records: Records, name: str = "model", failure: BaseException | None = None) -> None:
        self.name = name
        self._records = records
        self._failure = failure

    def run(self, scenario: Scenario, writer: RunWriter, progress: ProgressFn) -> None:
        writer.marker(f"RAYOS_SOAK:START:{scenario.client_count}:{scenario.duration_s:.0f}")
        writer.trace(self._records)
        progress(Progress(scenario.duration_ns, scenario.duration_ns, 60.0))
        if self._failure is not None:
            raise self._failure
        writer.marker("RAYOS_SOAK:COMPLETE:pass")
        writer.provenance(platform="icount")


@pytest.fixture
def compile_and_run(tmp_path: Path) -> Callable[..., str]:
    """Compile a C program for the host with the pinned compiler, run it, return what it prints."""

    def run(source: str, *more: Path) -> str:
        program = tmp_path / "program.c"
        program.write_text(source)
        binary = tmp_path / "program"
        command = [sys.executable, "-m", "ziglang", "cc", "-O1", "-w", "-I", str(ROOT / "kernel")]
        subprocess.run([*command, "-o", str(binary), str(program), *map(str, more)], check=True, timeout=300)
        return subprocess.run([str(binary)], check=True, capture_output=True, text=True, timeout=60).stdout

    return run


def repeated(run: Callable[[Path], Run], folder: Path, first: Run | None = None) -> Run:
    """One of two runs of `run` (or of `first` and one) that are the same to the byte; at most four are tried.

    On a busy host QEMU makes a run in some dozens differ by nanoseconds
    (docs/explanation/kernel.md, "Repeating to the byte").
    """
    runs = [] if first is None else [first]
    for number in range(4):
        again = run(folder / f"repeated-{number}")
        for other in runs:
            if again.markers() == other.markers() and again.trace().tobytes() == other.trace().tobytes():
                return again
        runs.append(again)
    raise AssertionError(f"no two of {len(runs)} runs are the same")
