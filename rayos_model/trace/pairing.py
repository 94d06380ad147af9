"""The same event in two runs: the n-th measurement of a client. Must not know what a difference between them means.

Both systems, and every run of one scenario, draw the same random numbers, so that a client does the same in the same
order; only when and how fast may differ.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rayos_model.contract.trace_record import Records

Indices = NDArray[np.int64]


def pair(first: Records, second: Records) -> tuple[Indices, Indices]:
    """Where the events that both traces have lie in each: two arrays of one length; all records are of one kind."""
    keys = _keys(first), _keys(second)
    _, at_first, at_second = np.intersect1d(*keys, assume_unique=True, return_indices=True)
    return at_first, at_second


def _keys(records: Records) -> Indices:
    """Client and ordinal of each record as one number."""
    order = np.argsort(records["subject"], kind="stable")
    subjects = records["subject"][order].astype(np.int64)
    keys = np.empty(len(records), np.int64)
    keys[order] = subjects << 40 | (np.arange(len(subjects)) - np.searchsorted(subjects, subjects))
    return keys
