"""Runs of foreign images, which are not this package's kernel: everything is derived from the marker log.

A log contains no latencies of single events and no dropped frames; such metrics are absent from the run, not 0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rayos_model.contract.abi import MAX_CLIENTS
from rayos_model.contract.markers import Log, parse
from rayos_model.metrics.metrics import SECOND_COLUMNS, Metrics, Value
from rayos_model.run.run import Run
from rayos_model.run.writer import RunWriter
from rayos_model.scenario.scenario import SHORTEST_DURATION_S, Scenario, from_dict
from rayos_model.scenario.tables import LONGEST_S

DEFAULT_TIMEOUT_S: Final = 60.0

_KINDS = {
    "RAYOS_STRESS": "stress",
    "RAYOS_FAILURE": "failure",
    "RAYOS_PERF": "performance",
    "RAYOS_INTEGRATION": "integration",
}


def run_image(path: Path, out: Path | None = None, timeout_s: float | None = None, memory_mb: int = 512) -> Run:
    """Boots any image that prints the markers and keeps its log as a run; `timeout_s`: default 60 s of wall time.

    Raises `BadInput` for a file that is not bootable, and what `hardware.image.boot` raises.
    """
    from rayos_model.hardware.execution import run_blocking
    from rayos_model.hardware.image import BootImage, boot
    from rayos_model.hardware.qemu import find_qemu

    image, qemu = BootImage.at(path), find_qemu()
    done = run_blocking(lambda: boot(qemu, image, memory_mb, DEFAULT_TIMEOUT_S if timeout_s is None else timeout_s))
    log = parse(done.lines)
    with RunWriter(scenario_of(path.stem, log, done.wall_s), "image", out) as writer:
        for line in done.lines:
            writer.marker(line)
        writer.provenance(
            platform="image",
            image=path.name,
            image_kind=image.kind,
            image_sha256=image.sha256,
            ended_by=done.ending,
            qemu_version=qemu.version,
            qemu_arguments=image.command(memory_mb),
            wall_s=round(done.wall_s, 3),
        )
        writer.outcome(metrics_of(log), ())
    assert writer.run is not None
    return writer.run


def scenario_of(name: str, log: Log, wall_s: float) -> Scenario:
    """A scenario with what the log reveals of an image's workload: name, kind, number of clients, duration."""
    starts = log.named("RAYOS_SOAK:START")
    clients = int(starts[0]["clients"]) if starts else 1
    duration_s = float(starts[0]["duration_sec"]) if starts else wall_s
    families = {marker.name.partition(":")[0] for marker in log.markers}
    return from_dict(
        {
            "name": re.sub(r"[^A-Za-z0-9._-]", "-", name).lstrip("._-")[:63] or "image",
            "kind": next((kind for family, kind in _KINDS.items() if family in families), "soak"),
            "description": "A foreign image; the workloads of its clients are not known.",
            "duration_s": min(max(duration_s, SHORTEST_DURATION_S), LONGEST_S),
            "clients": [{"workload": "idle", "count": min(max(clients, 1), MAX_CLIENTS), "stagger_ms": 0}],
        },
        name,
    )


def metrics_of(log: Log) -> Metrics:
    """The metrics in the snapshots of a log: CPU use, memory, frame rate."""
    snapshots = log.named("RAYOS_SOAK:METRICS_SNAPSHOT")
    if not snapshots:
        return Metrics({})
    cpu, memory, p99, fps = (
        [float(one[field]) for one in snapshots] for field in ("cpup", "mem_kb", "latency_us", "fps")
    )
    values = {
        "cpu.mean": Value(_mean(cpu), "%"),
        "cpu.max": Value(max(cpu), "%"),
        "memory.peak": Value(max(memory), "kb"),
        "frame_rate.mean": Value(_mean(fps), "fps"),
        "frame_rate.min": Value(min(fps), "fps"),
        "frame_rate.max": Value(max(fps), "fps"),
    }
    seconds: dict[str, list[float | None]] = {column: [None] * len(cpu) for column in SECOND_COLUMNS}
    seconds["time_s"] = [float(second + 1) for second in range(len(cpu))]
    for column, known in (("cpu_percent", cpu), ("memory_kb", memory), ("p99_us", p99), ("fps", fps)):
        seconds[column] = [*known]
    return Metrics(values, seconds)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
