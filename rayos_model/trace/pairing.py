"""Pairing of events in two runs: the n-th measurement of a client in both. Must not know what differences mean.

All runs of one scenario, on either system, draw the same random numbers. A client therefore does the same things in the
same order; only times differ.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rayos_model.contract.trace_record import Records

Indices = NDArray[np.int64]


def pair(first: Records, second: Records) -> tuple[Indices, Indices]:
    """Indices of the events common to both traces, as two arrays of equal length. All records must be of one kind."""
    keys = _keys(first), _keys(second)
    _, at_first, at_second = np.intersect1d(*keys, assume_unique=True, return_indices=True)
    return at_first, at_second


def _keys(records: Records) -> Indices:
    """Key of each record: its client and its ordinal among that client's records."""
    order = np.argsort(records["subject"], kind="stable")
    subjects = records["subject"][order].astype(np.int64)
    keys = np.empty(len(records), np.int64)
    keys[order] = subjects << 40 | (np.arange(len(subjects)) - np.searchsorted(subjects, subjects))
    return keys
