"""The disk of a run: its image before QEMU starts, and what the host finds in it afterwards. Knows no QEMU."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rayos_model.contract import abi, trace_record
from rayos_model.hardware.disk_format import DurableLog, format_image, read_store, verify_stress, verify_work
from rayos_model.run.writer import RunWriter
from rayos_model.scenario.scenario import Scenario

IMAGE = "disk.img"


def verify(image: Path, scenario: Scenario, durable: DurableLog, writer: RunWriter, *, given: bool) -> None:
    """Reads the whole image and writes the verdict into the run: provenance `disk`, and one `M_VERIFIED` record.

    An image in which nothing is wrong is removed unless it was `given`: then an earlier life may have been cut short,
    and blocks that are not whole are no fault. Raises `BadInput` when it is no store.
    """
    store = read_store(image, scenario.seed)
    stressors = {identity: puts for identity, puts in durable.puts.items() if identity >= scenario.client_count}
    wrong = verify_stress(store, stressors) + verify_work(store, durable.puts.keys() - stressors.keys())
    if not given:  # an image that began empty, of a machine that was not killed
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
    """The image the machine's disk stands for: `given` as it is, or else a new, empty one in the run.

    None where the scenario has no disk. Raises `OSError` when there is no room.
    """
    if not scenario.machine.disk_mb:
        return None
    if given is not None:
        return given
    image = writer.file(IMAGE)
    format_image(image, scenario.machine.disk_mb)
    return image
