"""Points: what the model writes for a label reads back as that label."""

from __future__ import annotations

import numpy as np
import pytest

from rayos_model.calibration import load_calibration
from rayos_model.contract.abi import Action
from rayos_model.contract.trace_record import TRACE_DTYPE
from rayos_model.trace.points import record_of, size_names
from rayos_model.trace.segments import segments

KINDS = sorted({*load_calibration().kinds, *(f"compositor.action.{action.name.lower()}" for action in Action)})
THREADS = {"client": 16, "compositor": 2, "launcher": 3}


@pytest.mark.parametrize("kind", KINDS)
def test_a_written_point_reads_back_as_its_label(kind: str) -> None:
    role, _, label = kind.partition(".")
    code, subject, arg = record_of(label, tuple(range(1, 1 + len(size_names(label)))), 0)
    records = np.zeros(1, TRACE_DTYPE)
    records["kind"], records["subject"], records["arg"], records["thread"] = code, subject, arg, THREADS.get(role, 1)
    (read,) = segments(records)["kind"]
    assert read.partition(".")[2] == ("block" if label.startswith("block.") else label)  # the next point names the call
