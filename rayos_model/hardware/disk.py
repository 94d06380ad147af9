"""The disk of a run: its image before QEMU starts, and its verification afterwards. Knows no QEMU."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rayos_model.contract import abi, trace_record
from rayos_model.hardware.disk_format import DurableLog, format_image, read_store, verify_stress, verify_work
from rayos_model.run.writer import RunWriter
from rayos_model.scenario.scenario import Scenario
from rayos_model.toolchain.atomic import storing

IMAGE = "disk.img"


def verify(image: Path, scenario: Scenario, durable: DurableLog, writer: RunWriter, *, given: bool) -> None:
    """Verifies the whole image and adds the result to the run: provenance `disk` and one `M_VERIFIED` record.

    `given`: the image is from an earlier run, which may have ended in a power cut. Torn blocks are then no fault, and
    the image is kept; otherwise it is removed when nothing is wrong. Raises `BadInput` when it contains no store.
    """
    store = read_store(image, scenario.seed)
    stressors = {identity: puts for identity, puts in durable.puts.items() if identity >= scenario.client_count}
    wrong = verify_stress(store, stressors) + verify_work(store, durable.puts.keys() - stressors.keys())
    if not given:  # the image began empty and the machine was not killed
        wrong += [f"block {block}: not whole" for block in store.torn]
    writer.provenance(
        disk={
            "blocks": store.blocks,
            "whole": store.used - len(store.torn),
            "torn": len(store.torn),
            "records": len(store.records),
            "wrong": wrong[:100],
        }
    )
    record = np.zeros(1, trace_record.TRACE_DTYPE)
    record["time_ns"] = scenario.duration_ns
    record["kind"] = abi.TraceKind.M_VERIFIED
    record["subject"] = len(wrong)
    record["arg"] = store.used - len(store.torn)
    writer.trace(record)
    if not wrong and not given:
        image.unlink()


def prepare(scenario: Scenario, given: Path | None, writer: RunWriter) -> Path | None:
    """The image of the machine's disk: `given`, or a new, empty one in the run; None when the scenario has no disk.

    Raises `StorageFailure` when there is no room.
    """
    if not scenario.machine.disk_mb:
        return None
    if given is not None:
        return given
    image = writer.file(IMAGE)
    with storing(image, "the disk image"):
        format_image(image, scenario.machine.disk_mb)
    return image
