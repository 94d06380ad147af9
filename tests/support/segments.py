"""Tables of segments, made up for fits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rayos_model.costs.parameters import Scheduling

FREE = Scheduling(dispatch_ns=0, interrupt_ns=0, idle_wake_ns=0)


def table(rows: int = 60, pair: str = "client.block>receive", seed: int = 1, **sizes: object) -> pd.DataFrame:
    """Segments of one pair without a cost yet, at one depth; sizes are columns, drawn at random where not given."""
    rng = np.random.default_rng(seed)
    columns = {"bytes": rng.integers(8, 4096, rows), "writes": rng.integers(1, 9, rows), **sizes}
    return pd.DataFrame(
        {
            "time_ns": np.arange(rows),
            "thread": 16,
            "cpu_ns": 0.0,
            "irqs": 0.0,
            "dispatches": 0.0,
            "depth": 1.0,
            "pair": pair,
            "kind": pair.partition(".")[0] + "." + pair.partition(">")[2],
            **{name: np.broadcast_to(np.asarray(column, np.float64), rows) for name, column in columns.items()},
        }
    )
